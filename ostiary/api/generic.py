"""The operations that every kind of object has: list, create, retrieve, update, partial update, destroy, used by.

A write is one transaction: the object is found, the caller's permission and what they know of it (``If-Match``) are
judged, the verbs run, and what is stored is read back. Whatever fails leaves nothing behind.
"""

import hashlib
import inspect
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import Select, func, select
from starlette.responses import JSONResponse

from ostiary.api.errors import Changed
from ostiary.api.operations import Asking, Operations, Who, able
from ostiary.api.paging import Page, Sized, Wanted
from ostiary.kit.errors import InvalidInput, NotFound, Refused
from ostiary.objects.kind import ADD, CHANGE, DELETE, VIEW, Caller, Key, Kind, patched
from ostiary.storage.session import Database, Reading

IfMatch = Annotated[str | None, Header(description="The ETag under which the caller knows the object.")]


# So many hits of a search are named one by one.
_FEW_HITS: Final = 500


class UsedByAnswer(BaseModel):
    """An object that refers to another, and what deleting that one does to it."""

    model_config = ConfigDict(title="UsedBy")

    app: str
    model_name: str
    pk: str
    name: str
    action: str


class Generic:
    """Adds a kind's operations. ``path`` is relative, such as ``/core/users/``; ``prefix`` is the first part of
    authentik's operation ids; ``key`` the name of the path's parameter; ``does`` the letters of `L C R U P D B`;
    ``list_for`` who may look, if not whoever holds the permission: the kind then says which they see.
    """

    def __init__(
        self,
        operations: Operations,
        database: Database,
        kind: Kind,
        *,
        path: str,
        prefix: str,
        key: str,
        does: str = "LCRUPDB",
        list_for: Who | None = None,
    ) -> None:
        self._operations = operations
        self._database = database
        self._kind = kind
        self._prefix = prefix
        self._tag = path.strip("/").partition("/")[0]
        self._key = inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, annotation=Key if _is_number(kind.key) else str
        )
        self._one = TypeAdapter(kind.shown)
        paginated = f"Paginated{kind.shown.__name__}List"
        shown: Any = kind.shown
        self._page_type: Any = type(
            paginated,
            (Page[shown],),
            {"__module__": __name__, "model_config": ConfigDict(title=paginated)},
        )
        self._page: TypeAdapter[Any] = TypeAdapter(self._page_type)
        item = f"{path}{{{key}}}/"
        makers = {
            "L": lambda: self._add("GET", path, "list", self._list(), list_for or able(kind), answers=self._page_type),
            "C": lambda: self._add(
                "POST", path, "create", self._create(), able(kind, ADD), status=201, answers=kind.shown
            ),
            "R": lambda: self._add(
                "GET", item, "retrieve", self._retrieve(), list_for or able(kind), answers=kind.shown
            ),
            "U": lambda: self._add(
                "PUT", item, "update", self._update(kind.fields), able(kind, CHANGE), answers=kind.shown
            ),
            "P": lambda: self._add(
                "PATCH",
                item,
                "partial_update",
                self._update(patched(kind.fields)),
                able(kind, CHANGE),
                answers=kind.shown,
            ),
            "D": lambda: self._add("DELETE", item, "destroy", self._destroy(), able(kind, DELETE), status=204),
            "B": lambda: self._add(
                "GET", f"{item}used_by/", "used_by_list", self._used_by(), able(kind), answers=list[UsedByAnswer]
            ),
        }
        for letter in does:
            makers[letter]()
        if kind.ours and "R" in does:
            self._add_whole(f"/ostiary{item}", list_for or able(kind))

    def _add_whole(self, path: str, who: Who) -> None:
        """An address of our own for the whole object, with what authentik lacks."""
        kind = self._kind
        adapter: TypeAdapter[Any] = TypeAdapter(kind.whole)

        async def handler(asking: Caller, **given: Any) -> Response:
            async with self._database.reading() as r:
                row = await found(r, kind, given[self._key.name], asking)
                return _answer(adapter, (await kind.read(r, [row], asking, {}))[0])

        self._operations.add(
            "GET",
            path,
            f"ostiary_{self._prefix}_retrieve",
            _signed(handler, [self._key, _keyword("asking", Asking)]),
            who=who,
            tag="ostiary",
            answers=kind.whole,
            summary=f"Read {kind.words.name} with what authentik lacks: {', '.join(sorted(kind.ours))}",
        )

    def _add(self, method: str, path: str, suffix: str, handler: Any, who: Any, **more: Any) -> None:
        words = self._kind.words
        one = f"{'an' if words.name[0] in 'AEIO' else 'a'} {words.name}"
        summary = {
            "list": f"List {words.plural}",
            "create": f"Make {one}",
            "retrieve": f"Read {one}",
            "update": f"Write {one} whole",
            "partial_update": f"Change some fields of {one}",
            "destroy": f"Delete {one}",
            "used_by_list": f"What refers to {one}",
        }[suffix]
        self._operations.add(
            method, path, f"{self._prefix}_{suffix}", handler, who=who, tag=self._tag, summary=summary, **more
        )

    def _list(self) -> Any:
        kind = self._kind

        async def handler(
            asking: Caller, asked: Wanted, search: str | None, ordering: str | None, **given: Any
        ) -> Response:
            query = narrowed(kind, kind.every(), search, given, asking)
            async with self._database.reading() as r:
                visible = await kind.visible(r, asking)
                if visible is not None:
                    query = query.where(visible)
                query = query.where(*await kind.looking(r, asking, given))
                keys = query.with_only_columns(kind.pk).order_by(None)
                if search:
                    # Whoever searches looks at every row; if little is found, then once and not again for its order.
                    hits = (await r.scalars(keys.limit(_FEW_HITS + 1))).all()
                    if len(hits) <= _FEW_HITS:
                        query = kind.every().where(kind.pk.in_(hits))
                        keys = query.with_only_columns(kind.pk).order_by(None)
                page = query.order_by(*ordered(kind, ordering)).limit(asked.page_size).offset(asked.offset)
                rows = (await r.scalars(page)).all()
                count = asked.offset + len(rows)
                # A page that is not full is the last one.
                if len(rows) == asked.page_size or (asked.offset and not rows):
                    count = await r.scalar(select(func.count()).select_from(keys.subquery())) or 0
                results = await kind.read(r, rows, asking, flags_of(kind, given)) if rows else []
            results = [authentiks(kind, one) for one in results]
            whole = {"pagination": asked.numbers(count), "results": results}
            return _answer(self._page, whole)

        texts = Annotated[str | None, Query(max_length=1024)]
        parameters = [
            _keyword("asking", Asking),
            _keyword("asked", Sized),
            _keyword("search", texts, None),
            _keyword("ordering", texts, None),
        ]
        for name, one in kind.filters.items():
            parameters.append(_keyword(name, Annotated[one.type | None, Query()], None))
        for name, type_ in kind.questions.items():
            parameters.append(_keyword(name, Annotated[type_ | None, Query()], None))
        parameters += self._flags()
        return _signed(handler, parameters)

    def _create(self) -> Any:
        kind = self._kind

        async def handler(asking: Caller, body: BaseModel) -> Response:
            values = body.model_dump(exclude_unset=True)
            async with self._changing() as w:
                await kind.guard(w, asking, ADD, None, values)
                pk = await kind.create(values, asking.actor)
                await self._operations.made(kind, pk, asking)
                return await self._shown(w, await _by_pk(w, kind, pk), asking, status=201)

        return _signed(handler, [_keyword("asking", Asking), _keyword("body", kind.fields)])

    def _retrieve(self) -> Any:
        async def handler(asking: Caller, **given: Any) -> Response:
            async with self._database.reading() as r:
                row = await found(r, self._kind, given[self._key.name], asking)
                return await self._shown(r, row, asking, flags=flags_of(self._kind, given))

        return _signed(handler, [self._key, _keyword("asking", Asking), *self._flags()])

    def _update(self, model: type[BaseModel]) -> Any:
        kind = self._kind

        async def handler(asking: Caller, body: BaseModel, if_match: str | None, **given: Any) -> Response:
            values = body.model_dump(exclude_unset=True)
            async with self._changing() as w:
                row = await found(w, kind, given[self._key.name], asking, CHANGE)
                pk = kind.pk_of(row)
                await self._unchanged(w, row, asking, if_match)
                await kind.guard(w, asking, CHANGE, row, values)
                await kind.update(row, values, asking.actor)
                return await self._shown(w, await _by_pk(w, kind, pk), asking)

        return _signed(
            handler,
            [self._key, _keyword("asking", Asking), _keyword("body", model), _keyword("if_match", IfMatch, None)],
        )

    def _destroy(self) -> Any:
        kind = self._kind

        async def handler(asking: Caller, if_match: str | None, **given: Any) -> Response:
            async with self._changing() as w:
                row = await found(w, kind, given[self._key.name], asking, DELETE)
                await self._unchanged(w, row, asking, if_match)
                await kind.guard(w, asking, DELETE, row, {})
                await kind.delete(row, asking.actor)
            return Response(status_code=204)

        return _signed(handler, [self._key, _keyword("asking", Asking), _keyword("if_match", IfMatch, None)])

    def _used_by(self) -> Any:
        kind = self._kind

        async def handler(asking: Caller, **given: Any) -> Response:
            async with self._database.reading() as r:
                row = await found(r, kind, given[self._key.name], asking)
                users = await kind.used_by(r, row)
            seen = [one for one in users if asking.may.may(f"{one.app}.view_{one.model_name}", one.pk)]
            return JSONResponse([UsedByAnswer(**vars(one)).model_dump() for one in seen])

        return _signed(handler, [self._key, _keyword("asking", Asking)])

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Reading]:
        with self._kind.in_our_words():
            async with self._database.together() as w:
                yield w

    async def _shown(
        self, r: Reading, row: Any, asking: Caller, *, status: int = 200, flags: Mapping[str, bool] | None = None
    ) -> Response:
        shown = (await self._kind.read(r, [row], asking, flags or {}))[0]
        response = _answer(self._one, authentiks(self._kind, shown), status)
        # Of the whole object, however little of it was asked for.
        whole = not flags or all(flags[name] == default for name, default in self._kind.flags.items() if name in flags)
        response.headers["ETag"] = tag_of(
            self._kind, shown if whole else (await self._kind.read(r, [row], asking, {}))[0]
        )
        return response

    async def _unchanged(self, r: Reading, row: Any, asking: Caller, if_match: str | None) -> None:
        if if_match is None or if_match.strip() == "*":
            return
        now = tag_of(self._kind, (await self._kind.read(r, [row], asking, {}))[0])
        if now not in [one.strip() for one in if_match.split(",")]:
            raise Changed(
                "api.changed_meanwhile", "Somebody has changed this since you read it; read it again and decide anew."
            )

    def _flags(self) -> list[inspect.Parameter]:
        return [_keyword(name, bool, default) for name, default in self._kind.flags.items()]


