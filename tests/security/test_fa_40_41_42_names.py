"""FA-40, FA-41, FA-42: elsewhere a name became a rule for another host, or two names became one.

This product renders no rules of routers and reads no objects of a cluster; what exists today are the names that people
write and that configurations and identifiers are made of. They cannot hold what a router's rule is made of, a policy is
referred to by the row it is and by nothing that sounds like it, and no identifier is put together out of two names.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.applications.fields import name as application_name
from ostiary.applications.fields import slug
from ostiary.applications.proxy import proxy_settings
from ostiary.directory.models import Group
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, OstiaryError
from ostiary.kit.header_names import header_name
from ostiary.policies.models import Policy
from ostiary.policies.registry import Policies
from tests.clock import FakeClock
from tests.forwardauth.house import Door, House
from tests.security.test_fa_every_dialect import ALL, TELLS_PATH, closed, every_path_dialect

RULES = (
    "`) || Host(`evil.test",
    "x`) || PathPrefix(`/",
    "Host(`evil.test`)",
    "a` && Header(`X`, `y",
    "$host",
    "{host}",
    "%[hdr(host)]",
)


@pytest.fixture
async def house(sqlite_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(sqlite_url, clock)
    yield built
    await built.close()


@pytest.mark.parametrize("rule", RULES)
def test_fa_40_what_a_routers_rule_is_made_of_is_in_no_host_path_slug_or_header(rule: str) -> None:
    host = "https://hello.example.com"
    wrong: list[dict[str, Any]] = [
        {"external_host": f"https://hello{rule}.example.com"},
        {"external_host": f"{host}/{rule}"},
        {"external_host": f"{host}/a{rule}"},
        {"external_host": host, "open_paths": [f"/a{rule}"]},
        {"external_host": host, "additional_headers": [f"X-A{rule}"]},
        {"external_host": host, "header_style": "own", "header_names": {"username": f"X{rule}"}},
        {"external_host": host, "mode": "forward_domain", "cookie_domain": f"example.com{rule}"},
        {"external_host": host, "authentication_flow": f"a{rule}"},
        {"external_host": host, "basic_auth_enabled": True, "basic_auth_password_attribute": f"a{rule}"},
    ]
    for fields in wrong:
        with pytest.raises(InvalidInput):
            proxy_settings(fields)
    for refuses in (slug, lambda text: header_name(text, "header")):
        with pytest.raises(InvalidInput):
            refuses(f"a{rule}")
    # What people read is text, and stands in pages alone, where it is escaped.
    assert application_name(f"a{rule}") == f"a{rule}"


@pytest.mark.parametrize("rule", RULES)
async def test_fa_40_a_visitors_host_and_path_are_text_to_every_dialect(house: House, rule: str) -> None:
    await house.application()
    for dialect in ALL:
        assert closed(await house.ask_as(dialect, f"https://hello.example.com{rule}/"))
    for dialect in TELLS_PATH:
        assert closed(await house.ask_as(dialect, f"https://hello.example.com/{rule.replace(' ', '')}"))


async def test_fa_41_a_policy_of_another_application_is_not_reached_by_its_name(house: House, clock: FakeClock) -> None:
    """A group, a person and a policy of one name are three things, and what one of them opens no other does."""
    mine = await house.application("https://mine.example.com", access="bound")
    theirs = await house.application("https://theirs.example.com", access="bound")
    group = await house.group("staff")
    policy = await house.add(Policy, name="staff", expression="true")
    await house.bind(theirs, policy_id=policy)
    await house.bind(mine, group_id=group)
    login = await house.login(await house.person("staff"))
    doors = [(door, await door.session(login)) for door in (mine, theirs)]
    for dialect in ALL:
        assert closed(await house.ask_as(dialect, mine.origin, doors[0][1], navigation=False))
    # The policy of that name is deleted and made anew, and the group likewise: what was bound stays as it was.
    await house.delete(Policy, Policy.name == "staff")
    await Policies(database=house.database, clock=clock).create("staff", "true", by=COMMAND)
    await house.delete(Group, Group.name == "staff")
    again = await house.group("staff")
    await house.join("staff", again)
    for door, cookie in doors:
        for dialect in ALL:
            assert closed(await house.ask_as(dialect, door.origin, cookie, navigation=False))
    with pytest.raises(OstiaryError) as caught:
        await Policies(database=house.database, clock=clock).create("STAFF ".strip().lower(), "false", by=COMMAND)
    assert caught.value.code == "policy.name_taken"


@every_path_dialect
async def test_fa_42_names_that_are_joined_alike_are_two(house: House, dialect: str) -> None:
    """`a-b` with `c`, and `a` with `b-c`: below one host, as application and path, as application and header."""
    host = "https://apps.example.com"
    first = await house.application(f"{host}/a-b/c", slug="a-b", name="c", header_style="own", header_names=OWN)
    second = await house.application(f"{host}/a/b-c", slug="a", name="b-c", access="bound")
    third = await house.application(f"{host}/a-b-c", slug="a-b-c", access="bound")
    doors: tuple[Door, ...] = (first, second, third)
    login = await house.login(await house.person())
    pairs = [await door.session(login) for door in doors]
    assert len({pair.partition("=")[0] for pair in pairs}) == 3
    for _ in range(2):
        answer = await house.ask_as(dialect, f"{host}/a-b/c/x", "; ".join(pairs))
        assert (answer.status, answer.headers["b-c"]) == (200, "ada")
        for path in ("/a/b-c", "/a-b-c", "/a-b", "/a", "/a-b/c-d"):
            assert closed(await house.ask_as(dialect, host + path, "; ".join(pairs), navigation=False))
    # What one is told to be changes nothing about the others.
    await second.set(access="everyone", header_style="remote")
    for _ in range(2):
        assert (await house.ask_as(dialect, f"{host}/a/b-c", "; ".join(pairs))).headers["remote-user"] == "ada"
        assert (await house.ask_as(dialect, f"{host}/a-b/c", "; ".join(pairs))).headers["b-c"] == "ada"
        assert closed(await house.ask_as(dialect, f"{host}/a-b-c", "; ".join(pairs), navigation=False))
    names = [name.replace(first.uuid[:8], second.uuid[:8]) for name in pairs[:1]]
    assert (await house.ask_as(dialect, f"{host}/a/b-c", names[0], navigation=False)).reason == "other_application"


OWN = {"username": "B-C", "groups": "A-B"}
