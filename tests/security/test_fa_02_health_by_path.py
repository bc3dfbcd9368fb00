"""FA-02: in oauth2-proxy a User-Agent equal to the health check's opened the auth endpoint."""

import pytest
import uvicorn
from uvicorn.server import ServerState

from ostiary.web.protocol import Door
from tests.clock import FakeClock
from tests.forwardauth.house import AUTH, House
from tests.web.site import pages
from tests.web.test_protocol_pieces import Wire


async def spoken(house: House, *lines: str) -> bytes:
    door = Door(house.responder, lambda: True)
    config = uvicorn.Config(pages, http=door.protocol, ws="none", lifespan="off", log_config=None)  # type: ignore[arg-type]
    config.load()
    protocol, wire = door.protocol(config, ServerState(), {}), Wire("127.0.0.1")
    protocol.connection_made(wire)
    protocol.data_received(("\r\n".join(lines) + "\r\n\r\n").encode())
    return wire.written


AGENTS = ("kube-probe/1.31", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Blackbox Exporter/0.27", "")


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("path", ["/", "/-/health/live/", "/-/health/ready/", "/outpost.goauthentik.io/ping/x"])
async def test_fa_02_no_agent_and_no_probe_path_opens_the_endpoint(sqlite_url: str, agent: str, path: str) -> None:
    house = House(sqlite_url, FakeClock())
    door = await house.application()
    cookie = await door.session(await house.login(await house.person()))
    try:
        for target in (AUTH, f"{AUTH}?x=/-/health/live/", f"{AUTH}/../../-/health/live/"):
            got = await spoken(
                house,
                f"GET {target} HTTP/1.1",
                "Host: hello.example.com",
                f"X-Original-URL: https://hello.example.com{path}",
                f"User-Agent: {agent}",
            )
            assert got[9:12] != b"200"
        question = (f"GET {AUTH} HTTP/1.1", "Host: x", f"X-Original-URL: https://hello.example.com{path}")
        assert (await spoken(house, *question, f"Cookie: {cookie}"))[9:12] == b"200"
    finally:
        await house.close()


@pytest.mark.parametrize("agent", AGENTS)
async def test_fa_02_health_is_answered_by_its_exact_path(sqlite_url: str, agent: str) -> None:
    house = House(sqlite_url, FakeClock())
    try:
        for host in ("10.0.0.7:9000", "hello.example.com", "auth.example.com"):
            for path in ("/-/health/live/", "/-/health/ready/"):
                got = await spoken(house, f"GET {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {agent}")
                assert got.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
    finally:
        await house.close()
