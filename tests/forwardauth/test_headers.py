"""What applications are told of people, byte by byte."""

from base64 import b64decode
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.access.header_plan import header_plan
from ostiary.access.table import Person
from ostiary.directory.models import Group, User
from ostiary.events.models import Event
from ostiary.forwardauth.decide import SENTENCES
from ostiary.forwardauth.headers import Unsaid, anonymous, basic_credentials, identity
from ostiary.kit.expressions import Compiler
from ostiary.kit.jose import PublicKeys
from ostiary.mappings.evaluate import VOCABULARY, Mapped
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.policies.engine import Subject
from tests.forwardauth.house import AUTH, Door, House

COMPILER = Compiler(VOCABULARY)


class Told:
    """An application with a plan, as far as `identity` reads it."""

    provider_name = "Provider"
    rules = None

    def __init__(self, style: str = "authentik", names: Any = None, **fields: Any) -> None:
        self.headers = header_plan(
            style,
            names or {},
            fields.get("group_filter", ""),
            fields.get("additional", []),
            fields.get("basic", (False, "", "")),
            fields.get("mapped", ()),
        )


def person(*groups: str, inherited: tuple[dict[str, Any], ...] = (), **values: Any) -> Person:
    fields: dict[str, Any] = {
        "user_id": 1,
        "username": "ada",
        "name": "Ada",
        "email": "ada@example.com",
        "group_names": groups,
    }
    return Person("uuid-1", Subject(**(fields | {"group_names": groups} | values)), inherited=inherited)


def told(served: Told, who: Person) -> dict[str, str]:
    lines = identity(served, who)  # type: ignore[arg-type]
    assert not isinstance(lines, Unsaid), lines
    pairs = [line.decode().split(": ", 1) for line in lines]
    assert tuple(name for name, _ in pairs) == served.headers.names[:-1]
    return {pair[0]: pair[1] for pair in pairs}


def unsaid(served: Told, who: Person) -> Unsaid:
    found = identity(served, who)  # type: ignore[arg-type]
    assert isinstance(found, Unsaid)
    assert found.code in SENTENCES
    return found


def mapped(**expressions: str) -> list[Mapped]:
    return [Mapped(name, f"X-{name}", COMPILER.compile_text(text)) for name, text in expressions.items()]


def test_a_style_has_its_names_and_its_separator() -> None:
    ada = person("ops", "staff")
    assert told(Told(), ada)["X-authentik-groups"] == "ops|staff"
    assert told(Told(), ada)["X-authentik-uid"] == "uuid-1"
    assert told(Told("remote"), ada) == {
        "Remote-User": "ada",
        "Remote-Groups": "ops,staff",
        "Remote-Email": "ada@example.com",
        "Remote-Name": "Ada",
    }
    own = {"username": "X-WEBAUTH-USER", "uid": "X-Id", "groups": "X-WEBAUTH-GROUPS"}
    assert told(Told("own", own), ada) == {"X-WEBAUTH-USER": "ada", "X-WEBAUTH-GROUPS": "ops,staff", "X-Id": "uuid-1"}
    assert told(Told("own"), ada) == {}


@pytest.mark.parametrize(
    ("style", "group", "said"),
    [
        ("authentik", "a|b", False),
        ("authentik", "a,b", True),
        ("remote", "a,b", False),
        ("remote", "a|b", True),
        ("own", "a,b", False),
    ],
)
def test_a_group_that_would_read_as_two_is_not_said(style: str, group: str, said: bool) -> None:
    served = Told(style, {"groups": "X-Groups"} if style == "own" else None)
    if said:
        assert group in told(served, person(group)).values()
    else:
        assert unsaid(served, person(group)).code == "group_name"


def test_a_filter_leaves_groups_out_before_they_are_looked_at() -> None:
    served = Told("remote", group_filter="app-.*")
    assert told(served, person("a,b", "app-x", "staff", "xapp-y"))["Remote-Groups"] == "app-x"
    assert told(served, person("staff"))["Remote-Groups"] == ""
    assert unsaid(served, person("app-a,b")).code == "group_name"


def test_mappings_add_headers_after_the_others() -> None:
    served = Told("remote", mapped=mapped(Team="user.attributes.team", All="user.groups", Nil="[]"))
    found = told(served, person("a", "b", attributes={"team": "blue"}))
    assert list(found.items())[4:] == [("X-Team", "blue"), ("X-All", "a,b"), ("X-Nil", "")]


@pytest.mark.parametrize("text", ["user.attributes.team", "['a,b']", "string(1 / 0)", "user.attributes.level"])
def test_a_mapping_that_errs_says_nothing_at_all(text: str) -> None:
    found = unsaid(Told("remote", mapped=mapped(Team=text)), person(attributes={"level": 3}))
    assert found.code == "mapping_failed"
    assert "Team" in found.why
    broken = Told("remote", mapped=[Mapped("m", "X-M", None)])
    assert unsaid(broken, person()).code == "mapping_failed"


