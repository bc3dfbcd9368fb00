"""Only our own host has pages."""

from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import house

FLOW = "/if/flow/default-authentication-flow/"


async def test_a_page_under_a_host_that_is_not_ours_is_misdirected(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        answer = await door.browser("https://evil.example").get(FLOW)
        assert answer.status_code == 421
        assert 'href="https://auth.example.com"' in answer.text
        assert "evil" not in answer.text + str(answer.headers)
        assert (await door.browser("https://AUTH.example.com:443").get(FLOW)).status_code == 200
        static = door.browser("https://hello.example.com")
        assert (await static.get("/ostiary/static/none.css")).status_code == 404


async def test_until_there_is_an_address_every_host_is_served(database: Database, clock: FakeClock) -> None:
    async with house(database, clock, base_url="") as door:
        assert (await door.browser("http://127.0.0.1:9000").get(FLOW)).status_code == 200


async def test_a_declared_proxy_names_the_host(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        behind = door.browser("http://10.0.0.5:9000", peer="10.0.0.1")
        assert (await behind.get(FLOW, X_Forwarded_Host="auth.example.com")).status_code == 200
        forger = door.browser("http://10.0.0.5:9000")
        assert (await forger.get(FLOW, X_Forwarded_Host="auth.example.com")).status_code == 421
