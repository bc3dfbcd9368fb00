"""Each proxy's way of asking and of being answered."""

import json

import pytest

from ostiary.forwardauth.decide import Verdict
from tests.clock import FakeClock
from tests.forwardauth.house import House
from tests.forwardauth.test_responder import inside

REDIRECTING = ("traefik", "nginx-fwd", "caddy", "haproxy", "envoy")
SILENT = ("nginx", "nic", "ngf")
ALL = REDIRECTING + SILENT


@pytest.mark.parametrize("prefix", ["/ostiary", "/outpost.goauthentik.io"])
@pytest.mark.parametrize("dialect", ALL)
async def test_a_session_is_let_in_by_name_and_a_stranger_is_not(house: House, dialect: str, prefix: str) -> None:
    cookie = await inside(house)
    for _ in range(2):
        answer = await house.ask_as(dialect, cookie=cookie, prefix=prefix)
        assert (answer.status, answer.headers["x-authentik-username"]) == (200, "ada")
        assert "set-cookie" not in answer.headers
    assert (await house.ask_as(dialect, prefix=prefix)).status == (302 if dialect in REDIRECTING else 401)
    assert house.responder.remembered == (0 if dialect == "nic" else 1)


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_the_refused_check_itself_sends_a_person_to_our_host(house: House, dialect: str, handoff: str) -> None:
    await house.application(handoff=handoff)
    answer = await house.ask_as(dialect, "https://hello.example.com/a%20b?x=1&y=%2F")
    assert answer.headers["location"].startswith("https://auth.example.com/ostiary/start?attempt=")
    assert answer.headers["location"].endswith("&rd=https://hello.example.com/a%20b?x=1&y=%2F")
    assert answer.headers["set-cookie"].startswith("__Host-ostiary_try_")
    again = await house.ask_as(dialect, cookie=answer.headers["set-cookie"].partition(";")[0])
    assert (again.status, "set-cookie" in again.headers) == (302, False)


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_the_way_leads_below_the_prefix_that_was_asked(house: House, dialect: str) -> None:
    await house.application()
    answer = await house.ask_as(dialect, prefix="/outpost.goauthentik.io")
    assert answer.headers["location"].startswith("https://auth.example.com/outpost.goauthentik.io/start?")


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_program_reads_json_and_is_sent_nowhere(house: House, dialect: str) -> None:
    await house.application()
    for method in ("GET", "POST", "OPTIONS"):
        answer = await house.ask_as(dialect, navigation=False, method=method)
        assert answer.status == 401
        assert json.loads(answer.body)["error"] == "forward_auth.sign_in"
        assert not {"location", "set-cookie"} & set(answer.headers)


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_form_that_meets_the_door_is_told_so(house: House, dialect: str) -> None:
    await house.application()
    answer = await house.ask_as(dialect, method="POST")
    assert (answer.status, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert b"what you sent was not delivered" in answer.body
    assert "location" not in answer.headers


@pytest.mark.parametrize("dialect", ALL)
async def test_the_forbidden_read_why_where_an_answer_of_ours_is_shown(house: House, dialect: str) -> None:
    cookie = await inside(house, access="bound")
    shown = await house.ask_as(dialect, cookie=cookie)
    program = await house.ask_as(dialect, cookie=cookie, navigation=False)
    assert program.status == 403
    if dialect in SILENT:
        assert (shown.status, shown.body, program.body) == (403 if dialect == "ngf" else 401, b"", b"")
        return
    assert (shown.status, b"You cannot open Hello" in shown.body) == (403, True)
    assert json.loads(program.body)["error"] == "forward_auth.not_allowed"
    policy = shown.headers["content-security-policy"]
    assert "style-src https://auth.example.com" in policy
    assert b'href="https://auth.example.com/static/style.' in shown.body


@pytest.mark.parametrize("dialect", ALL)
async def test_an_unknown_host_is_named_and_nothing_else(house: House, dialect: str) -> None:
    await house.application()
    answer = await house.ask_as(dialect, "https://nobody.example.com/<b>")
    assert answer.status == (403 if dialect in REDIRECTING else 401)
    assert b"<b>" not in answer.body
    if dialect in REDIRECTING:
        assert b"nobody.example.com" in answer.body


@pytest.mark.parametrize("dialect", ALL)
async def test_what_cannot_be_known_is_503_and_no_redirect(house: House, dialect: str) -> None:
    cookie = await inside(house)
    house.table.rules.base_url = None
    house.table.rules._configured = None
    for navigation in (True, False):
        answer = await house.ask_as(dialect, cookie=cookie, navigation=navigation)
        assert (answer.status, answer.reason, "location" in answer.headers) == (503, "base_url_unset", False)


@pytest.mark.parametrize("without", ["X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method"])
@pytest.mark.parametrize("dialect", ["traefik", "nginx-fwd", "caddy", "haproxy"])
async def test_a_missing_forwarded_header_is_looked_for_nowhere_else(house: House, dialect: str, without: str) -> None:
    """A visitor can have a proxy drop a header by naming it in `Connection`."""
    cookie = await inside(house)
    spare = () if dialect == "nginx-fwd" else ("X-Original-URL: https://hello.example.com/", "X-Original-Method: GET")
    answer = await house.ask_as(dialect, "https://hello.example.com/", cookie, *spare, without=without)
    assert (answer.status, answer.reason) == (403, "no_forwarded_header")


@pytest.mark.parametrize("alias", ["X_Forwarded_Host", "x.forwarded.host", "X-Forwarded_Host", "X_Forwarded_Proto"])
@pytest.mark.parametrize("dialect", ["traefik", "nginx-fwd", "caddy", "haproxy", "nic"])
async def test_an_alias_of_a_forwarded_header_is_refused(house: House, dialect: str, alias: str) -> None:
    cookie = await inside(house)
    answer = await house.ask_as(dialect, "https://hello.example.com/", cookie, f"{alias}: hello.example.com")
    assert (answer.status, answer.reason) == (403, "header_alias")


@pytest.mark.parametrize(
    "header", ["X-Original-URL: https://hello.example.com/", "X-Sent-From: x", "x_original_uri: /"]
)
async def test_traefiks_nginx_provider_sends_none_of_nginxs_headers(house: House, header: str) -> None:
    cookie = await inside(house)
    answer = await house.ask_as("nginx-fwd", "https://hello.example.com/", cookie, header)
    assert (answer.status, answer.reason) in {(403, "original_url_through_traefik"), (403, "header_alias")}


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_an_ingress_that_moved_to_traefik_stays_as_it_is(
    database_url: str, clock: FakeClock, handoff: str
) -> None:
    """Same annotations, so the same address; what it means there is said by the peer's declared kind alone."""
    kinds = (("10.0.0.0/8", "traefik"), ("10.9.0.0/16", "nginx"), ("10.8.0.0/16", "any"))
    house = House(database_url, clock, proxies=kinds)
    try:
        cookie = await inside(house, handoff=handoff)
        url = "https://hello.example.com/a?b=1"
        assert (await house.ask_as("nginx-fwd", url, cookie, peer="10.0.0.1", address="nginx")).status == 200
        stranger = await house.ask_as("nginx-fwd", url, peer="10.0.0.1", address="nginx")
        assert (stranger.status, "set-cookie" in stranger.headers) == (302, True)
        for undeclared in ("10.9.0.1", "10.8.0.1"):
            answer = await house.ask_as("nginx-fwd", url, cookie, peer=undeclared, address="nginx")
            assert (answer.status, answer.reason) == (403, "no_original_url")
    finally:
        await house.close()


@pytest.mark.parametrize("dialect", ["traefik", "caddy", "haproxy", "envoy", "nic", "ngf"])
async def test_what_a_visitor_says_in_another_dialects_words_counts_for_nothing(house: House, dialect: str) -> None:
    await house.application("https://mine.example.com")
    cookie = await inside(house, access="bound")
    lies = ["X-Original-URL: https://mine.example.com/", "X-Original-Method: GET", "Forwarded: host=mine.example.com"]
    if dialect in ("envoy", "ngf"):
        lies.append("X-Forwarded-Host: mine.example.com")
    answer = await house.ask_as(dialect, "https://hello.example.com/", cookie, *lies, navigation=False)
    assert (answer.status, answer.reason) == (403, "not_allowed")


@pytest.mark.parametrize("scheme", ["wss", "ws", "http", "https"])
async def test_any_scheme_that_a_browser_has_is_taken(house: House, scheme: str) -> None:
    cookie = await inside(house)
    assert (await house.ask_as("traefik", f"{scheme}://hello.example.com/", cookie)).status == 200


@pytest.mark.parametrize("scheme", ["javascript", "ftp", "https, http", "", "HTTPS"])
async def test_any_other_scheme_is_refused(house: House, scheme: str) -> None:
    cookie = await inside(house)
    assert (await house.ask_as("traefik", f"{scheme}://hello.example.com/", cookie)).status == 403


async def test_ingress_nginx_at_a_redirecting_address_is_answered_in_its_own_way(house: House) -> None:
    await house.application()
    sent_from = "X-Sent-From: nginx-ingress-controller"
    answer = await house.ask_as("traefik", "https://hello.example.com/", None, sent_from)
    assert (answer.status, "location" in answer.headers) == (401, False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
async def test_envoy_asks_with_the_visitors_method(house: House, method: str) -> None:
    cookie = await inside(house)
    await house.bind(await house.application("https://read.example.com", access="bound"), expression="false")
    assert (await house.ask_as("envoy", "https://hello.example.com/x/y?z", cookie, method=method)).status == 200
    refused = await house.ask_as("envoy", "https://hello.example.com/x", method=method, navigation=False)
    assert (refused.status, bool(refused.body)) == (401, method != "HEAD")


async def test_envoy_without_the_headers_that_tell_a_page_from_a_script(house: House) -> None:
    """authentik's documented list passes on no more than Cookie and Origin."""
    await house.application()
    url, script = "https://hello.example.com/", "Origin: https://x.test"
    assert (await house.ask_as("envoy", url, navigation=False, without="Accept")).status == 302
    assert (await house.ask_as("envoy", url, None, script, navigation=False, without="Accept")).status == 401
    assert (await house.ask_as("envoy", url, navigation=False)).status == 401


@pytest.mark.parametrize("target", ["", "?x=1"])
async def test_envoy_that_appends_no_path_is_refused(house: House, target: str) -> None:
    cookie = await inside(house)
    answer = await house.ask(cookie=cookie, target="/ostiary/auth/envoy" + target)
    assert (answer.status, answer.reason) == (403, "no_path")


async def test_a_path_beyond_a_fixed_address_is_no_question(house: House) -> None:
    cookie = await inside(house)
    for dialect in ("traefik/x", "nginx/", "caddy/?x"):
        assert (await house.ask(cookie=cookie, target=f"/ostiary/auth/{dialect}")).status == 404


async def test_a_rule_about_the_path_denies_where_none_is_told(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="request.path.startsWith('/') || request.path == ''")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask_as("nic", cookie=cookie)).status == 401
    assert (await house.ask_as("ngf", cookie=cookie)).status == 200


async def test_every_refusal_is_counted(house: House) -> None:
    await house.application()
    for dialect in ALL:
        await house.ask_as(dialect, navigation=False)
    assert house.responder.counts[Verdict.SIGN_IN] == len(ALL)
