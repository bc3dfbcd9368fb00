"""FA-05, FA-06, FA-10 and their kin: what is open is a whole path, and no spelling makes another path one of them."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import FakeClock
from tests.forwardauth.house import House
from tests.security.test_fa_every_dialect import ROOT, closed, every_path_dialect
from tests.security.test_fa_every_dialect_told import TRICKS


@pytest.fixture
async def house(sqlite_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(sqlite_url, clock)
    yield built
    await built.close()


async def ask(house: House, dialect: str, target: str, *headers: str, method: str = "GET") -> int:
    """The status of an anonymous question; a refusal must name nobody."""
    answer = await house.ask_as(dialect, ROOT + target, None, *headers, method=method, navigation=False)
    if answer.status == 200:
        assert answer.headers["x-authentik-username"] == ""
    else:
        assert closed(answer)
    return answer.status


@every_path_dialect
async def test_fa_05_the_query_opens_nothing(house: House, dialect: str) -> None:
    await house.application(skip_path_regex="^/public$\n^.*\\.css$", open_paths=["/assets"])
    for open_ in ("public", "public?x", "public?/admin", "assets", "assets/x?y", "a.css", "admin/a.css"):
        assert await ask(house, dialect, open_) == 200, open_
    for shut in ("admin?x=/public", "admin?/public", "admin?/assets/", "admin?x.css", "public/", "publicx", "assetsx"):
        assert await ask(house, dialect, shut) in (401, 403), shut


@every_path_dialect
@pytest.mark.parametrize(
    "target",
    ["foo/secret#/x/bar", "foo/secret%23/x/bar", "foo/secret;/x/bar", "foo/secret%3b/x/bar", "foo/secret%0a/x/bar"]
    + ["foo/secret%3f/x/bar", "foo/secret%00/x/bar", "foo/secret%2f..%2fx/bar", "foo/secret?/x/bar", "foo/\\/x/bar"],
)
async def test_fa_06_what_a_server_could_cut_off_opens_nothing(house: House, dialect: str, target: str) -> None:
    await house.application(skip_path_regex="^/foo/.*/bar$")
    assert await ask(house, dialect, "foo/x/bar") == 200
    assert await ask(house, dialect, target) in (401, 403)


@every_path_dialect
@pytest.mark.parametrize("target", TRICKS)
async def test_fa_10_fa_27_fa_28_fa_29_no_path_trick_reaches_an_open_path(
    house: House, dialect: str, target: str
) -> None:
    await house.application(open_paths=["/public", "/api"], skip_path_regex="^/public/.*$\n^/api/.*$")
    assert await ask(house, dialect, "public/x") == 200
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        assert await ask(house, dialect, target[1:], method=method) in (401, 403)


@every_path_dialect
async def test_fa_03_a_forwarded_path_of_the_visitors_opens_nothing(house: House, dialect: str) -> None:
    await house.application(open_paths=["/public"], cors_preflight=True)
    for header in ("X-Original-URI: /public", "X-Rewrite-URL: /public", "X-Forwarded-Prefix: /public"):
        assert await ask(house, dialect, "admin", header) in (401, 403)
    preflight = ("Origin: https://x.test", "Access-Control-Request-Method: PUT")
    assert await ask(house, dialect, "admin", *preflight, method="OPTIONS") == 200
    for method in ("GET", "POST", "options"):
        lies = ("X-Http-Method-Override: OPTIONS", *preflight)
        assert await ask(house, dialect, "admin", *lies, method=method) in (401, 403)
    assert await ask(house, dialect, "admin", preflight[0], method="OPTIONS") in (401, 403)
    for trick in ("/admin", "x/../admin", "admin%2fx"):
        assert await ask(house, dialect, trick, *preflight, method="OPTIONS") in (401, 403)


async def test_fa_05_fa_10_where_no_path_is_told_nothing_is_open(house: House) -> None:
    await house.application(open_paths=["/public"], skip_path_regex="^/.*$", cors_preflight=True)
    preflight = ("Origin: https://x.test", "Access-Control-Request-Method: PUT")
    answer = await house.ask_as("nic", f"{ROOT}public", None, *preflight, method="OPTIONS", navigation=False)
    assert (closed(answer), answer.status) == (True, 401)