def test_declared_headers_are_filled_by_groups_and_then_by_the_person() -> None:
    served = Told("remote", additional=["X-Team", "X-Desk", "X-Floor"])
    groups = (
        {"additionalHeaders": {"X-Team": "red", "X-Floor": 1}},
        {"other": 1},
        {"additionalHeaders": {"x-team": "green"}},
    )
    own = {"additionalHeaders": {"x-DESK": "7", "X-Other": "no", "Remote-User": "root", "X-Floor": None}}
    found = told(served, person(inherited=groups, attributes=own))
    assert list(found.items())[4:] == [("X-Team", "green"), ("X-Desk", "7"), ("X-Floor", "1")]
    assert found["Remote-User"] == "ada"
    assert told(served, person())["X-Team"] == ""


@pytest.mark.parametrize(
    "given",
    ["X-Team: x", ["X-Team"], {"X-Team": ["a"]}, {"X-Team": True}, {"X-Team": 1.5}, {"X-Team": "a", "x-team": "b"}],
)
def test_an_attribute_of_another_form_says_nothing_at_all(given: Any) -> None:
    found = unsaid(Told("remote", additional=["X-Team"]), person(attributes={"additionalHeaders": given}))
    assert found.code == "additional_headers"
    # Where nothing was declared, the attribute is not even read.
    assert told(Told("remote"), person(attributes={"additionalHeaders": given}))


def test_no_value_can_begin_a_line_of_its_own() -> None:
    served = Told("remote", additional=["X-Team"], mapped=mapped(Desk="user.attributes.desk"))
    evil = "a\r\nRemote-User: root\x00\x85b"
    attributes = {"additionalHeaders": {"X-Team": evil}, "desk": evil}
    lines = identity(served, person(name=evil, attributes=attributes))  # type: ignore[arg-type]
    assert not isinstance(lines, Unsaid)
    assert not any(sign in line for line in lines for sign in (b"\r", b"\n", b"\0"))
    # A half of a character, as JSON may hold it, cannot be sent.
    assert told(Told("remote"), person(name="\ud800"))["Remote-Name"] == "?"
    assert unsaid(served, person(attributes={"desk": "\ud800"})).code == "mapping_failed"


def test_an_unreadable_plan_names_nobody() -> None:
    assert unsaid(Told("other"), person()).code == "headers_unreadable"


@pytest.mark.parametrize("style", ["authentik", "remote", "own"])
def test_nobody_has_every_name_and_no_value(style: str) -> None:
    served = Told(style, {"email": "X-Mail"} if style == "own" else None, additional=["X-Team"], mapped=mapped(D="'x'"))
    lines = anonymous(served.headers).decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    for name in served.headers.names:
        assert f"{name}: " in lines


BASIC = (True, "login", "app_password")


@pytest.mark.parametrize(
    ("attributes", "pair"),
    [
        ({"login": "adal", "app_password": "s3cret:x"}, "adal:s3cret:x"),
        ({"app_password": "\u00fc"}, "ada@example.com:\u00fc"),
        ({"login": "", "app_password": "x"}, "ada@example.com:x"),
        ({"login": "adal"}, None),
        ({"login": "adal", "app_password": ""}, None),
        ({"login": "a:b", "app_password": "x"}, None),
        ({"login": "a\nb", "app_password": "x"}, None),
        ({"login": "adal", "app_password": "x\r\ny"}, None),
        ({"login": ["a"], "app_password": "x"}, None),
        ({"login": "adal", "app_password": 7}, None),
    ],
)
def test_basic_credentials(attributes: dict[str, Any], pair: str | None) -> None:
    found = basic_credentials(Told(basic=BASIC).headers, person(attributes=attributes))
    assert found == (None if pair is None else found)
    if pair is not None:
        assert found is not None
        assert b64decode(found.removeprefix(b"Basic ")).decode() == pair
    assert basic_credentials(Told().headers, person(attributes=attributes)) is None


def test_basic_credentials_may_be_a_group_s() -> None:
    shared = ({"login": "team", "app_password": "one"}, {"app_password": "two"})
    plan = Told(basic=BASIC).headers
    found = basic_credentials(plan, person(inherited=shared))
    assert found is not None
    assert b64decode(found.removeprefix(b"Basic ")) == b"team:two"
    own = basic_credentials(plan, person(inherited=shared, attributes={"app_password": "mine"}))
    assert own is not None
    assert b64decode(own.removeprefix(b"Basic ")) == b"team:mine"


