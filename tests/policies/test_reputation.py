from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ostiary.directory.credentials import Attempt
from ostiary.directory.models import User
from ostiary.kit.expressions import Failed
from ostiary.policies.engine import Standing
from ostiary.policies.models import ReputationScore
from ostiary.policies.reputation import LIFETIME, Reputation, ReputationPolicy, of_user, standing_of
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.system.models import StoredSettings
from tests.clock import FakeClock

HERE, THERE = Attempt("192.0.2.7"), Attempt("192.0.2.8")


def asks(what: str, threshold: int) -> ReputationPolicy:
    return ReputationPolicy(check_ip="ip" in what, check_username="name" in what, threshold=threshold)


class Sign:
    """Counts sign-ins, and tells what they come to."""

    def __init__(self, database: Database, clock: FakeClock, secrets: Secrets) -> None:
        self.reputation = Reputation(database=database, clock=clock, secrets=secrets)
        self.database, self.clock = database, clock

    async def ins(self, user: User | None, *, good: bool, times: int = 1, at: Attempt = HERE, typed: str = "x") -> None:
        for _ in range(times):
            async with self.database.writing() as w:
                await self.reputation.attempted(w, user, typed, at, good)

    async def standing(self, subject: str, ip: str | None = "192.0.2.7") -> Standing:
        async with self.database.reading() as r:
            return await standing_of(r, subject, ip, self.clock.now())


@pytest.fixture
def sign(database: Database, clock: FakeClock, secrets: Secrets) -> Sign:
    return Sign(database, clock, secrets)


@pytest.fixture
async def ada(database: Database, clock: FakeClock) -> User:
    async with database.writing() as w:
        user = User(id=1, username="ada", created=clock.now())
        w.add(user)
    return user


async def test_failures_lower_and_successes_raise_within_limits(sign: Sign, ada: User, database: Database) -> None:
    await sign.ins(ada, good=False, times=3)
    await sign.ins(ada, good=True)
    assert await sign.standing(of_user(1)) == Standing(-2, -2, -2)
    await sign.ins(ada, good=False, times=9)
    assert (await sign.standing(of_user(1))).name == -5
    await sign.ins(ada, good=True, times=20)
    assert (await sign.standing(of_user(1))).name == 5
    async with database.writing() as w:
        w.add(StoredSettings(id=1, given={"reputation_lower_limit": -1, "reputation_upper_limit": 2}))
    await sign.ins(ada, good=True)
    assert (await sign.standing(of_user(1))).name == 2
    await sign.ins(ada, good=False, times=9)
    assert (await sign.standing(of_user(1))).name == -1


async def test_names_and_addresses_are_summed_and_what_is_both_counts_once(sign: Sign, ada: User) -> None:
    await sign.ins(ada, good=False, times=2)
    await sign.ins(ada, good=False, at=THERE)
    await sign.ins(None, good=False, typed="nobody")
    assert await sign.standing(of_user(1)) == Standing(-3, -3, -2)
    assert await sign.standing(of_user(1), None) == Standing(-3, None)
    assert await sign.standing(of_user(1), "not an address") == Standing(-3, None)
    asked = {"standing": await sign.standing(of_user(1))}
    for threshold, both, name, address in ((-4, True, False, False), (-5, False, False, False), (-3, True, True, True)):
        assert asks("ip name", threshold).evaluate(asked) is both
        assert asks("name", threshold).evaluate(asked) is name
        assert asks("ip", threshold).evaluate(asked) is address


async def test_a_name_that_nobody_has_is_counted_like_another_and_not_stored(
    sign: Sign, database: Database, secrets: Secrets
) -> None:
    await sign.ins(None, good=False, times=2, typed="Hunter2")
    subject = sign.reputation.subject(None, "hunter2")
    assert (await sign.standing(subject)).name == -2
    async with database.reading() as r:
        row = (await r.scalars(select(ReputationScore))).one()
    assert (row.identifier, row.subject, row.ip) == ("", subject, "192.0.2.7")
    assert "hunter2" not in row.subject.lower()


async def test_behind_an_undeclared_proxy_the_address_is_nobodys(sign: Sign, ada: User) -> None:
    await sign.ins(ada, good=False, at=Attempt("192.0.2.7", shared_peer=True))
    assert await sign.standing(of_user(1)) == Standing(-1, 0, 0)


async def test_an_ipv6_house_is_one_address(sign: Sign, ada: User) -> None:
    await sign.ins(ada, good=False, at=Attempt("2001:db8::1"))
    assert (await sign.standing("", "2001:db8::2")).address == -1
    assert (await sign.standing("", "2001:db8:0:1::2")).address == 0


async def test_a_score_is_forgotten_after_a_day_without_sign_ins(sign: Sign, ada: User, database: Database) -> None:
    await sign.ins(ada, good=False, times=3)
    sign.clock.advance((LIFETIME - timedelta(seconds=1)).total_seconds())
    assert (await sign.standing(of_user(1))).name == -3
    sign.clock.advance(1)
    assert (await sign.standing(of_user(1))).name == 0
    await sign.ins(ada, good=False)
    assert (await sign.standing(of_user(1))).name == -1
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(ReputationScore)) == 1


@pytest.mark.parametrize(
    ("policy", "standing"),
    [
        (asks("ip name", 5), None),
        (asks("ip name", 5), Standing(0, None)),
        (asks("ip", 5), Standing(0, None)),
        (asks("name", 5), Standing(None, 0)),
        (asks("", 5), Standing(0, 0)),
    ],
)
def test_what_is_not_known_does_not_pass(policy: ReputationPolicy, standing: Standing | None) -> None:
    with pytest.raises(Failed):
        policy.evaluate({"standing": standing})
