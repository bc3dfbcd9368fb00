"""One question in, one answer out."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ostiary.directory.models import GroupParent
from ostiary.events.models import Event
from ostiary.forwardauth.decide import Verdict
from ostiary.sessions.models import Session
from ostiary.storage import installation
from ostiary.storage.models import Installation
from tests.clock import FakeClock
from tests.forwardauth.house import AUTH, IDLE, House

NAMES = "username groups entitlements email name uid jwt meta-jwks meta-outpost meta-provider meta-app meta-version"
HEADERS = NAMES.split(" ")


async def inside(house: House, **application: object) -> str:
    """A cookie that opens hello.example.com to ada."""
    door = await house.application(**application)  # type: ignore[arg-type]
    return await door.session(await house.login(await house.person("ada")))


async def test_a_stranger_is_sent_to_sign_in(house: House) -> None:
    await house.application()
    for navigation in (True, False):
        assert (await house.ask(navigation=navigation)).status == 401


async def test_a_person_with_a_session_is_let_in_with_their_name(house: House) -> None:
    parent = await house.group("all-staff")
    staff = await house.group("staff")
    await house.add(GroupParent, group_id=staff, parent_id=parent)
    door = await house.application()
    person = await house.person("ada", staff, email="ada@example.com", name="Ada Łovelace\r\nX-Evil: 1")
    cookie = await door.session(await house.login(person))
    for _ in range(2):
        answer = await house.ask(cookie=cookie)
        assert answer.status == 200
        assert answer.headers["x-authentik-username"] == "ada"
        assert answer.headers["x-authentik-groups"] == "all-staff|staff"
        assert answer.headers["x-authentik-email"] == "ada@example.com"
        assert answer.headers["x-authentik-name"] == "Ada ŁovelaceX-Evil: 1"
        assert answer.headers["x-authentik-meta-app"] == "hello"
    assert house.responder.remembered == 1


async def test_every_allow_carries_every_identity_header(house: House) -> None:
    cookie = await inside(house)
    for answer in (await house.ask(cookie=cookie), await house.ask("https://hello.example.com/ostiary/start")):
        assert answer.status == 200
        assert {f"x-authentik-{name}" for name in HEADERS} <= set(answer.headers)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        f"/{prefix}/{name}"
        for prefix in ("ostiary", "outpost.goauthentik.io")
        for name in ["start", "callback", "sign_out", "ping"]
    ]
    + ["/ostiary/start?rd=%2F"],
)
async def test_our_own_paths_pass_as_nobody(house: House, path: str) -> None:
    cookie = await inside(house)
    for given in (None, cookie):
        answer = await house.ask(f"https://hello.example.com{path}", given)
        assert answer.status == 200
        assert all(answer.headers[f"x-authentik-{name}"] == "" for name in HEADERS)


@pytest.mark.parametrize(
    "path",
    ["/ostiary/", "/ostiary/start/", "/ostiary//start", "/ostiary/./start", "/ostiary/%73tart", "/ostiary/auth/nginx"]
    + [
        "/ostiary/start/../../admin",
        "/Ostiary/start",
        "/ostiary/start;x",
        "/x/ostiary/start",
        "/ostiary/static/style.css",
    ],
)
async def test_everything_else_below_them_is_judged(house: House, path: str) -> None:
    await house.application()
    assert (await house.ask(f"https://hello.example.com{path}")).status == 401


async def test_our_paths_on_a_host_that_is_not_set_up_do_not_pass(house: House) -> None:
    assert (await house.ask("https://nobody.example.com/ostiary/start")).status == 401


@pytest.mark.parametrize("mark", ["X-authentik-auth-callback=true", "X-authentik-logout=true"])
async def test_marks_in_an_address_mean_nothing(house: House, mark: str) -> None:
    cookie = await inside(house)
    assert (await house.ask(f"https://hello.example.com/?{mark}")).status == 401
    assert (await house.ask(f"https://hello.example.com/?{mark}", cookie)).status == 200


@pytest.mark.parametrize(
    ("navigation", "method", "status"), [(True, "GET", 401), (True, "POST", 403), (False, "GET", 403)]
)
async def test_a_forbidden_page_is_explained_and_a_forbidden_program_told(
    house: House, navigation: bool, method: str, status: int
) -> None:
    cookie = await inside(house, access="bound")
    answer = await house.ask(cookie=cookie, navigation=navigation, method=method)
    assert (answer.status, answer.reason) == (status, "not_allowed")


async def test_plain_http_navigation_is_known_by_its_accept_header(house: House) -> None:
    cookie = await inside(house, access="bound")
    page = await house.ask("https://hello.example.com/", cookie, "Accept: text/html,*/*", navigation=False)
    program = await house.ask("https://hello.example.com/", cookie, "Accept: application/json", navigation=False)
    assert (page.status, program.status) == (401, 403)


async def test_a_host_that_is_not_set_up_is_401(house: House) -> None:
    answer = await house.ask("https://nobody.example.com/")
    assert (answer.status, answer.reason) == (401, "unknown_host")


@pytest.mark.parametrize(
    "url",
    [
        "http://hello.example.com/",
        "https://HELLO.example.com/",
        "https://hello.example.com./",
        "https://hello.example.com:443/",
    ]
    + ["http://hello.example.com:80/", "https://hello.example.com/" + "%C3%A9" * 700],
)
async def test_spellings_of_a_host_are_one_application(house: House, url: str) -> None:
    cookie = await inside(house)
    for _ in range(2):
        assert (await house.ask(url, cookie)).status == 200
    assert house.responder.remembered == 1


@pytest.mark.parametrize(
    "url", ["https://hello.example.com:8443/", "https://hello.example.com.evil.test/", "https://xhello.example.com/"]
)
async def test_other_hosts_are_others(house: House, url: str) -> None:
    cookie = await inside(house)
    assert (await house.ask(url, cookie)).reason == "unknown_host"


async def test_an_application_in_another_alphabet_is_found(house: House) -> None:
    door = await house.application("https://xn--bcher-kva.example")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask("https://XN--Bcher-Kva.example/", cookie)).status == 200
    assert (await house.ask("https://bücher.example/".encode(), cookie)).reason == "url.malformed"


async def test_the_most_specific_match_decides_even_if_disabled(house: House) -> None:
    login = await house.login(await house.person())
    domain = await house.application("https://sso.example.com", mode="forward_domain", cookie_domain="example.com")
    narrower = await house.application(
        "https://sso.team.example.com", mode="forward_domain", cookie_domain="team.example.com", slug="team"
    )
    wide, narrow = await domain.session(login), await narrower.session(login)
    both = f"{wide}; {narrow}"
    assert (await house.ask("https://a.example.com/", wide)).headers["x-authentik-meta-app"] == "sso"
    assert (await house.ask("https://a.team.example.com/", both)).headers["x-authentik-meta-app"] == "team"
    assert (await house.ask("https://a.team.example.com/", wide)).status == 401
    assert (await house.ask("https://notexample.com/", wide)).reason == "unknown_host"
    await narrower.set(enabled=False)
    await house.let_know()
    assert (await house.ask("https://a.team.example.com/", both, navigation=False)).status == 403
    own = await house.application("https://a.example.com", slug="own")
    await house.let_know()
    assert (await house.ask("https://a.example.com/", wide)).status == 401
    assert (await house.ask("https://a.example.com/", await own.session(login))).headers[
        "x-authentik-meta-app"
    ] == "own"


async def test_a_provider_without_an_application_opens_nothing(house: House) -> None:
    login = await house.login(await house.person())
    domain = await house.application("https://sso.example.com", mode="forward_domain", cookie_domain="example.com")
    wide = await domain.session(login)
    lone = await house.application("https://lone.example.com")
    cookie = await lone.session(login)
    await lone.set(provider_id=None)
    await house.let_know()
    assert (await house.ask("https://lone.example.com/", f"{wide}; {cookie}")).reason == "unknown_host"


async def test_our_own_host_is_no_application(house: House) -> None:
    door = await house.application("https://auth.example.com", slug="self")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask("https://auth.example.com/", cookie)).reason == "unknown_host"


async def test_without_an_address_of_our_own_nothing_is_decided(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, base_url=None)
    cookie = await inside(house)
    answer = await house.ask(cookie=cookie)
    assert (answer.status, answer.reason) == (503, "base_url_unset")
    await house.close()


async def test_an_address_confirmed_on_the_setup_page_counts(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, base_url=None)
    cookie = await inside(house)
    async with house.database.writing() as w:
        await installation.ensure(w, house.secrets, clock)
    assert (await house.ask(cookie=cookie)).status == 503
    await house.update(Installation, Installation.id == 1, base_url="https://auth.example.com")
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 200
    await house.close()


async def test_groups_that_cannot_be_said_are_a_refusal(house: House) -> None:
    door = await house.application()
    odd = await house.login(await house.person("bob", await house.group("a|b")))
    many = [await house.group(f"{n}-{'g' * 90}") for n in range(45)]
    much = await house.login(await house.person("eve", *many))
    assert (await house.ask(cookie=await door.session(odd), navigation=False)).reason == "group_name"
    assert (await house.ask(cookie=await door.session(much), navigation=False)).reason == "identity_too_large"


async def test_what_time_ends_is_ended_by_the_clock(house: House) -> None:
    door = await house.application()
    person = await house.person()
    short = await door.session(await house.login(person, seconds=100))
    shorter = await door.session(await house.login(person), expires=house.clock.now() + timedelta(seconds=50))
    idle = await door.session(await house.login(person))
    for seconds, answers in ((0, "200 200 200"), (50, "200 401 200"), (50, "401 401 200"), (IDLE, "401 401 401")):
        house.clock.advance(seconds)
        await house.let_know()
        found = [(await house.ask(cookie=cookie)).status for cookie in (short, shorter, idle)]
        assert " ".join(map(str, found)) == answers


async def test_a_login_that_says_how_long_it_lasts_does_not_end_by_lying_idle(house: House) -> None:
    door = await house.application()
    lasting = await house.login(await house.person(), seconds=2 * IDLE, ends_when_idle=False)
    cookie = await door.session(lasting, expires=house.clock.now() + timedelta(seconds=3 * IDLE))
    for seconds, status in ((0, 200), (2 * IDLE - 1, 200), (1, 401)):
        house.clock.advance(seconds)
        await house.let_know()
        assert (await house.ask(cookie=cookie)).status == status


async def test_use_is_noted_once_a_minute_and_keeps_a_login_alive(house: House) -> None:
    cookie = await inside(house)
    for _ in range(4):
        house.clock.advance(30)
        await house.let_know()
        assert (await house.ask(cookie=cookie)).status == 200
    assert (len(house.touched), house.responder.remembered) == (2, 3)


async def test_another_workers_word_keeps_a_login_alive(house: House) -> None:
    cookie = await inside(house)
    assert (await house.ask(cookie=cookie)).status == 200
    house.clock.advance(IDLE - 1)
    await house.update(Session, Session.user_id > 0, last_used=house.clock.now())
    house.clock.advance(2)
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 200


async def test_a_clock_set_back_brings_nothing_back(house: House) -> None:
    cookie = await inside(house, session_seconds=60)
    door = await house.application("https://short.example.com")
    short = await door.session(
        await house.login(await house.person("bob")), expires=house.clock.now() + timedelta(seconds=60)
    )
    assert (await house.ask("https://short.example.com/", short)).status == 200
    house.clock.advance(61)
    await house.let_know()
    assert (await house.ask("https://short.example.com/", short)).status == 401
    house.clock.set(datetime(2026, 6, 1, 11, tzinfo=UTC))
    assert (await house.ask("https://short.example.com/", short)).status == 401
    assert (await house.ask(cookie=cookie)).status == 200


async def test_a_binding_ends_when_its_time_is_up(house: House) -> None:
    door = await house.application(access="bound")
    person = await house.person()
    await house.bind(door, user_id=person, expires=house.clock.now() + timedelta(seconds=10))
    cookie = await door.session(await house.login(person))
    assert (await house.ask(cookie=cookie)).status == 200
    house.clock.advance(10)
    await house.let_know()
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403


async def test_rules_about_the_request_are_asked_each_time(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="request.path.startsWith('/public') && request.method == 'GET'")
    cookie = await door.session(await house.login(await house.person()))

    async def status(path: str, method: str = "GET") -> int:
        return (await house.ask(f"https://hello.example.com{path}", cookie, method=method, navigation=False)).status

    assert await status("/public/x") == 200
    assert await status("/private") == 403
    assert await status("/public/x", "POST") == 403
    assert await status("/public/x", "") == 403
    assert await status("/public/../admin") == 403
    assert await status("/public%2f..%2fadmin") == 403
    assert await status("/private?/public") == 403


async def test_a_rule_about_addresses_believes_declared_peers_only(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="in_network(request.client_ip, '192.0.2.0/24')")
    cookie = await door.session(await house.login(await house.person()))
    for forwarded, status in (("192.0.2.7", 200), ("198.51.100.1", 403), ("a", 403), ("192.0.2.7, 198.51.100.1", 403)):
        answer = await house.ask(
            "https://hello.example.com/", cookie, f"X-Forwarded-For: {forwarded}", navigation=False
        )
        assert (forwarded, answer.status) == (forwarded, status)


async def test_a_known_persons_refusal_is_one_event_an_hour(house: House) -> None:
    cookie = await inside(house, access="bound")

    async def events() -> list[Event]:
        await house.refusals.flush()
        async with house.database.reading() as r:
            return list(await r.scalars(select(Event)))

    assert await events() == []
    for _ in range(3):
        await house.ask(cookie=cookie)
    await house.ask(cookie=None)
    (event,) = await events()
    assert (event.action, event.user["username"], event.context["application"]) == ("access_refused", "ada", "hello")
    other = House(house.url, house.clock, secrets=house.secrets)
    await other.ask(cookie=cookie)
    await other.refusals.flush()
    await other.close()
    assert len(await events()) == 1
    house.clock.advance(3600)
    await house.let_know()
    await house.ask(cookie=cookie)
    assert len(await events()) == 2


async def test_what_is_counted(house: House) -> None:
    cookie = await inside(house)
    await house.ask(cookie=cookie)
    await house.ask(cookie=cookie)
    await house.ask()
    await house.ask("https://nobody.example.com/")
    await house.ask(peer="192.0.2.1")
    counts = house.responder.counts
    assert (counts[Verdict.ALLOW], house.responder.remembered, counts[Verdict.SIGN_IN]) == (1, 1, 1)
    assert (counts[Verdict.UNKNOWN_HOST], counts[Verdict.REFUSED]) == (1, 1)


async def test_a_trace_tells_all_but_secrets(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, traced=[])
    cookie = await inside(house)
    for _ in range(2):
        await house.ask("https://hello.example.com/a?token=s3cret", cookie)
    assert house.traced is not None
    assert [fact["verdict"] for fact in house.traced] == ["allow", "allow"]
    assert house.traced[0]["path"] == "/a"
    assert "s3cret" not in str(house.traced)
    assert cookie.partition("=")[2] not in str(house.traced)
    await house.close()


@pytest.mark.parametrize("dialect", ["traefik2", "forward", "envoyx", "", "nginx/x", "NGINX", "nginx%20"])
async def test_dialects_that_do_not_exist_open_nothing(house: House, dialect: str) -> None:
    cookie = await inside(house)
    for prefix in ("/ostiary/auth/", "/outpost.goauthentik.io/auth/"):
        assert (await house.ask(cookie=cookie, target=prefix + dialect)).status == 404


async def test_both_addresses_and_their_query_strings_are_the_same(house: House) -> None:
    cookie = await inside(house)
    for target in (AUTH, "/ostiary/auth/nginx", AUTH + "?X-Original-URL=x", "/ostiary/auth/nginx?"):
        assert (await house.ask(cookie=cookie, target=target)).status == 200
        assert (await house.ask(target=target)).status == 401


@pytest.mark.parametrize(
    "target", ["/", "/ostiary/start", "/ostiary/auth", "/ostiary/authx/nginx", "/if/flow/x/", "//ostiary/auth/nginx"]
)
async def test_other_paths_are_not_ours(house: House, target: str) -> None:
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert house.responder.answer(head, b"GET", target.encode(), "127.0.0.1") is None


async def test_a_path_secret_stands_for_an_address(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, proxies=(), path_secrets=("s" * 32, "t" * 32))
    cookie = await inside(house)
    for secret in ("s" * 32, "t" * 32):
        answer = await house.ask(cookie=cookie, target=f"/ostiary/auth/nginx~{secret}", peer="203.0.113.9")
        assert answer.status == 200
    for wrong in ("", "~", "~" + "s" * 31, "~" + "S" * 32, "~é"):
        answer = await house.ask(cookie=cookie, target=f"/ostiary/auth/nginx{wrong}", peer="203.0.113.9")
        assert (answer.status, answer.reason) == (403, "path_secret_wrong")
    await house.close()


async def test_a_secret_where_none_is_set_is_refused(house: House) -> None:
    cookie = await inside(house)
    assert (await house.ask(cookie=cookie, target=AUTH + "~x")).reason == "path_secret_wrong"


async def test_a_kind_limits_the_dialects(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, proxies=(("10.0.0.0/8", "traefik"), ("10.9.0.0/16", "nginx")))
    cookie = await inside(house)
    assert (await house.ask(cookie=cookie, peer="10.9.0.1")).status == 200
    for dialect in ("caddy", "envoy/x", "haproxy", "nic", "ngf"):
        asked = await house.ask(cookie=cookie, peer="10.0.0.1", target=f"/ostiary/auth/{dialect}")
        assert (asked.status, asked.reason) == (403, "peer_of_other_kind")
    for dialect in ("traefik", "nginx-fwd"):
        asked = await house.ask(cookie=cookie, peer="10.9.0.1", target=f"/ostiary/auth/{dialect}")
        assert (asked.status, asked.reason) == (403, "peer_of_other_kind")
    # From Traefik the address of nginx means its ingress-nginx provider, which sends no X-Original-URL.
    assert (await house.ask(cookie=cookie, peer="10.0.0.1")).reason == "original_url_through_traefik"
    undeclared = await house.ask(cookie=cookie, peer="192.0.2.1")
    assert (undeclared.status, undeclared.headers["x-ostiary-peer"]) == (401, "192.0.2.1")
    await house.close()


async def test_a_rule_that_fails_is_told_beside_the_refusal(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="user.attributes.level > 3")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask(cookie=cookie)).status == 401
    await house.refusals.flush()
    async with house.database.reading() as r:
        events = {event.action: event for event in await r.scalars(select(Event))}
    assert set(events) == {"access_refused", "policy_exception"}
    assert events["policy_exception"].context["application"] == "hello"
    assert len(events["policy_exception"].context["rules"]) == 1
