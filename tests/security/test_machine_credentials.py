"""What went wrong elsewhere where programs come with a credential, held shut at the check itself."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from ostiary.events.models import Event
from ostiary.kit.tokens import b64
from tests.clock import FakeClock
from tests.forwardauth.house import Answer, Door, House
from tests.forwardauth.issuer import AUDIENCE, GITHUB, Issuer
from tests.forwardauth.test_machines import app_password, bearer, come

URI = "https://issuer.example/jwks"
WIKI = "https://wiki.example.com/"


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def house(database_url: str, clock: FakeClock, issuer: Issuer) -> AsyncIterator[House]:
    built = House(database_url, clock, fetch=issuer.fetch)
    await built.person("ada")
    yield built
    await built.close()


async def trusting(house: House, host: str = "https://hello.example.com", **trust: Any) -> Door:
    """An application that takes tokens of the issuer, and app passwords."""
    issuer = {"issuer": GITHUB, "audience": AUDIENCE, "jwks_uri": URI, "claim": "actor"} | trust
    return await house.application(host, header_authentication=True, jwt_issuers=[issuer])


async def test_fa_12_what_is_remembered_of_one_application_opens_no_other(house: House) -> None:
    """The same warm credential at another application, host, method and scope is judged afresh, and denied."""
    hello = await trusting(house)
    wiki = await trusting(house, "https://wiki.example.com")
    key = await app_password(house, hello)
    for _ in range(3):
        assert (await come(house, bearer(key))).status == 200
    for method in ("GET", "POST", "HEAD"):
        assert (await come(house, bearer(key), WIKI, method=method)).status == 401
    other = await app_password(house, wiki, "other")
    assert (await come(house, bearer(other), WIKI)).status == 200
    assert (await come(house, bearer(other))).status == 401
    assert (await come(house, bearer(key))).status == 200


async def test_fa_12_a_token_for_one_audience_opens_no_other_application(
    house: House, issuer: Issuer, clock: FakeClock
) -> None:
    await trusting(house)
    await trusting(house, "https://wiki.example.com", audience="https://wiki.example.com")
    token = issuer.github(clock.now())
    for _ in range(3):
        assert (await come(house, bearer(token))).status == 200
    assert (await come(house, bearer(token), WIKI)).status == 401
    both = issuer.github(clock.now(), aud=[AUDIENCE, "https://wiki.example.com"])
    assert (await come(house, bearer(both), WIKI)).status == 200


async def test_fa_13_what_a_rule_demands_is_asked_of_a_warm_credential_again(house: House) -> None:
    """Reading is allowed to all, writing below /admin to nobody: a warm read does not carry a write."""
    door = await trusting(house)
    await door.set(access="bound")
    await house.bind(door, expression="request.method == 'GET' && !request.path.startsWith('/admin')")
    key = await app_password(house, door)
    for _ in range(3):
        assert (await come(house, bearer(key))).status == 200
    assert (await come(house, bearer(key), method="POST")).status == 403
    assert (await come(house, bearer(key), "https://hello.example.com/admin/x")).status == 403
    assert (await come(house, bearer(key))).status == 200


async def test_jo_03_tokens_of_dots_cost_nothing(house: House, issuer: Issuer) -> None:
    await trusting(house)
    for dots in (1, 2, 3, 1000, 16_384, 1_000_000):
        assert (await come(house, bearer("." * dots))).status == 401
        assert (await come(house, bearer("a." * dots + "a"))).status == 401
    assert issuer.asked == 0
    assert house.machines.unknown == 0


@pytest.mark.parametrize("audience", ["https://other.example", [], ["https://other.example"], {}, 1, True, None, ""])
async def test_jo_05_and_jo_06_another_party_s_audience(
    house: House, issuer: Issuer, clock: FakeClock, audience: Any
) -> None:
    await trusting(house)
    assert (await come(house, bearer(issuer.github(clock.now(), aud=audience)))).status == 401
    assert (await come(house, bearer(issuer.github(clock.now(), aud=[AUDIENCE, "x"])))).status == 200


@pytest.mark.parametrize("wrong", [{"exp": None}, {"exp": 0}, {"exp": "x"}, {"exp": [1]}, {"iat": 4_000_000_000}])
async def test_jo_07_times_that_cannot_be(
    house: House, issuer: Issuer, clock: FakeClock, wrong: dict[str, Any]
) -> None:
    await trusting(house)
    assert (await come(house, bearer(issuer.github(clock.now(), **wrong)))).status == 401


async def test_jo_01_jo_04_jo_08_and_py_01_forged_forms(house: House, issuer: Issuer, clock: FakeClock) -> None:
    """Another algorithm, no signature, the public key as a shared secret, JSON form, parts that are missing."""
    await trusting(house)
    token = issuer.github(clock.now())
    head, claims, signature = token.split(".")
    public = json.dumps(issuer.key.public()).encode()

    def header(**values: Any) -> str:
        return b64(json.dumps({"typ": "JWT", "kid": issuer.key.kid} | values).encode())

    def shared(algorithm: str, secret: bytes) -> str:
        signed = f"{header(alg=algorithm)}.{claims}"
        return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"

    for forged in (
        f"{header(alg='none')}.{claims}.",
        f"{header(alg='none')}.{claims}.{signature}",
        f"{header(alg='None')}.{claims}.{signature}",
        f"{header(alg='ES384')}.{claims}.{signature}",
        f"{header(alg='RS256')}.{claims}.{signature}",
        f"{header(alg='ES256', crit=['exp'])}.{claims}.{signature}",
        f"{header(alg='ES256', jwk=Issuer().key.public())}.{claims}.{signature}",
        shared("HS256", public),
        shared("HS256", b""),
        f"{head}.{claims}",
        f"{head}.{claims}.",
        f".{claims}.{signature}",
        f"{head}..{signature}",
        f"{head}.{claims}.{signature}.",
        f"{head}.{claims}.{signature[:-4]}AAAA",
        base64.b64encode(json.dumps({"payload": claims, "signatures": [{"protected": head}]}).encode()).decode(),
        json.dumps({"payload": claims, "protected": head, "signature": signature}),
    ):
        answer: Answer = await come(house, bearer(forged))
        assert answer.status == 401, forged
    assert (await come(house, bearer(token))).status == 200


async def test_py_06_and_py_07_a_broken_key_among_good_ones(house: House, issuer: Issuer, clock: FakeClock) -> None:
    """The good ones work; private members and damaged keys are of no use, and only such keys open nothing."""
    door = await trusting(house)
    good, private = issuer.key.public(), issuer.key.public() | {"d": "AAAA"}
    damaged = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "x"}
    trust = {"issuer": GITHUB, "audience": AUDIENCE, "claim": "actor"}
    for keys, status in (([damaged, good, None], 200), ([damaged, private], 401), ([private, good], 200)):
        await door.set(jwt_issuers=[trust | {"jwks": {"keys": keys}}])
        assert (await come(house, bearer(issuer.github(clock.now())))).status == status


async def test_a_credential_is_told_in_no_log_trace_event_or_metric(
    database_url: str, clock: FakeClock, issuer: Issuer
) -> None:
    house = House(database_url, clock, traced=[], fetch=issuer.fetch)
    await house.person("ada")
    door = await trusting(house)
    await door.set(access="bound")
    key, token = await app_password(house, door), issuer.github(clock.now())
    with capture_logs() as logs:
        for line in (bearer(key), bearer(token), bearer(key[::-1])):
            await come(house, line)
        issuer.away = True
        clock.advance(601)
        await come(house, bearer(issuer.github(clock.now())))
        await house.refusals.flush()
    async with house.database.reading() as r:
        events = [event.context for event in await r.scalars(select(Event))]
    told = repr([logs, house.traced, events, vars(house.machines), house.responder.counts])
    for secret in (key, key[::-1], token, token.rpartition(".")[2]):
        assert secret[:16] not in told
    assert house.traced
    assert logs
    await house.close()
