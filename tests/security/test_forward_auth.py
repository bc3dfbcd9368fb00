"""What went wrong with forward authentication elsewhere, and must not here: the rows that nginx can meet."""

import random
import re
from typing import Any
from urllib.parse import quote

import pytest

from ostiary.forwardauth import tickets
from tests.clock import FakeClock
from tests.forwardauth.house import AUTH, Answer, Door, House
from tests.forwardauth.street import Street
from tests.forwardauth.test_responder import HEADERS

ROOT = "https://hello.example.com/"


async def inside(house: House, **values: Any) -> tuple[Door, str]:
    door = await house.application(**values)
    return door, await door.session(await house.login(await house.person()))


def denied(answer: Answer) -> bool:
    """Refused, and nobody's name in the answer."""
    return answer.status in (401, 403, 404, 503) and not any(name.startswith("x-authentik") for name in answer.headers)


@pytest.mark.parametrize(
    "url",
    [None, "", "://", "http://%zz/", "http://hello.example.com/\x00", b"https://hello.example.com/" + b"x" * 65536]
    + ["hello.example.com/", "https:hello.example.com/", "https:///hello.example.com/", "https://hello.example.com"]
    + ["https://u:p@hello.example.com/", "ftp://hello.example.com/", "https://hello.example.com\t/", "https://[::1/"]
    + ["https://hello.example.com*", "https://hello.example.comx", "http://hello.example.com?x=/"],
)
async def test_fa_01_what_cannot_be_parsed_is_denied(house: House, url: str | bytes | None) -> None:
    _, cookie = await inside(house)
    assert (await house.ask(ROOT, cookie)).status == 200
    assert denied(await house.ask(url, cookie))
    assert denied(await house.ask(url))


@pytest.mark.parametrize("agent", ["kube-probe/1.31", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Prometheus/2.0"])
async def test_fa_02_no_user_agent_opens_a_door(house: House, agent: str) -> None:
    await inside(house)
    for path in ("", "-/health/live/", "ping", "outpost.goauthentik.io/pinger"):
        assert denied(await house.ask(ROOT + path, None, f"User-Agent: {agent}"))


FORGED = ("X-Forwarded-Uri: /ostiary/start", "X-Forwarded-Host: other.example.com", "X-Forwarded-Method: OPTIONS")


@pytest.mark.parametrize("header", FORGED)
async def test_fa_03_a_forwarded_header_that_disagrees_is_refused_by_name(house: House, header: str) -> None:
    _, cookie = await inside(house)
    answer = await house.ask(ROOT + "admin", cookie, header)
    assert (answer.status, answer.reason) == (
        403,
        f"forwarded_{header.partition(':')[0].rpartition('-')[2].lower()}_disagrees",
    )
    assert denied(await house.ask(ROOT + "admin", cookie, header, peer="192.0.2.1"))


@pytest.mark.parametrize(
    "header",
    ["X-Original-URL: https://hello.example.com/", "x-original-url: https://other.example.com/"]
    + ["X-ORIGINAL-METHOD: GET", "X-Original-URL:"],
)
async def test_fa_03_a_header_that_comes_twice_is_refused(house: House, header: str) -> None:
    _, cookie = await inside(house)
    answer = await house.ask(ROOT, cookie, header)
    assert (answer.status, answer.reason) == (403, "header_doubled")


async def test_fa_03_agreeing_forwarded_headers_do_no_harm(house: House) -> None:
    _, cookie = await inside(house)
    agreeing = ("X-Forwarded-Host: Hello.Example.com:443", "X-Forwarded-Uri: /a?b", "X-Forwarded-Method: GET")
    assert (await house.ask(ROOT + "a?b", cookie, *agreeing)).status == 200
    port = await house.application("https://port.example.com:8443")
    await house.let_know()
    there = await port.session(await house.login(await house.person("bob")))
    for host, status in (("port.example.com", 200), ("port.example.com:8443", 200), ("port.example.com:8444", 403)):
        answer = await house.ask("https://port.example.com:8443/", there, f"X-Forwarded-Host: {host}")
        assert answer.status == status


async def test_fa_32_the_host_that_chose_the_server_decides_beside_the_one_that_was_named(house: House) -> None:
    """nginx picks its server by the address of an absolute request, and tells us the Host header beside it."""
    _, cookie = await inside(house)
    await house.application("https://other.example.com")
    answer = await house.ask(ROOT + "secret", cookie, "X-Forwarded-Host: other.example.com")
    assert (answer.status, answer.reason) == (403, "forwarded_host_disagrees")


@pytest.mark.parametrize(
    "query", ["?host=other.example.com", "?x=1&host=", "?host=hello.example.com&host=hello.example.com"]
)
async def test_fa_32_the_host_in_the_address_of_the_question_decides_too(house: House, query: str) -> None:
    """ingress-nginx says ``$host`` only where auth-url asks it to."""
    _, cookie = await inside(house)
    await house.application("https://other.example.com")
    assert (await house.ask(ROOT + "secret", cookie, target=f"{AUTH}?host=hello.example.com")).status == 200
    answer = await house.ask(ROOT + "secret", cookie, target=AUTH + query)
    assert (answer.status, answer.reason) == (403, "chosen_host_disagrees")


async def test_fa_03_another_applications_address_through_an_undeclared_peer(house: House) -> None:
    _, cookie = await inside(house)
    await house.application("https://other.example.com")
    answer = await house.ask(ROOT, cookie, "X-Forwarded-Host: other.example.com", peer="192.0.2.1")
    assert (answer.status, answer.reason) == (401, "peer_undeclared")


async def test_fa_04_nobody_is_a_proxy_until_declared(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, proxies=())
    _, cookie = await inside(house)
    for peer in ("127.0.0.1", "::1", "10.0.0.1", "", "nonsense"):
        assert (await house.ask(ROOT, cookie, peer=peer)).reason == "peer_undeclared"
    await house.close()


@pytest.mark.parametrize("path", ["foo/secret#/x/bar", "#", "foo%23/../secret#"])
async def test_fa_06_a_fragment_is_refused(house: House, path: str) -> None:
    _, cookie = await inside(house)
    assert denied(await house.ask(ROOT + path, cookie))


@pytest.mark.parametrize("path", ["foo/secret%23/x/bar", "foo/secret;/x/bar", "foo/secret%0a/x/bar"])
async def test_fa_06_a_rule_about_paths_denies_what_it_could_misread(house: House, path: str) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="request.path.startsWith('/foo/') && request.path.endsWith('/bar')")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask(ROOT + "foo/x/bar", cookie)).status == 200
    assert denied(await house.ask(ROOT + path, cookie))


