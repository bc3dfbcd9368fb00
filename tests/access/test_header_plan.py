from typing import Any

import pytest

from ostiary.access.header_plan import ASSERTION, HeaderPlan, header_plan, removal
from ostiary.mappings.evaluate import Mapped

NO_BASIC = (False, "", "")


def plan(style: str = "authentik", names: Any = None, **fields: Any) -> HeaderPlan:
    return header_plan(
        style,
        names or {},
        fields.get("group_filter", ""),
        fields.get("additional", []),
        fields.get("basic", NO_BASIC),
        fields.get("mapped", ()),
    )


def listed(made: HeaderPlan) -> list[str]:
    line = removal(made)
    assert line.endswith(b"\r\n\r\n")
    assert line.count(b"\r\n") == 2
    name, _, value = line.decode("ascii").strip().partition(": ")
    assert name == "x-envoy-auth-headers-to-remove"
    return value.split(",")


def test_styles() -> None:
    assert plan().names[:4] == (
        "X-authentik-username",
        "X-authentik-groups",
        "X-authentik-entitlements",
        "X-authentik-email",
    )
    assert plan("remote").names == ("Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name", ASSERTION)
    own = plan("own", {"groups": "X-Groups", "username": "X-User"}, additional=["X-Team"])
    assert own.names == ("X-User", "X-Groups", "X-Team", ASSERTION)
    assert [made.separator for made in (plan(), plan("remote"), own)] == ["|", ",", ","]


@pytest.mark.parametrize(
    "made",
    [
        plan(),
        plan("remote"),
        plan("own", {"username": "Remote-User", "email": "X-Mail"}),
        plan("own"),
        plan("remote", additional=["X-Team"], mapped=[Mapped("m", "X-Desk-No", None)]),
    ],
)
def test_what_is_set_is_never_taken_off_and_everything_else_is(made: HeaderPlan) -> None:
    names = listed(made)
    assert len(set(names)) == len(names)
    set_here = {name.lower() for name in made.names}
    assert not set_here & set(names)
    every = {"remote-user", "remote-groups", "remote-email", "remote-name", "x-authentik-username", "x-authentik-uid"}
    assert every <= set_here | set(names)
    # Every spelling that a server may fold into the name of somebody, whichever application it is.
    for name in (*set_here, *every):
        underscored = name.replace("-", "_")
        assert underscored == name or underscored in names
    assert {"remote_user", "remote.user", "x_authentik-username", "x.authentik_username"} <= set(names)
    assert {"x_ostiary_jwt_assertion", "x-ostiary_jwt-assertion", "x.ostiary.jwt.assertion"} <= set(names)


def test_the_line_stays_small() -> None:
    assert len(removal(plan(additional=[f"X-Extra-Number-{n}" for n in range(10)]))) < 16_000
    assert len(removal(plan())) < 4_000


@pytest.mark.parametrize(
    "broken",
    [
        ("other", {}, "", [], NO_BASIC, ()),
        ("own", "{", "", [], NO_BASIC, ()),
        ("own", [], "", 3, NO_BASIC, ()),
        ("remote", {}, "(", [], NO_BASIC, ()),
        ("remote", {}, "", ["Remote-user"], NO_BASIC, ()),
        ("remote", {}, "", ["X-A"], NO_BASIC, [Mapped("m", "x-a", None)]),
        ("own", {"username": "X-A\r\nSet-Cookie"}, "", [], NO_BASIC, ()),
        ("own", {"username": "Cookie"}, "", [], NO_BASIC, ()),
        ("remote", {}, "", ["X-Ostiary-Jwt-Assertion"], NO_BASIC, ()),
        (None, None, None, None, (None, None, None), ()),
    ],
)
def test_what_cannot_be_read_names_nobody(broken: tuple[Any, ...]) -> None:
    made = header_plan(*broken)
    assert not made.readable
    assert made.names == plan().names


def test_a_filter_tells_of_whole_names() -> None:
    made = plan(group_filter="app-(a|b)")
    assert made.told(("app-a", "app-b", "app-ab", "xapp-a", "staff")) == ("app-a", "app-b")
    assert plan().told(("b", "a")) == ("b", "a")
