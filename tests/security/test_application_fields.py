"""Rows that what an application says about itself decides: open paths, header names, mappings, credentials."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.access.header_plan import header_plan, removal
from ostiary.access.open_doors import open_doors
from ostiary.applications.proxy import proxy_settings
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, OstiaryError
from ostiary.kit.urls import canonical_path, parse_original_url
from ostiary.mappings.registry import Mappings
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.conftest import house
from tests.forwardauth.house import House

__all__ = ["house"]

HELLO = "https://hello.example.com"
DIALECTS = ("nginx", "traefik", "caddy", "envoy", "haproxy", "ngf")
ISSUER = {"issuer": "https://ci.example.com", "audience": "x", "jwks_uri": "https://ci.example.com/k"}
PLACEHOLDERS = ("{http.reverse_proxy.header.Remote-User}", "$remote_user", "(null)", "${user}", "null", "%{USER}e")


def proxied(**fields: Any) -> dict[str, Any]:
    return vars(proxy_settings({"external_host": HELLO, **fields}))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_fa_05_a_query_opens_nothing(house: House, dialect: str) -> None:
    # The rule of the report, `/public$`, is not even stored: it would be met by any path that ends so.
    with pytest.raises(InvalidInput, match=r"skip_path_regex_unanchored.*`\^/public\$`"):
        proxied(skip_path_regex="/public$")
    await house.application(skip_path_regex="/public$\n^/public$", open_paths=["/public"])
    assert (await house.ask_as(dialect, HELLO + "/public?x=/admin")).status == 200
    for target in ("/admin?x=/public", "/admin?/public", "/admin?x=1&y=/public", "/?/public"):
        assert (await house.ask_as(dialect, HELLO + target, navigation=False)).status == 401


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_fa_06_what_a_server_cuts_at_opens_nothing(house: House, dialect: str) -> None:
    await house.application(skip_path_regex="^/foo/.*/bar$")
    assert (await house.ask_as(dialect, HELLO + "/foo/a/bar")).status == 200
    for between in ("#", "%23", ";", "%3b", "%0a", "%0d%0a", "\\", "%5c", "%00", "?", "%3f", "%2523"):
        found = await house.ask_as(dialect, f"{HELLO}/foo/secret{between}/x/bar", navigation=False)
        assert found.status in (401, 403)


ELSEWHERE = (
    "/public/../admin/secrets",
    "/public/%2e%2e/admin",
    "/public/.%2E/admin",
    "/public/./../admin",
    "//admin",
    "/public//admin",
    "/public%2f..%2fadmin",
    "/public\\..\\admin",
    "/public/..;/admin",
    "/public/..",
    "/public/%252e%252e/admin",
    "/publicadmin",
)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_fa_10_no_way_out_of_an_open_path(house: House, dialect: str) -> None:
    await house.application(open_paths=["/public"], skip_path_regex="^/public/.*$")
    assert (await house.ask_as(dialect, HELLO + "/public/x")).status == 200
    for target in ELSEWHERE:
        assert (await house.ask_as(dialect, HELLO + target, navigation=False)).status in (401, 403)


@given(st.text("/.%2efsEFpublicadmn;\\#?", max_size=24))
def test_fa_10_an_open_path_is_open_only_in_its_one_form(tail: str) -> None:
    doors = open_doors("forward_single", ["/public"], "", cors_preflight=False)
    raw = "/public" + tail
    try:
        target = parse_original_url((HELLO + raw).encode()).target
    except InvalidInput:
        return
    if doors.is_open(HELLO, canonical_path(target)):
        path = raw.partition("?")[0]
        assert path == "/public" or path.startswith("/public/")
        assert not re.search(r"//|/\.{1,2}(/|$)|[;\\#]", path)


async def test_fa_21_a_name_is_configured_and_sent_in_one_spelling(house: House) -> None:
    for names in ({"username": "x-auth-user", "email": "X-Auth-User"}, {"username": "X-A", "groups": "x-a"}):
        with pytest.raises(InvalidInput):
            proxied(header_style="own", header_names=names)
    for number, name in enumerate(("x-auth-user", "X-AUTH-USER", "X-Auth-User")):
        door = await house.application(
            f"https://app{number}.example.com", header_style="own", header_names={"username": name}
        )
        cookie = await door.session(await house.login(await house.person(f"ada{number}")))
        await house.let_know()
        lines = (await house.raw(door.origin + "/", cookie)).split(b"\r\n")
        assert [line for line in lines if line.lower().startswith(b"x-auth-user")] == [f"{name}: ada{number}".encode()]


@pytest.mark.parametrize("style", ["authentik", "remote", "own"])
async def test_fa_22_every_name_is_answered_whoever_it_is(house: House, style: str) -> None:
    fields: dict[str, Any] = {"header_names": {"email": "X-Mail", "groups": "X-Groups"}} if style == "own" else {}
    door = await house.application(header_style=style, additional_headers=["X-Team"], open_paths=["/open"], **fields)
    cookie = await door.session(await house.login(await house.person("bare", name="", email="")))
    names = header_plan(style, fields.get("header_names", {}), "", ["X-Team"], (False, "", ""), ()).names
    for url, pair in (("/", cookie), ("/open", None), ("/ostiary/ping", None)):
        headers = (await house.ask(HELLO + url, pair)).headers
        assert {name.lower() for name in names} <= set(headers)
        assert headers["x-team"] == ""


def test_fa_22_what_is_not_answered_is_taken_off() -> None:
    plan = header_plan("own", {"username": "X-User"}, "", [], (False, "", ""), ())
    line = removal(plan).decode()
    for name in ("remote-user", "remote-groups", "x-authentik-groups", "x_user", "remote_user", "x.user"):
        assert re.search(rf"[ ,]{re.escape(name)}[,\r]", line)
    assert not re.search(r"[ ,]x-user[,\r]", line)


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_fa_23_a_placeholder_comes_in_by_no_token(placeholder: str) -> None:
    with pytest.raises(InvalidInput, match=r"user\.username_invalid"):
        proxied(header_authentication=True, jwt_issuers=[{**ISSUER, "users": {"ci": placeholder}}])


async def test_fa_23_no_answer_leaves_room_for_a_placeholder(house: House) -> None:
    door = await house.application(header_style="remote")
    cookie = await door.session(await house.login(await house.person("bare", name="", email="")))
    headers = (await house.ask(HELLO + "/", cookie)).headers
    assert (headers["remote-user"], headers["remote-email"], headers["remote-name"]) == ("bare", "", "")


@given(st.sampled_from(["hello.example.com", "apps.example.com", "wiki.corp.test"]), st.data())
def test_fa_25_a_host_s_letters_make_no_other_host(host: str, data: st.DataObject) -> None:
    spelled = "".join(data.draw(st.sampled_from([sign.upper(), sign.lower()])) for sign in host)
    settings = proxy_settings({"external_host": f"https://{spelled}/App"})
    assert (settings.origin.key, settings.path) == (host, "/App")
    assert parse_original_url(f"https://{spelled}/App".encode()).host_key == host


async def test_fa_25_open_paths_and_headers_follow_the_host_in_any_case(house: House) -> None:
    await house.application(open_paths=["/public"], header_style="remote")
    for host in ("hello.example.com", "HELLO.Example.com", "hello.example.com.", "hello.example.com:443"):
        found = await house.ask(f"https://{host}/public")
        assert (found.status, found.headers["remote-user"]) == (200, "")
        assert (await house.ask(f"https://{host}/Public")).status == 401


SIGNS = ["\n", "\r", ";", "}", "{", "'", '"', "`", "$", "#", "/../", " ", "\x00", "\\", "%0a", "<", "|", "\u2028"]


@pytest.mark.parametrize("sign", SIGNS)
def test_fa_39_nothing_to_inject_in_any_field(sign: str) -> None:
    text = f"a{sign}b"
    machines = {"header_authentication": True}
    for fields in (
        {"external_host": f"{HELLO}/{text}"},
        {"open_paths": [f"/{text}"]},
        {"header_style": text},
        {"header_style": "own", "header_names": {"username": f"X-{text}"}},
        {"header_style": "own", "header_names": {text: "X-User"}},
        {"additional_headers": [f"X-{text}"]},
        {"basic_auth_enabled": True, "basic_auth_password_attribute": text},
        {"basic_auth_enabled": True, "basic_auth_password_attribute": "p", "basic_auth_user_attribute": text},
        {**machines, "jwt_issuers": [{**ISSUER, "issuer": f"https://ci.example.com/{text}/"}]},
        {**machines, "jwt_issuers": [{**ISSUER, "jwks_uri": f"https://ci{text}.example.com/"}]},
        {**machines, "jwt_issuers": [{**ISSUER, "claim": text}]},
        {**machines, "jwt_issuers": [{**ISSUER, "users": {"x": text}}]},
    ):
        with pytest.raises(InvalidInput):
            proxied(**fields)


@pytest.mark.parametrize("sign", ["\n", "\r", "\x00", "\x1b", "\u2028", "\u202e"])
def test_fa_39_a_pattern_is_one_line_that_can_be_seen(sign: str) -> None:
    with pytest.raises(InvalidInput):
        proxied(group_filter=f"a{sign}b")
    # Of lines, each is a pattern for itself, and so neither half is anchored.
    with pytest.raises(InvalidInput):
        proxied(skip_path_regex=f"^/a{sign}b$")


@pytest.mark.parametrize("sign", SIGNS)
async def test_fa_39_nothing_to_inject_in_a_mapping_s_header(database: Database, clock: FakeClock, sign: str) -> None:
    mappings = Mappings(database=database, clock=clock)
    with pytest.raises(OstiaryError, match=r"header\.name_invalid"):
        await mappings.create("m", f"X-a{sign}b", "'x'", by=COMMAND)