async def test_fa_07_ten_thousand_mutated_cookies_open_nothing_and_ask_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cookie = await inside(house)
    assert (await house.ask(cookie=cookie)).status == 200
    name, _, value = cookie.partition("=")
    chance = random.Random(7)
    monkeypatch.setattr(house.direct, "query", lambda *_: pytest.fail("the database was asked"))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/%é\t \"',"
    for number in range(10_000):
        at = chance.randrange(len(value))
        mutated = (
            value[:at],
            value[at + 1 :],
            value[:at] + chance.choice(letters) + value[at + 1 :],
            value[:at] + chance.choice(letters) + value[at:],
            value * (number % 120 + 2),
            "".join(chance.choice(letters) for _ in range(64)),
            value.swapcase(),
            value + "=",
        )[number % 8]
        if mutated.strip() == value:
            continue
        answer = await house.ask(cookie=f"{name}={mutated}")
        assert (mutated, answer.status) == (mutated, 401)
        assert denied(answer)
    monkeypatch.undo()
    assert (await house.ask(cookie=cookie)).status == 200


async def test_fa_07_of_doubled_cookies_one_wins_only_if_exactly_one_is_ours(house: House) -> None:
    door, cookie = await inside(house)
    name = cookie.partition("=")[0]
    second = await door.session(await house.login(await house.person("bob")))
    for _ in range(2):
        assert (await house.ask(cookie=f"{name}=planted; {cookie}")).headers["x-authentik-username"] == "ada"
        assert (await house.ask(cookie=f"{cookie}; {name}=planted")).headers["x-authentik-username"] == "ada"
        assert denied(await house.ask(cookie=f"{cookie}; {second}"))
        assert denied(await house.ask(cookie=f"{second}; {cookie}"))
        assert denied(await house.ask(ROOT, cookie, f"Cookie: {second}"))


async def test_fa_07_a_name_that_ends_in_ours_is_not_ours(house: House) -> None:
    _, cookie = await inside(house)
    assert (await house.ask(cookie=cookie)).status == 200
    for other in (f"x{cookie}", f"a=x{cookie}", f"a={cookie}", f"{cookie.swapcase()}", f"a=b,{cookie}"):
        assert denied(await house.ask(cookie=other))
    assert (await house.ask(cookie=f"a=b;{cookie};c=d")).status == 200


