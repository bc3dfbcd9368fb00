"""A served installation in a thread of its own, and clients for it."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import authentik_client
import httpx2
import uvicorn

from ostiary.app import Server
from ostiary.directory.models import Role, RolePermission, RoleUser
from ostiary.directory.passwords import Passwords
from ostiary.events.record import COMMAND
from ostiary.parts import Parts, build
from ostiary.settings.tree import Settings

T = TypeVar("T")

PASSWORD = "correct horse battery"


class ApiHouse:
    """``parts`` live in the server's loop: reach them with `run`."""

    def __init__(self, origin: str, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.origin, self.parts, self._loop = origin, parts, loop
        self._numbers = itertools.count(1)
        self._clients: list[authentik_client.ApiClient] = []
        self.root = self.token(superuser=True)

    def run(self, work: Awaitable[T]) -> T:
        """Runs something of the house where the house lives."""

        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(60)

    def unique(self, stem: str) -> str:
        """A name that no other test of this house has."""
        return f"{stem}-{next(self._numbers)}"

    def token(self, *permissions: str | tuple[str, object], superuser: bool = False, username: str = "") -> str:
        """The key of an API token of a new person with these permissions, each a codename or one with an object."""
        return self.run(self._token(permissions, superuser, username or self.unique("person")))

    async def _token(self, permissions: tuple[Any, ...], superuser: bool, username: str) -> str:
        parts = self.parts
        groups = []
        if superuser:
            name = f"superusers-{username}"
            await parts.groups.create(name, is_superuser=True, by=COMMAND)
            groups = [name]
        user = await parts.users.create(username, password=PASSWORD, groups=groups, by=COMMAND)
        if permissions:
            async with parts.database.writing() as w:
                role = Role(name=f"of {username}")
                w.add(role)
                await w.flush()
                w.add(RoleUser(role_id=role.id, user_id=user.id))
                for one in permissions:
                    codename, pk = one if isinstance(one, tuple) else (one, "")
                    w.add(RolePermission(role_id=role.id, codename=codename, object_pk=str(pk)))
        _, key = await parts.tokens.create(f"token-{username}", user_id=user.id, expires=None, by=COMMAND)
        return key

    def client(self, token: str | None = None) -> authentik_client.ApiClient:
        """authentik's own client, as the house's superuser if no token is given."""
        configuration = authentik_client.Configuration(
            host=f"{self.origin}/api/v3", access_token=self.root if token is None else token
        )
        client = authentik_client.ApiClient(configuration)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Gives back the sockets that the clients keep."""
        for client in self._clients:
            client.rest_client.pool_manager.clear()

    def http(self, token: str | None = None) -> httpx2.Client:
        """Plain HTTP below `/api/v3`, with this token or, if it is empty, as nobody."""
        key = self.root if token is None else token
        return httpx2.Client(
            base_url=f"{self.origin}/api/v3", headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=30
        )


@contextmanager
def running(url: str, **settings: Any) -> Iterator[ApiHouse]:
    """Serves the installation on this database, with passwords that cost nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        given = {"secret_key": ["k" * 32], "database": {"url": url}, "web": {"base_url": origin}, **settings}
        started: list[Any] = []
        ready = threading.Event()

        async def main() -> None:
            parts = await build(Settings.model_validate(given))
            _make_cheap(parts.passwords)
            server = Server(parts)
            web = uvicorn.Server(uvicorn.Config(server.asgi, log_level="error", proxy_headers=False))
            started.extend([parts, asyncio.get_running_loop(), web])
            ready.set()
            await web.serve(sockets=[listener])
            await server.close()

        def body() -> None:
            try:
                asyncio.run(main())
            finally:
                ready.set()

        thread = threading.Thread(target=body)
        thread.start()
        ready.wait(60)
        try:
            parts, loop, _ = started
            house = ApiHouse(origin, parts, loop)
            yield house
            house.close()
        finally:
            if started:
                started[2].should_exit = True
            thread.join(30)


def _make_cheap(passwords: Passwords) -> None:
    cheap = Passwords(memory_kib=64, passes=1)
    vars(passwords).update({**vars(cheap), "judges": passwords.judges})


def called(work: Callable[[], T]) -> tuple[int, Any]:
    """The status and body of a call of authentik's client that is refused."""
    try:
        work()
    except authentik_client.ApiException as refused:
        return refused.status, refused.body
    raise AssertionError("the call was not refused")
