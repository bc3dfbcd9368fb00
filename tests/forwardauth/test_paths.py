"""Several applications on one host, told apart by path."""

import pytest

from tests.forwardauth.house import Door, House
from tests.forwardauth.street import Street

HOST = "https://apps.example.com"
DIALECTS = ("nginx", "traefik", "caddy", "haproxy", "envoy", "ngf")


async def two_doors(house: House) -> tuple[Door, Door, str]:
    """Grafana for everyone, Grafana's admin part for nobody, and a cookie for the first."""
    door = await house.application(f"{HOST}/grafana")
    closed = await house.application(f"{HOST}/grafana/admin", access="bound")
    login = await house.login(await house.person())
    return door, closed, f"{await door.session(login)}; {await closed.session(login)}"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_longest_path_at_a_segment_boundary_decides(house: House, dialect: str) -> None:
    _, _, cookie = await two_doors(house)
    for _ in range(2):
        for path in ("/grafana", "/grafana/", "/grafana/x?y=/grafana/admin", "/grafana/administrators", "/grafana/%41"):
            assert (await house.ask_as(dialect, HOST + path, cookie, navigation=False)).status == 200, path
        for path in ("/grafana/admin", "/grafana/admin/", "/grafana/admin/x", "/grafana/%61dmin"):
            assert (await house.ask_as(dialect, HOST + path, cookie, navigation=False)).reason == "not_allowed", path
        for path in ("/", "/grafanas", "/Grafana", "/graf", "/other/grafana"):
            assert (await house.ask_as(dialect, HOST + path, cookie, navigation=False)).reason == "unknown_host", path
    assert house.responder.remembered > 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "path",
    [
        "/grafana/../secret",
        "/grafana/%2e%2e/secret",
        "/grafana//admin",
        "/grafana/./admin",
        "/grafana%2fadmin",
        "/grafana%5cadmin",
        "/grafana/admin;x",
        "/grafana\\admin",
        "/grafana/%00",
        "/grafana/%zz",
        "/grafana/%253f",
        "/grafana/%3f",
        "/grafana/%23",
        "/grafana/\u00e9",
    ],
)
async def test_a_path_with_two_readings_is_refused(house: House, dialect: str, path: str) -> None:
    _, _, cookie = await two_doors(house)
    answer = await house.ask_as(dialect, HOST + path, cookie, navigation=False)
    if path.endswith("\u00e9"):
        assert answer.status == 200
        return
    assert (answer.status, answer.reason) == (403, "ambiguous_path")


async def test_a_host_without_paths_takes_any(house: House) -> None:
    door = await house.application()
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask_as("traefik", "https://hello.example.com/a/../b//c%2f", cookie)).status == 200


async def test_the_cookie_of_one_path_opens_no_other(house: House) -> None:
    first = await house.application(f"{HOST}/a")
    await house.application(f"{HOST}/b")
    cookie = await first.session(await house.login(await house.person()))
    assert (await house.ask_as("traefik", f"{HOST}/a", cookie)).status == 200
    assert (await house.ask_as("traefik", f"{HOST}/b", cookie)).reason == "no_cookie"


async def test_the_root_beside_paths_is_an_application_too(house: House) -> None:
    root = await house.application(HOST, slug="root")
    await house.application(f"{HOST}/a", access="bound")
    login = await house.login(await house.person())
    cookie = await root.session(login)
    assert (await house.ask_as("envoy", f"{HOST}/ab", cookie)).status == 200
    assert (await house.ask_as("envoy", f"{HOST}/a/b", cookie)).reason == "no_cookie"
    assert (await house.ask_as("envoy", f"{HOST}/x/../a", cookie)).reason == "ambiguous_path"


async def test_a_disabled_path_is_not_answered_by_the_one_above_it(house: House) -> None:
    root = await house.application(HOST, slug="root")
    below = await house.application(f"{HOST}/a", enabled=False)
    login = await house.login(await house.person())
    cookie = f"{await root.session(login)}; {await below.session(login)}"
    assert (await house.ask_as("traefik", f"{HOST}/a", cookie, navigation=False)).reason == "not_allowed"


async def test_a_proxy_that_tells_no_path_cannot_tell_applications_apart(house: House) -> None:
    _, _, cookie = await two_doors(house)
    assert (await house.ask_as("nic", HOST, cookie)).reason == "ambiguous_path"


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
@pytest.mark.parametrize("dialect", ["nginx", "traefik", "caddy", "haproxy", "envoy"])
async def test_people_sign_in_to_each_path_once(street: Street, dialect: str, handoff: str) -> None:
    await street.house.application(f"{HOST}/a", handoff=handoff)
    await street.house.application(f"{HOST}/b", handoff=handoff)
    browser = street.browser(dialect)
    await browser.open(f"{HOST}/a/x?y=1")
    page = await browser.sign_in_here()
    assert (page.status_code, browser.trail[-1]) == (200, f"{HOST}/a/x?y=1")
    page = await browser.open(f"{HOST}/b/")
    assert (page.status_code, browser.trail[-1]) == (200, f"{HOST}/b/")
    assert (await browser.open(f"{HOST}/a/")).status_code == 200


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
@pytest.mark.parametrize("dialect", ["traefik", "nginx-fwd", "caddy", "haproxy", "envoy"])
async def test_the_walk_through_a_proxy_that_passes_our_redirects_on(
    street: Street, dialect: str, handoff: str
) -> None:
    await street.house.application(handoff=handoff)
    deep = "https://hello.example.com/caf%C3%A9/a%20b?x=1&y=/z&q=it's"
    browser = street.browser(dialect)
    await browser.open(deep)
    page = await browser.sign_in_here()
    assert (page.status_code, browser.trail[-1]) == (200, deep)
    assert all(answer.status != 200 for answer in browser.seen[:-1])
    assert not any(b"ostiary-ticket" in answer.body for answer in browser.seen)


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
@pytest.mark.parametrize("dialect", ["nginx", "traefik", "envoy"])
async def test_a_whole_domain_signs_in_once(street: Street, dialect: str, handoff: str) -> None:
    await street.house.application(
        "https://auth.example.com", slug="all", mode="forward_domain", cookie_domain="example.com", handoff=handoff
    )
    browser = street.browser(dialect)
    browser.start_path = "/outpost.goauthentik.io/start"
    await browser.open("https://one.example.com/a?b=1")
    page = await browser.sign_in_here()
    assert (page.status_code, browser.trail[-1]) == (200, "https://one.example.com/a?b=1")
    browser.trail.clear()
    page = await browser.open("https://two.example.com/")
    assert (page.status_code, browser.trail) == (200, ["https://two.example.com/"])