async def test_fa_08_a_policy_that_raises_or_is_no_answer_denies(house: House) -> None:
    door = await house.application(access="bound")
    person = await house.person("ada", attributes={"text": "true", "number": 1})
    cookie = await door.session(await house.login(person))
    for expression in (
        "1 / 0 == 1",
        "user.attributes.missing",
        "'true'",
        "user.attributes.text",
        "user.attributes.number",
        "nonsense(",
    ):
        binding = await house.bind(door, expression=expression, negate=True)
        await house.let_know()
        assert denied(await house.ask(cookie=cookie)), expression
        assert binding


UNTRUSTED = (
    "X-Forwarded-Proto: http",
    "X-Forwarded-Port: 8443",
    "X-Forwarded-Prefix: /public",
    "X-Forwarded-Host: other.example.com",
    "X-Forwarded-Method: POST",
    "X-Forwarded-Uri: /public",
    "X-Forwarded-For: 10.0.0.1",
    "Forwarded: for=10.0.0.1;host=other.example.com;proto=http",
)


@pytest.mark.parametrize("header", UNTRUSTED)
async def test_fa_11_an_undeclared_peers_words_change_nothing(house: House, header: str) -> None:
    _, cookie = await inside(house)
    bare = await house.ask(ROOT, cookie, peer="192.0.2.1")
    assert await house.ask(ROOT, cookie, header, peer="192.0.2.1") == bare
    assert denied(bare)


async def test_fa_12_what_was_decided_for_one_application_is_not_said_at_another(house: House) -> None:
    door, cookie = await inside(house)
    other = await house.application("https://other.example.com")
    assert (await house.ask(ROOT, cookie)).status == 200
    name, _, value = cookie.partition("=")
    assert denied(await house.ask("https://other.example.com/", cookie))
    renamed = f"{name[: -len(door.uuid[:8])]}{other.uuid[:8]}={value}"
    for _ in range(2):
        answer = await house.ask("https://other.example.com/", renamed)
        assert (answer.status, answer.reason) == (401, "other_application")
    assert (await house.ask(ROOT, cookie)).status == 200


async def test_fa_13_a_decision_about_one_request_is_not_kept_for_the_next(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="request.method == 'GET'")
    cookie = await door.session(await house.login(await house.person()))
    for method, status in (("GET", 200), ("POST", 403), ("GET", 200), ("DELETE", 403)):
        assert (await house.ask(ROOT, cookie, method=method)).status == status


@pytest.mark.parametrize("header", ["X-Forwarded-Prefix: /public", "X-Forwarded-Port: 80", "X-Forwarded-Port: x"])
async def test_fa_16_fa_17_prefix_and_port_are_no_input(house: House, header: str) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="request.path.startsWith('/public')")
    cookie = await door.session(await house.login(await house.person()))
    assert denied(await house.ask(ROOT + "admin", cookie, header))
    assert (await house.ask(ROOT + "public", cookie, header)).status == 200


ALIASES = [
    name
    for real in ("X-Original-URL", "X-Original-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method")
    for name in (
        real.replace("-", "_"),
        real.replace("-", "."),
        real.replace("-", "_", 1),
        real.lower().replace("-", "_"),
    )
]


@pytest.mark.parametrize("alias", ALIASES)
async def test_fa_18_fa_20_an_alias_is_refused_alone_and_beside_the_real_header(house: House, alias: str) -> None:
    _, cookie = await inside(house)
    for value in ("https://other.example.com/public", "GET", ""):
        for url in (ROOT, None):
            answer = await house.ask(url, cookie, f"{alias}: {value}")
            assert (answer.status, answer.reason) == (403, "header_alias")


async def test_fa_22_every_configured_header_comes_empty_too(house: House) -> None:
    door = await house.application()
    cookie = await door.session(await house.login(await house.person("bare", name="", email="")))
    answer = await house.ask(ROOT, cookie)
    assert answer.headers["x-authentik-username"] == "bare"
    assert {f"x-authentik-{name}" for name in HEADERS} <= set(answer.headers)
    assert answer.headers["x-authentik-groups"] == answer.headers["x-authentik-email"] == ""


async def test_fa_24_fa_25_hosts_match_at_labels_and_in_any_case(house: House) -> None:
    door = await house.application("https://sso.example.com", mode="forward_domain", cookie_domain="example.com")
    cookie = await door.session(await house.login(await house.person()))
    for host in ("example.com", "EXAMPLE.com", "example.com.", "App.Example.Com", "a.b.example.com", "sso.example.com"):
        assert (await house.ask(f"https://{host}/", cookie)).status == 200
    for host in ("notexample.com", "example.com.evil.test", "com", "evil-example.com", "example.com.evil.test."):
        assert (await house.ask(f"https://{host}/", cookie)).reason == "unknown_host"


