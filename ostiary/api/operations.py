"""Every operation of the API says who may call it; one that does not cannot be built.

``operations.txt`` lists authentik's operations; those that exist here are marked ``+``. A test holds the marks against
what is built, and every other operation answers 501.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request

from ostiary.api.errors import NotBuilt
from ostiary.kit.errors import Refused
from ostiary.objects.kind import VIEW, Caller, Kind

PREFIX: Final = "/api/v3"
_LIST: Final = Path(__file__).parent / "operations.txt"

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True)
class Who:
    """Who may call an operation. ``passes`` is asked first; which objects, the operation asks for itself."""

    words: str
    passes: Callable[[Caller], bool]


ANYONE: Final = Who("anyone", lambda _: True)
"""Signed in or not."""
SIGNED_IN: Final = Who("signed in", lambda caller: caller.user_id is not None)
"""Whoever has an account, about themselves or what is theirs."""
SUPERUSER: Final = Who("superuser", lambda caller: caller.is_superuser)
"""Whoever may do everything."""


def holding(codename: str) -> Who:
    """Whoever holds this permission, for every object or at least for one: the operation asks which."""
    return Who(codename, lambda caller: caller.may.may(codename) or bool(caller.may.objects_of(codename)))


def able(kind: Kind, verb: str = VIEW) -> Who:
    """Whoever may do that to some object of the kind, owners of their own included."""

    def passes(caller: Caller) -> bool:
        if caller.user_id is None:
            return False
        if verb != VIEW and kind.superusers_only:
            return caller.is_superuser
        name = kind.codename(verb)
        return kind.owner is not None or caller.may.may(name) or bool(caller.may.objects_of(name))

    return Who(kind.codename(verb), passes)


@dataclass(frozen=True)
class Operation:
    """One line of the authorization matrix. ``path`` is relative to ``/api/v3``."""

    method: str
    path: str
    name: str
    who: Who


def caller_of(request: Request) -> Caller:
    """The caller, found out before any operation ran."""
    caller: Caller = request.state.caller
    return caller


Asking = Annotated[Caller, Depends(caller_of)]
"""The parameter by which an operation gets its caller."""


async def _nothing(kind: Kind, pk: Any, caller: Caller) -> None:
    """What happens to a new object where roles have no initial permissions."""


@dataclass
class Operations:
    """Collects operations and builds each with its guard."""

    made: Callable[[Kind, Any, Caller], Awaitable[None]] = _nothing
    """Called with each object that a caller made, within the transaction that made it."""
    built: list[Operation] = field(default_factory=list)
    _routes: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        method: str,
        path: str,
        name: str,
        handler: Callable[..., Awaitable[Any]],
        *,
        who: Who,
        tag: str,
        status: int = 200,
        answers: Any = None,
        **more: Any,
    ) -> None:
        """``name`` is authentik's operation id, such as ``core_users_list``; ``answers`` the type of the answer."""

        def guard(request: Request) -> None:
            caller = caller_of(request)
            if not who.passes(caller):
                raise _refused(caller)

        self._routes.append(
            {
                "path": path,
                "endpoint": handler,
                "methods": [method],
                "operation_id": name,
                "name": name,
                "status_code": status,
                "response_model": answers,
                "tags": [tag],
                "dependencies": [Depends(guard)],
                **more,
            }
        )
        self.built.append(Operation(method, path, name, who))

    def operation(
        self,
        method: str,
        path: str,
        name: str,
        *,
        who: Who,
        tag: str,
        status: int = 200,
        answers: Any = None,
        **more: Any,
    ) -> Callable[[Handler], Handler]:
        """The same as a decorator."""

        def decorate(handler: Handler) -> Handler:
            self.add(method, path, name, handler, who=who, tag=tag, status=status, answers=answers, **more)
            return handler

        return decorate

    def router(self) -> APIRouter:
        """All of them, and what authentik has and we do not: each of those answers 501, and never does half of it."""
        ours = {(one.method, one.path) for one in self.built}
        missing = [
            {
                "path": path,
                "endpoint": _not_built,
                "methods": [method],
                "name": name,
                "include_in_schema": False,
                "response_model": None,
            }
            for method, path, name, _ in listed()
            if (method, path) not in ours
        ]
        router = APIRouter(prefix=PREFIX)
        # The first that fits answers, so what is spelled out comes before what stands for anything.
        for route in sorted([*self._routes, *missing], key=lambda route: _open_segments(route["path"])):
            router.add_api_route(**route)
        return router


def listed() -> Iterator[tuple[str, str, str, bool]]:
    """Method, path, operation id of everything that authentik has, and whether it exists here."""
    for line in _LIST.read_text().splitlines():
        mark, method, path, name = line.split(" ")
        yield method, path, name, mark == "+"


def _open_segments(path: str) -> list[bool]:
    return [segment.startswith("{") for segment in path.split("/")]


async def _not_built() -> None:
    raise NotBuilt("api.not_built", "authentik has this operation; Ostiary does not, or not yet.")


def _refused(caller: Caller) -> Refused:
    if caller.user_id is None:
        return Refused("api.not_authenticated", "This needs a token or a session, and the request has neither.")
    return Refused("api.not_allowed", "You do not have the permission for this.")
