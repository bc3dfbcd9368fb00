"""What people have earned at sign-in, at the doors of applications that ask for it."""

from datetime import timedelta

from ostiary.access.standings import BELIEVED
from ostiary.policies.models import Policy, ReputationScore
from tests.forwardauth.house import Door, House

FROM = "X-Forwarded-For: 192.0.2.7"


async def closed_to_the_suspicious(house: House, **config: object) -> Door:
    door = await house.application(access="bound")
    config = {"threshold": -2, "check_ip": True, "check_username": True, **config}
    policy = await house.add(Policy, name="suspicious", type="reputation", expression="", config=config)
    await house.bind(door, policy_id=policy, negate=True)
    return door


async def earned(house: House, user_id: int, score: int, ip: str = "192.0.2.7") -> None:
    now = house.clock.now()
    await house.add(
        ReputationScore, subject=f"user:{user_id}", ip=ip, score=score, updated=now, expires=now + timedelta(days=1)
    )


async def test_a_negated_policy_refuses_whoever_has_earned_little(house: House) -> None:
    door = await closed_to_the_suspicious(house)
    ada = await house.person()
    cookie = await door.session(await house.login(ada))
    assert (await house.ask("https://hello.example.com/", cookie, FROM)).status == 200
    await earned(house, ada, -2)
    # What was known a moment ago counts for a while, and then no longer.
    assert (await house.ask("https://hello.example.com/", cookie, FROM, navigation=False)).status == 200
    house.clock.advance(BELIEVED.total_seconds())
    assert (await house.ask("https://hello.example.com/", cookie, FROM, navigation=False)).status == 403


async def test_where_the_address_is_not_known_nobody_passes(house: House) -> None:
    door = await closed_to_the_suspicious(house)
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask("https://hello.example.com/", cookie, navigation=False)).status == 403


async def test_a_policy_about_names_alone_needs_no_address(house: House) -> None:
    door = await closed_to_the_suspicious(house, check_ip=False)
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask("https://hello.example.com/", cookie, navigation=False)).status == 200