@pytest.mark.parametrize("escape", ["%2F", "%5C", "%00", "%3B", "%3F", "%23", "/%2e%2e/", "%252F", "\\", "/..", "//"])
async def test_fa_10_fa_26_a_rule_about_paths_denies_what_has_no_one_form(house: House, escape: str) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="!request.path.startsWith('/admin/')")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask(ROOT + "public", cookie)).status == 200
    assert denied(await house.ask(f"{ROOT}admin{escape}x", cookie))


async def test_fa_31_every_answer_is_small(house: House) -> None:
    _, cookie = await inside(house, handoff="in_place")
    long = ROOT + "x" * 8000
    found = [
        await house.raw(url, given) for url in (ROOT, long, "https://no/") for given in (cookie, None, "x" * 20_000)
    ]
    found.append(await house.raw(ROOT, cookie, "X-Original-URL: x"))
    assert all(len(answer) <= 4096 for answer in found)


async def start(street: Street, query: str, host: str = "auth.example.com") -> Any:
    return await street.browser().get(f"https://{host}/ostiary/start?{query}", X_Forwarded_Proto="https")


async def test_fa_33_a_state_that_is_not_ours_leads_nowhere(street: Street) -> None:
    await street.house.application()
    first = await start(street, "rd=%2Fx", "hello.example.com")
    assert first.status_code == 303
    text = re.search(r"attempt=([^&]+)", first.headers["location"])
    assert text is not None
    good = text[1]
    forged = [good[:-1] + ("A" if good[-1] != "A" else "B"), good[:40], "x", good + "AAAA"]
    for attempt in forged:
        page = await start(street, f"attempt={attempt}&rd=https://hello.example.com/x")
        assert (page.status_code, page.headers.get("set-cookie")) == (400, None)
        assert "attempt.invalid" in page.text
    for rd in (
        "https://hello.example.com/y",
        "https://other.example.com/x",
        "https://hello.example.com/x?y",
        "//evil.test",
    ):
        page = await start(street, f"attempt={good}&rd={rd}")
        assert (page.status_code, page.headers.get("location")) == (400, None)
    street.house.clock.advance(tickets.ATTEMPT_SECONDS)
    page = await start(street, f"attempt={good}&rd=https://hello.example.com/x")
    assert (page.status_code, "attempt.expired" in page.text) == (400, True)


@pytest.mark.parametrize(
    "rd",
    [
        "//evil.test",
        "/\\evil.test",
        "https:evil.test",
        "javascript:alert(1)",
        "https://app.example@evil.test/",
        "\\\\evil.test",
    ],
)
async def test_fa_34_fa_35_no_rd_leads_to_another_host(street: Street, rd: str) -> None:
    await street.house.application()
    for text in (rd, quote(rd, safe="")):
        for host in ("hello.example.com", "auth.example.com"):
            page = await start(street, f"rd={text}", host)
            assert page.headers.get("location", "https://hello.example.com/").startswith(
                ("https://hello.example.com/", "https://auth.example.com/")
            )
            assert page.status_code in (400, 404) or "evil" not in page.headers["location"].partition("rd=")[0]


async def test_fa_36_the_audit_log_names_the_peer_not_its_claim(house: House) -> None:
    door = await house.application(access="bound")
    cookie = await door.session(await house.login(await house.person()))
    await house.ask(ROOT, cookie, "X-Forwarded-For: 10.0.0.1", peer="192.0.2.1")
    assert not house.refusals._waiting
    await house.ask(ROOT, cookie, "X-Forwarded-For: 203.0.113.5")
    (refusal,) = house.refusals._waiting
    assert refusal.by.client_ip == "203.0.113.5"


async def test_fa_37_fa_38_forwarded_hosts_and_schemes_build_no_address(street: Street) -> None:
    await street.house.application()
    for headers in (
        {"X_Forwarded_Host": "evil.test"},
        {"X_Forwarded_Proto": "javascript"},
        {"X_Forwarded_Proto": "ftp"},
        {"X_Forwarded_Host": "hello.example.com", "X_Forwarded_Proto": "http", "X_Forwarded_Port": "1"},
    ):
        for path in ("start?rd=%2F", "callback?ticket=x", "sign_out"):
            page = await street.browser().get(f"https://hello.example.com/ostiary/{path}", **headers)
            location = page.headers.get("location", "https://auth.example.com/")
            assert location.startswith("https://auth.example.com/")
            assert "evil.test" not in location
