from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from ostiary.access.served import Rules
from ostiary.applications.path_secrets import PURPOSE
from ostiary.applications.path_secrets import PathSecrets as Verbs
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.forwardauth.path_secrets import PathSecrets
from ostiary.storage.secrets import Secrets
from ostiary.web.logs import masked
from tests.clock import FakeClock
from tests.forwardauth.house import AUTH, House

OLD = Secrets(["o" * 32])
SECRETS = Secrets(["k" * 32, "o" * 32])


def rules(*stored: tuple[str, datetime | None]) -> Rules:
    built = Rules("https://auth.example.com")
    built.path_secrets = stored
    return built


def test_nothing_is_demanded_until_one_is_in_force(clock: FakeClock) -> None:
    mine, now = PathSecrets(secrets=SECRETS), clock.now()
    kept = SECRETS.hash(PURPOSE, b"a" * 43)
    assert not mine.demanded(rules(), now)
    assert mine.demanded(rules((kept, None)), now)
    assert mine.demanded(rules((kept, now + timedelta(seconds=1))), now)
    assert not mine.demanded(rules((kept, now)), now)
    assert PathSecrets(secrets=SECRETS, configured=["s" * 32]).demanded(rules(), now)


def test_those_of_the_settings_and_the_stored_ones_are_good(clock: FakeClock) -> None:
    mine, now = PathSecrets(secrets=SECRETS, configured=["s" * 32, "t" * 32]), clock.now()
    stored = rules(
        (SECRETS.hash(PURPOSE, b"a" * 43), None),
        (OLD.hash(PURPOSE, b"b" * 43), None),
        (SECRETS.hash(PURPOSE, b"c" * 43), now + timedelta(hours=1)),
    )
    for good in (b"s" * 32, b"t" * 32, b"a" * 43, b"b" * 43, b"c" * 43):
        assert mine.genuine(stored, good, now)
    assert not mine.genuine(stored, b"c" * 43, now + timedelta(hours=1))


@pytest.mark.parametrize("given", [b"", b"a" * 42, b"a" * 44, b"A" * 43, b"a" * 43 + b"/", b"a" * 1000, b"\xff" * 43])
def test_anything_else_is_not(given: bytes, clock: FakeClock) -> None:
    mine = PathSecrets(secrets=SECRETS, configured=["s" * 32])
    assert not mine.genuine(rules((SECRETS.hash(PURPOSE, b"a" * 43), None)), given, clock.now())


async def test_each_change_counts_at_once_at_a_worker_that_is_new_and_at_one_that_is_not(
    house: House, database_url: str, clock: FakeClock
) -> None:
    """`house` has answered before each change; what is asked anew each time has answered nothing yet."""
    verbs = Verbs(database=house.database, clock=clock, secrets=house.secrets)
    door = await house.application()
    cookie = await door.session(await house.login(await house.person()))

    async def told(*targets: str) -> list[str]:
        fresh = House(database_url, clock)
        await house.let_know()
        answers = [
            (
                await worker.ask(cookie=cookie, target=target, peer="127.0.0.1" if target == AUTH else "203.0.113.9")
            ).reason
            or "let in"
            for worker in (house, fresh)
            for target in targets
        ]
        await fresh.close()
        assert answers[: len(targets)] == answers[len(targets) :]
        return answers[: len(targets)]

    assert await told(AUTH) == ["let in"]
    first = f"{AUTH}~{(await verbs.add('edge', by=COMMAND))[1]}"
    assert await told(AUTH, first, first[:-1] + "_") == ["path_secret_wrong", "let in", "path_secret_wrong"]
    second = f"{AUTH}~{(await verbs.rotate('edge', keep=timedelta(hours=1), by=COMMAND))[1]}"
    assert await told(AUTH, first, second) == ["path_secret_wrong", "let in", "let in"]
    clock.advance(3600)
    assert await told(AUTH, first, second) == ["path_secret_wrong", "path_secret_wrong", "let in"]
    await verbs.delete("edge", by=COMMAND)
    assert await told(AUTH, second) == ["let in", "path_secret_wrong"]


async def test_a_peer_that_is_declared_does_not_replace_a_stored_secret(house: House, clock: FakeClock) -> None:
    _, secret = await Verbs(database=house.database, clock=clock, secrets=house.secrets).add("edge", by=COMMAND)
    await house.application()
    for target in (AUTH, AUTH + "~", f"{AUTH}~{secret}x", f"{AUTH}~{secret}/..", f"{AUTH}?~{secret}"):
        answer = await house.ask(target=target)
        assert answer.status in (403, 404), target
    assert (await house.ask(target=f"{AUTH}~{secret}?x=1", peer="203.0.113.9")).status == 401


async def test_a_secret_is_told_in_no_answer_log_trace_or_event(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, traced=[])
    _, secret = await Verbs(database=house.database, clock=clock, secrets=house.secrets).add("edge", by=COMMAND)
    door = await house.application(access="bound")
    cookie = await door.session(await house.login(await house.person()))
    told: list[object] = []
    with capture_logs() as logs:
        for dialect in ("nginx", "traefik", "caddy", "envoy", "haproxy", "nic", "ngf", "none"):
            for given in (secret, secret[:-1] + "_"):
                told.append(await house.raw(cookie=cookie, target=f"/ostiary/auth/{dialect}~{given}"))
        await house.refusals.flush()
    async with house.database.reading() as r:
        told += [event.context for event in await r.scalars(select(Event))]
    told += [logs, house.traced, house.responder.counts]
    assert secret[:12] not in repr(told)
    assert len(house.traced or []) == 16
    # What a server's own access log or an error of somebody else might hold is masked on its way out.
    assert secret not in masked(f"GET /ostiary/auth/nginx~{secret} HTTP/1.1")
    await house.close()
