"""Tokens of issuers that an application trusts: pods of a cluster, jobs of a forge."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.applications.models import ProxyProvider
from ostiary.directory.models import User
from ostiary.events.models import Event
from ostiary.kit.http import Outgoing
from tests.clock import FakeClock
from tests.forwardauth.house import Answer, Door, House
from tests.forwardauth.issuer import AUDIENCE, BRANCH, GITHUB, KUBERNETES, ROBOT, Issuer
from tests.rig.stub_servers import Answer as Served
from tests.rig.stub_servers import StubServer

URI = "https://issuer.example/jwks"


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def house(database_url: str, clock: FakeClock, issuer: Issuer) -> AsyncIterator[House]:
    """ada is a person, robot a service account."""
    built = House(database_url, clock, fetch=issuer.fetch)
    await built.person("ada")
    await built.person("robot", type="service_account")
    yield built
    await built.close()


def kubernetes(issuer: Issuer) -> dict[str, Any]:
    """Trust in a cluster whose keys an administrator gave."""
    return {
        "issuer": KUBERNETES,
        "audience": AUDIENCE,
        "jwks": issuer.jwks(),
        "claim": "sub",
        "users": {ROBOT: "robot"},
    }


GITHUB_TRUST = {
    "issuer": GITHUB,
    "audience": AUDIENCE,
    "jwks_uri": URI,
    "claim": "sub",
    "users": {BRANCH: "robot"},
}


async def trusting(house: House, *issuers: dict[str, Any], **values: Any) -> Door:
    return await house.application(header_authentication=True, jwt_issuers=list(issuers), **values)


async def come(house: House, token: str, url: str = "https://hello.example.com/", **options: Any) -> Answer:
    await house.let_know()
    return await house.ask(url, None, f"Authorization: Bearer {token}", **{"navigation": False} | options)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "Ed25519"])
async def test_a_pod_comes_in_as_the_user_that_its_account_stands_for(
    database_url: str, clock: FakeClock, algorithm: str
) -> None:
    issuer = Issuer(algorithm)
    house = House(database_url, clock)
    await house.person("robot")
    await trusting(house, kubernetes(issuer))
    for _ in range(2):
        answer = await come(house, issuer.kubernetes(clock.now()))
        assert (answer.status, answer.headers["x-authentik-username"]) == (200, "robot")
    assert issuer.asked == 0
    await house.close()


async def test_a_job_comes_in_with_keys_that_are_fetched_once(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, GITHUB_TRUST)
    for number in range(5):
        answer = await come(house, issuer.github(clock.now(), jti=str(number)))
        assert (answer.status, answer.headers["x-authentik-username"]) == (200, "robot")
    assert issuer.asked == 1


async def test_a_claim_may_be_the_username_itself(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, {"issuer": GITHUB, "audience": AUDIENCE, "jwks_uri": URI, "claim": "actor"})
    answer = await come(house, issuer.github(clock.now()))
    assert answer.headers["x-authentik-username"] == "ada"
    for actor in ("nobody", "", " ada", "ADA", "ａｄａ", ["ada"], {"ada": 1}, 1, True, None):
        assert (await come(house, issuer.github(clock.now(), actor=actor))).status == 401, actor


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://other.example"},
        {"iss": KUBERNETES + "/"},
        {"iss": None},
        {"aud": "https://wiki.example.com"},
        {"aud": ["https://wiki.example.com"]},
        {"aud": []},
        {"aud": None},
        {"aud": 7},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"sub": "system:serviceaccount:ci:other"},
        {"sub": None},
    ],
)
async def test_anything_else_is_not_recognised(
    house: House, issuer: Issuer, clock: FakeClock, wrong: dict[str, Any]
) -> None:
    await trusting(house, kubernetes(issuer))
    answer = await come(house, issuer.kubernetes(clock.now(), **wrong))
    assert (answer.status, answer.reason) == (401, "no_cookie")
    assert (await come(house, issuer.kubernetes(clock.now()))).status == 200


async def test_a_token_that_never_ends_is_verified_again_all_the_same(
    house: House, issuer: Issuer, clock: FakeClock
) -> None:
    await trusting(house, kubernetes(issuer))
    token = issuer.kubernetes(clock.now(), exp=10**18)
    assert (await come(house, token)).status == 200
    assert [machine.ends.timestamp() - clock.now().timestamp() for machine in house.met._met.values()] == [600]


async def test_another_s_key_opens_nothing(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, kubernetes(issuer))
    assert (await come(house, Issuer().kubernetes(clock.now()))).status == 401
    assert house.machines.unknown == 1


async def test_its_time_is_the_clock_s(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, GITHUB_TRUST)
    token = issuer.github(clock.now())
    assert (await come(house, token)).status == 200
    # Clocks may differ by half a minute.
    clock.advance(330)
    assert (await come(house, token)).status == 401


async def test_a_new_key_of_the_issuer_is_found(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, GITHUB_TRUST)
    assert (await come(house, issuer.github(clock.now()))).status == 200
    issuer.rotate()
    # Not at once: whoever invents key ids would have us fetch for each of them.
    assert (await come(house, issuer.github(clock.now()))).status == 401
    assert issuer.asked == 1
    clock.advance(60)
    assert (await come(house, issuer.github(clock.now()))).status == 200
    assert issuer.asked == 2


async def test_a_key_that_the_issuer_withdrew_is_believed_ten_minutes_more_and_no_longer(
    house: House, issuer: Issuer, clock: FakeClock
) -> None:
    await trusting(house, GITHUB_TRUST)
    token = issuer.github(clock.now(), exp=int(clock.now().timestamp()) + 86_400)
    assert (await come(house, token)).status == 200
    issuer.rotate()
    clock.advance(599)
    assert (await come(house, token)).status == 200
    clock.advance(1)
    assert (await come(house, token)).status == 401


async def test_an_issuer_that_is_away_is_believed_for_an_hour(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, GITHUB_TRUST)
    assert (await come(house, issuer.github(clock.now()))).status == 200
    issuer.away = True
    clock.advance(3599)
    assert (await come(house, issuer.github(clock.now()))).status == 200
    clock.advance(1)
    assert (await come(house, issuer.github(clock.now()))).status == 401
    assert (await house.ask()).status == 401


async def test_strangers_make_us_ask_once_a_minute(house: House, issuer: Issuer, clock: FakeClock) -> None:
    issuer.away = True
    await trusting(house, GITHUB_TRUST)
    for _ in range(20):
        assert (await come(house, Issuer().github(clock.now()))).status == 401
    assert issuer.asked == 1


async def test_trust_that_is_withdrawn_ends_at_the_next_check(house: House, issuer: Issuer, clock: FakeClock) -> None:
    await trusting(house, kubernetes(issuer))
    token = issuer.kubernetes(clock.now())
    assert (await come(house, token)).status == 200
    await house.update(ProxyProvider, ProxyProvider.id > 0, jwt_issuers=[])
    assert (await come(house, token)).status == 401
    await house.update(ProxyProvider, ProxyProvider.id > 0, jwt_issuers=[kubernetes(issuer) | {"users": {"x": "ada"}}])
    assert (await come(house, token)).status == 401


async def test_the_person_behind_it_decides_as_always(house: House, issuer: Issuer, clock: FakeClock) -> None:
    door = await trusting(house, kubernetes(issuer), access="bound")
    token = issuer.kubernetes(clock.now())
    assert (await come(house, token)).status == 403
    await house.refusals.flush()
    async with house.database.reading() as r:
        (event,) = [e for e in await r.scalars(select(Event)) if e.action == "access_refused"]
        robot = await r.scalar(select(User.id).where(User.username == "robot"))
    assert event.context["session"] == f"token of {KUBERNETES}"
    await house.bind(door, user_id=robot)
    assert (await come(house, token)).status == 200
    await house.update(User, User.username == "robot", is_active=False)
    assert (await come(house, token)).status == 403
    await house.delete(User, User.username == "robot")
    assert (await come(house, token)).status == 401


@pytest.mark.parametrize(
    "stored",
    [
        "no list",
        [None, 1, "x", {}, {"issuer": KUBERNETES}],
        [{"issuer": KUBERNETES, "audience": AUDIENCE, "jwks": {"keys": []}}],
        [{"issuer": KUBERNETES, "audience": AUDIENCE, "jwks": {"keys": [{"kty": "oct", "k": "aGVsbG8"}]}}],
        [{"issuer": KUBERNETES, "audience": "", "jwks_uri": URI}],
        [{"issuer": KUBERNETES, "audience": AUDIENCE}],
        [{"issuer": KUBERNETES, "audience": AUDIENCE, "jwks_uri": URI, "users": ["robot"]}],
    ],
)
async def test_trust_that_cannot_be_read_opens_nothing(
    house: House, issuer: Issuer, clock: FakeClock, stored: Any
) -> None:
    door = await trusting(house, kubernetes(issuer))
    await door.set(jwt_issuers=stored)
    assert (await come(house, issuer.kubernetes(clock.now()))).status == 401


async def test_the_keys_come_over_the_wire(database_url: str, clock: FakeClock, issuer: Issuer) -> None:
    with StubServer(lambda seen: Served(200, body=json.dumps(issuer.jwks()).encode())) as server:
        outgoing = Outgoing(private_networks=True)
        house = House(database_url, clock, fetch=lambda uri: outgoing.get(uri, limit=65_536))
        await house.person("robot")
        await trusting(house, GITHUB_TRUST | {"jwks_uri": f"http://{server.address}/jwks"})
        assert (await come(house, issuer.github(clock.now()))).status == 200
        await house.close()
    assert [seen.target for seen in server.seen] == ["/jwks"]
