"""One question in, one answer out."""

from tests.forwardauth.house import House


async def test_a_stranger_is_sent_to_sign_in(house: House) -> None:
    await house.application()
    assert (await house.ask()).status == 401


async def test_a_person_with_a_session_is_let_in_with_their_name(house: House) -> None:
    staff = await house.group("staff")
    door = await house.application()
    cookie = await door.session(await house.login(await house.person("ada", staff)))
    for _ in range(2):
        answer = await house.ask(cookie=cookie)
        assert answer.status == 200
        assert answer.headers["x-authentik-username"] == "ada"
        assert answer.headers["x-authentik-groups"] == "staff"
    assert house.responder.remembered == 1