async def found(r: Reading, kind: Kind, key: Any, caller: Caller, verb: str = VIEW) -> Any:
    """The object of that key, if this caller may see it and do that to it.

    Raises `api.not_found`, `api.not_allowed`.
    """
    if isinstance(key, str) and ("\0" in key or len(key) > 255):
        raise no_such_object()
    query = kind.every().where(kind.key == key).execution_options(populate_existing=True)
    visible = await kind.visible(r, caller)
    row = await r.scalar(query if visible is None else query.where(visible))
    if row is None:
        raise no_such_object()
    if verb != VIEW:
        allowed = kind.allowed(verb, caller)
        if allowed is not None and await r.scalar(query.where(allowed)) is None:
            raise only_seen()
    return row


def authentiks(kind: Kind, shown: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what authentik lacks."""
    return {name: value for name, value in shown.items() if name not in kind.ours}


async def _by_pk(r: Reading, kind: Kind, pk: Any) -> Any:
    await r.flush()
    row = await r.scalar(kind.every().where(kind.pk == pk).execution_options(populate_existing=True))
    if row is None:
        raise RuntimeError(f"{kind.words.label} {pk} was written and is not there")
    return row


def narrowed(
    kind: Kind, query: Select[Any], search: str | None, given: Mapping[str, Any], asking: Caller
) -> Select[Any]:
    """Only what the search and the filters ask for."""
    if search:
        query = query.where(kind.searching(search, asking))
    return query.where(*kind.narrowing(given))


def ordered(kind: Kind, wish: str | None) -> list[Any]:
    """The columns to order by, with the primary key last, so that pages never overlap."""
    wish = wish or kind.default_order or next(iter(kind.ordering), "")
    return [*columns_ordered(kind.ordering, wish), kind.pk]


def columns_ordered(columns: Mapping[str, Any], wish: str) -> list[Any]:
    """The columns that a wish such as ``name,-created`` names. Raises `api.ordering_unknown`."""
    found = []
    for name in filter(None, wish.split(",")):
        column = columns.get(name.removeprefix("-"))
        if column is None:
            raise ordering_unknown(columns)
        found.append(column.desc() if name.startswith("-") else column)
    return found


def ordering_unknown(names: Iterable[str]) -> InvalidInput:
    """A list can be ordered by these names and no others."""
    return InvalidInput(
        "api.ordering_unknown",
        f"ordering: it is one of {', '.join(names)}, with - before it for the other way round.",
        field="ordering",
    )


def flags_of(kind: Kind, given: Mapping[str, Any]) -> dict[str, bool]:
    """The kind's flags as they were given."""
    return {name: given[name] for name in kind.flags if name in given}


def tag_of(kind: Kind, shown: Mapping[str, Any]) -> str:
    """The ETag of an object: of what can be written, so that two who change it meet, and of nothing else."""
    names = [name for name in kind.fields.model_fields if name not in kind.unsteady]
    steady = {name: shown.get(name) for name in (*names, *kind.standing_for)}
    text = json.dumps(steady, sort_keys=True, default=str)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _signed(handler: Any, parameters: list[inspect.Parameter]) -> Any:
    """FastAPI reads what an operation takes from its signature."""
    handler.__signature__ = inspect.Signature(parameters)
    return handler


def _answer(adapter: TypeAdapter[Any], value: Any, status: int = 200) -> Response:
    return Response(
        adapter.dump_json(adapter.validate_python(value)), status_code=status, media_type="application/json"
    )


def only_seen() -> Refused:
    """They may see the object, and not do that to it."""
    return Refused("api.not_allowed", "You may see this, but not do that to it.")


def no_such_object() -> NotFound:
    """The same whether it is not there or may not be seen."""
    return NotFound("api.not_found", "There is no such object, or you may not see it.")


def _is_number(column: Any) -> bool:
    return column.type.python_type is int