SECRET = "s" * 32


async def mapping_of(house: House, door: Door, expression: str) -> str:
    """A mapping that an application uses."""
    mapping: str = await house.add(
        PropertyMapping, name="desk", header="X-Desk", expression=expression, created=house.clock.now()
    )
    await house.add(ProviderMapping, provider_id=door.provider_id, mapping_id=mapping)
    return mapping


async def test_basic_credentials_are_answered_where_no_script_can_ask(house: House) -> None:
    fields: dict[str, Any] = {
        "basic_auth_enabled": True,
        "basic_auth_user_attribute": "login",
        "basic_auth_password_attribute": "app_password",
    }
    door = await house.application(**fields)
    ada = await house.person(attributes={"login": "adal", "app_password": "x"})
    cookie = await door.session(await house.login(ada))
    for _ in range(2):
        assert "authorization" not in (await house.ask(cookie=cookie)).headers
    secret = House(house.url, house.clock, path_secrets=(SECRET,))
    for _ in range(2):
        for dialect in ("nginx", "traefik", "envoy"):
            address = f"{dialect}~{SECRET}"
            found = await secret.ask_as(dialect, cookie=cookie, address=address)
            assert (found.status, found.headers["authorization"]) == (200, "Basic YWRhbDp4")
            assert ("x-envoy-auth-headers-to-remove" in found.headers) is (dialect == "envoy")
    # Somebody without a password there gets no header, and keeps their own.
    await house.update(User, User.id == ada, attributes={})
    await secret.let_know()
    assert "authorization" not in (await secret.ask(cookie=cookie, target=f"{AUTH}~{SECRET}")).headers
    await secret.close()


async def test_what_applications_are_told_follows_every_change_at_once(house: House) -> None:
    door = await house.application(header_style="remote", additional_headers=["X-Team"])
    staff = await house.group("staff", attributes={"additionalHeaders": {"X-Team": "red"}})
    ada = await house.person("ada", staff)
    cookie = await door.session(await house.login(ada))
    for _ in range(2):
        found = await house.ask(cookie=cookie)
        assert (found.headers["remote-user"], found.headers["x-team"]) == ("ada", "red")
        assert "x-authentik-username" not in found.headers
    await house.update(Group, Group.id == staff, attributes={"additionalHeaders": {"X-Team": "blue"}})
    await house.let_know()
    assert (await house.ask(cookie=cookie)).headers["x-team"] == "blue"
    mapping = await mapping_of(house, door, "user.attributes.desk")
    await house.let_know()
    refused = await house.ask(cookie=cookie, navigation=False)
    assert (refused.status, refused.reason) == (403, "mapping_failed")
    await house.update(User, User.id == ada, attributes={"desk": "7"})
    await house.let_know()
    assert (await house.ask(cookie=cookie)).headers["x-desk"] == "7"
    await house.update(PropertyMapping, PropertyMapping.id == mapping, expression="'8'")
    await house.let_know()
    assert (await house.ask(cookie=cookie)).headers["x-desk"] == "8"


async def test_why_somebody_could_not_be_named_is_for_administrators(house: House) -> None:
    door = await house.application()
    await mapping_of(house, door, "user.attributes.desk")
    cookie = await door.session(await house.login(await house.person(attributes={"shoe": "secret-shoe"})))
    answer = await house.ask(cookie=cookie, navigation=False)
    assert answer.status == 403
    await house.refusals.flush()
    async with house.database.reading() as r:
        event = (await r.scalars(select(Event).where(Event.action == "access_refused"))).one()
    assert event.context["reason"] == "mapping_failed"
    assert event.context["rules"] == ['Mapping desk failed: NOT_FOUND: Key not found in map : "desk"']


async def test_a_filter_of_groups_holds_for_what_is_signed_too(house: House) -> None:
    # Many groups are what a filter is for: unfiltered, the signature alone would make the answer too large.
    door = await house.application(group_filter="app-.*", header_style="remote")
    many = [await house.group(f"a-group-with-a-long-name-{number:03}") for number in range(200)]
    ada = await house.person("ada", await house.group("app-a"), *many)
    found = await house.ask(cookie=await door.session(await house.login(ada)))
    assert (found.status, found.headers["remote-groups"]) == (200, "app-a")
    keys = PublicKeys(house.table.signing.published)
    claims = keys.verify(
        found.headers["x-ostiary-jwt-assertion"],
        issuer="https://auth.example.com",
        audience="hello",
        now=house.clock.now(),
    )
    assert claims["groups"] == ["app-a"]
    await door.set(group_filter="")
    await house.let_know()
    assert (await house.ask(cookie=await door.session(await house.login(ada)))).reason == "identity_too_large"
