from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.directory.models import Group
from ostiary.events.record import COMMAND
from ostiary.keys.keyring import PUBLISHED
from ostiary.keys.models import SigningKey as Row
from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import PublicKeys, SigningKey
from ostiary.sessions.models import Session
from tests.forwardauth.house import Answer, Door, House

ISSUER = "https://auth.example.com"
HEADER = "x-ostiary-jwt-assertion"


def verified(house: House, answer: Answer, audience: str = "hello", now: Any = None) -> dict[str, Any]:
    """The claims of an answer's assertion, as an application reads them."""
    keys = PublicKeys(house.table.signing.published)
    return keys.verify(
        answer.headers[HEADER], issuer=ISSUER, audience=audience, now=now or house.clock.now(), leeway=timedelta(0)
    )


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> list[SigningKey]:
    """Every signature that is made from here on."""
    made: list[SigningKey] = []
    sign = SigningKey.sign

    def counted(self: SigningKey, claims: Any) -> str:
        made.append(self)
        return sign(self, claims)

    monkeypatch.setattr(SigningKey, "sign", counted)
    return made


async def entered(house: House, **values: Any) -> tuple[Door, str]:
    """An application and the cookie of somebody who may open it."""
    door = await house.application(**values)
    staff = await house.group("staff")
    return door, await door.session(await house.login(await house.person("ada", staff, email="ada@example.com")))


async def login_of(house: House) -> str:
    async with house.database.reading() as r:
        return (await r.scalars(select(Session.id))).one()


async def test_it_says_to_one_application_who_somebody_is(house: House) -> None:
    _, cookie = await entered(house)
    answer = await house.ask(cookie=cookie)
    now = int(house.clock.now().timestamp())
    assert verified(house, answer) == {
        "iss": ISSUER,
        "aud": "hello",
        "sub": answer.headers["x-authentik-uid"],
        "iat": now,
        "exp": now + 300,
        "preferred_username": "ada",
        "name": "Ada",
        "email": "ada@example.com",
        "groups": ["staff"],
    }


async def test_a_second_check_signs_nothing(house: House, signed: list[SigningKey]) -> None:
    door, cookie = await entered(house)
    tokens = set()
    # Answered from memory, judged anew each minute, and in a second browser too.
    for seconds in (0, 1, 60, 60, 60, 58):
        house.clock.advance(seconds)
        await house.let_know()
        tokens.add((await house.ask(cookie=cookie)).headers[HEADER])
    login = await login_of(house)
    tokens.add((await house.ask(cookie=await door.session(login))).headers[HEADER])
    assert len(tokens) == 1
    assert len(signed) == 1


async def test_a_rule_that_looks_at_each_request_signs_nothing_more(house: House, signed: list[SigningKey]) -> None:
    door, cookie = await entered(house, access="bound")
    await house.bind(door, expression="request.path != '/secret'")
    tokens = {
        (await house.ask(f"https://hello.example.com/{n}", cookie=cookie)).headers[HEADER] for n in ("", "a", "b")
    }
    assert len(tokens) == 1
    assert (await house.ask("https://hello.example.com/secret", cookie=cookie)).status == 401
    assert len(signed) == 1


async def test_it_ages_and_whoever_gets_it_has_a_minute(house: House, signed: list[SigningKey]) -> None:
    _, cookie = await entered(house)
    first = await house.ask(cookie=cookie)
    house.clock.advance(239)
    await house.let_know()
    assert (await house.ask(cookie=cookie)).headers[HEADER] == first.headers[HEADER]
    assert verified(house, first, now=house.clock.now() + timedelta(seconds=60))
    house.clock.advance(1)
    await house.let_know()
    second = await house.ask(cookie=cookie)
    assert verified(house, second)["exp"] == verified(house, first)["exp"] + 240
    assert len(signed) == 2
    house.clock.advance(60)
    with pytest.raises(InvalidInput, match=r"jwt\.expired"):
        verified(house, first)


async def test_a_rotation_changes_the_key_and_old_ones_still_verify(house: House, signed: list[SigningKey]) -> None:
    _, cookie = await entered(house)
    first = await house.ask(cookie=cookie)
    house.clock.advance(PUBLISHED.total_seconds())
    before = await house.ask(cookie=cookie)
    await house.keyring.rotate(by=COMMAND)
    await house.let_know()
    after = await house.ask(cookie=cookie)
    assert [key.kid for key in signed] == [signed[0].kid, signed[0].kid, house.table.signing.published[0]["kid"]]
    assert signed[0].kid != signed[2].kid
    assert verified(house, before)["sub"] == verified(house, after)["sub"]
    await house.keyring.discard(by=COMMAND)
    await house.let_know()
    assert verified(house, await house.ask(cookie=cookie))
    with pytest.raises(InvalidInput, match=r"jwt\.key_unknown"):
        verified(house, after)
    assert HEADER in first.headers


async def test_revocation_ends_it(house: House) -> None:
    _, cookie = await entered(house)
    assert (await house.ask(cookie=cookie)).headers[HEADER]
    await house.delete(Session, Session.id != "")
    await house.let_know()
    answer = await house.ask(cookie=cookie)
    assert answer.status == 401
    assert HEADER not in answer.headers


async def test_it_means_nothing_to_another_application(house: House) -> None:
    _, cookie = await entered(house)
    wiki = await house.application("https://wiki.example.com")
    answer = await house.ask(cookie=cookie)
    with pytest.raises(InvalidInput, match=r"jwt\.audience"):
        verified(house, answer, audience="wiki")
    login = await login_of(house)
    there = await house.ask("https://wiki.example.com/", await wiki.session(login))
    assert verified(house, there, audience="wiki")["sub"] == verified(house, answer)["sub"]


async def test_what_changes_about_a_person_is_signed_anew(house: House) -> None:
    _, cookie = await entered(house)
    assert verified(house, await house.ask(cookie=cookie))["groups"] == ["staff"]
    await house.join("ada", await house.group("admins"))
    await house.let_know()
    assert verified(house, await house.ask(cookie=cookie))["groups"] == ["admins", "staff"]
    await house.update(Group, Group.name == "staff", name="crew")
    await house.let_know()
    assert verified(house, await house.ask(cookie=cookie))["groups"] == ["admins", "crew"]


async def test_an_application_that_wants_none_gets_an_empty_header(house: House, signed: list[SigningKey]) -> None:
    door, cookie = await entered(house)
    await door.set(signed_identity=False)
    assert (await house.ask(cookie=cookie)).headers[HEADER] == ""
    assert (await house.ask("https://hello.example.com/ostiary/start")).headers[HEADER] == ""
    assert signed == []


async def test_the_size_of_an_answer_counts_it(house: House) -> None:
    door, cookie = await entered(house)
    for number in range(40):
        await house.join("ada", await house.group(f"a group with quite a long name {number:02}"))
    await house.let_know()
    refused = await house.ask(cookie=cookie)
    assert (refused.status, refused.reason) == (401, "identity_too_large")
    await door.set(signed_identity=False)
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 200


async def test_without_a_key_nothing_is_claimed(house: House) -> None:
    door, cookie = await entered(house)
    await house.delete(Row, Row.kid != "")
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 503
    await door.set(signed_identity=False)
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 200
