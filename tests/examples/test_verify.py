"""The examples that verify a signed identity, run as they are against a real key set and a real assertion."""

import asyncio
import base64
import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from sqlalchemy import select

from ostiary.app import Server
from ostiary.applications.models import Provider
from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.kit.jose import SigningKey
from ostiary.kit.tokens import b64
from ostiary.parts import build
from ostiary.sessions.app_sessions import Redeemed, app_cookie, open_app_session
from ostiary.settings.load import load
from tests.lint.rules import ROOT

EXAMPLES = ROOT / "examples" / "verify"


@dataclass
class Installation:
    """A running one; ``assertion`` came out of a check, ``sign`` signs anything with the key of the house."""

    origin: str
    assertion: str
    server: Server

    def sign(self, claims: dict[str, Any]) -> str:
        key = self.server.table.signing.key
        assert key is not None
        return key.sign(claims)


@pytest.fixture
async def installation(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Installation]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environ = {
            "OSTIARY_DATA_DIR": str(tmp_path),
            "OSTIARY_DATABASE__URL": sqlite_url,
            "OSTIARY_WEB__BASE_URL": origin,
        }
        server = Server(await build(load(None, environ).settings))
        serving = uvicorn.Server(uvicorn.Config(server.asgi, log_level="error", proxy_headers=False))
        running = asyncio.create_task(serving.serve(sockets=[listener]))
        try:
            yield Installation(origin, await assertion(server), server)
        finally:
            serving.should_exit = True
            await running
            await server.close()


async def assertion(server: Server) -> str:
    """What an application gets when ada opens it."""
    parts = server.parts
    proxy = {"external_host": "https://hello.example.com"}
    await parts.applications.add_proxied("hello", access="everyone", proxy=proxy, by=COMMAND)
    await parts.users.create("ada", name="Ada Łove 🦊", by=COMMAND)
    now = datetime.now(UTC)
    async with parts.database.writing() as w:
        ada = await by_username(w, "ada")
        provider = (await w.scalars(select(Provider))).one()
        login = await parts.sessions.start(
            w, user_id=ada.id, method="password", client_ip=None, user_agent="", replaces=None
        )
        session = await parts.sessions.find(w, login)
        assert session is not None
        cookie = app_cookie(provider.uuid)
        opened = await open_app_session(
            w,
            secrets=parts.secrets,
            now=now,
            cookie=cookie,
            redeemed=Redeemed(session.id, now + timedelta(days=1), ""),
            provider_id=provider.id,
            host="hello.example.com",
            seconds=3600,
        )
    head = (
        "GET /ostiary/auth/nginx HTTP/1.1\r\nHost: o\r\nX-Original-URL: https://hello.example.com/\r\n"
        f"X-Original-Method: GET\r\nCookie: {cookie.name(secure=True)}={opened.value}\r\n\r\n"
    )
    found = server.responder.answer(head.encode(), b"GET", b"/ostiary/auth/nginx", "127.0.0.1")
    assert isinstance(found, bytes)
    assert found.startswith(b"HTTP/1.1 200"), found
    return found.decode().partition("X-Ostiary-Jwt-Assertion: ")[2].partition("\r\n")[0]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """How each example is run; scripts/test sees to it that the languages are there."""
    go, node = shutil.which("go"), shutil.which("node")
    assert go, "Go is missing; scripts/test installs it"
    assert node, "Node.js is missing; scripts/test installs it"
    built = tmp_path_factory.mktemp("go") / "verify"
    subprocess.run([go, "build", "-o", str(built), str(EXAMPLES / "verify.go")], check=True, timeout=600)
    return {
        "go": [str(built)],
        "node": [node, "--no-warnings", str(EXAMPLES / "verify.mjs")],
        "python": [sys.executable, str(EXAMPLES / "verify.py")],
    }


async def run(program: list[str], *arguments: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(child.communicate(), 100)
    return child.returncode or 0, out.decode()


def hostile(installation: Installation) -> dict[str, tuple[str, str]]:
    """(application, assertion) pairs that no application may believe, by what is wrong with them."""
    genuine = installation.assertion
    head, body, signature = genuine.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    stranger = SigningKey.generate()
    public = installation.server.table.signing.published[0]
    stranger._header["kid"] = public["kid"]
    none = b64(b'{"alg":"none","typ":"JWT"}')
    symmetric = b64(json.dumps({"alg": "HS256", "kid": public["kid"]}).encode())
    keyed = b64(hmac.digest(json.dumps(public).encode(), f"{symmetric}.{body}".encode(), hashlib.sha256))
    return {
        "another application": ("wiki", genuine),
        "too old": ("hello", installation.sign(claims | {"exp": claims["iat"] - 60})),
        "without an end": ("hello", installation.sign({n: v for n, v in claims.items() if n != "exp"})),
        "another issuer": ("hello", installation.sign(claims | {"iss": "https://elsewhere.example.com"})),
        "another key": ("hello", stranger.sign(claims)),
        "no algorithm": ("hello", f"{none}.{body}."),
        "no algorithm, with a signature": ("hello", f"{none}.{body}.{signature}"),
        "a shared secret": ("hello", f"{symmetric}.{body}.{keyed}"),
        "changed": ("hello", f"{head}.{b64(json.dumps(claims | {'preferred_username': 'bob'}).encode())}.{signature}"),
        "more than a token": ("hello", genuine + ".more"),
        "nothing": ("hello", ""),
    }


@pytest.mark.parametrize("language", ["go", "node", "python"])
@pytest.mark.timeout(600)
async def test_an_example_believes_ostiary_and_nobody_else(
    installation: Installation, programs: dict[str, list[str]], language: str
) -> None:
    program = programs[language]
    assert await run(program, installation.origin, "hello", installation.assertion) == (0, "ada\n")
    for wrong, (application, text) in hostile(installation).items():
        status, printed = await run(program, installation.origin, application, text)
        assert (status != 0, printed) == (True, ""), wrong


async def test_the_key_set_is_public_and_kept_for_a_while(installation: Installation) -> None:
    async with httpx2.AsyncClient() as client:
        for prefix in ("/ostiary", "/outpost.goauthentik.io"):
            # Asked under any name: in a cluster, applications know us by another.
            answer = await client.get(f"{installation.origin}{prefix}/jwks.json", headers={"Host": "ostiary.svc:9000"})
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=300"
            assert answer.headers["content-type"] == "application/jwk-set+json"
            assert [key["kid"] for key in answer.json()["keys"]] == [
                key["kid"] for key in installation.server.table.signing.published
            ]
            assert all(key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in answer.json()["keys"])
