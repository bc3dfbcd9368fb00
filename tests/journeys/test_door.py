"""What people meet at the door once it is set up: deep links, tabs, forms, strangers, thieves and revocation."""

import os
import re
import signal
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visitor
from tests.journeys.house import DOMAIN, TITLES, House
from tests.journeys.pages import PASSWORD, expect_greeting, expect_sign_in, sign_in
from tests.rig.agent import Agent
from tests.rig.client import Reply

ANNA = ("anna", "a door that knows me")
BERT = ("bert", "another door entirely")
PASSWORD_OF_ALL = "the third door"
# Each happens to a person of its own, named after it.
REVOCATIONS = {
    "person-disabled": ("user", "disable", "person-disabled"),
    "session-ended": ("session", "end", "--user", "session-ended"),
    "password-changed": ("user", "set-password", "password-changed"),
    "group-left": ("group", "remove", "board", "group-left"),
    "app-disabled": ("app", "disable", "vault"),
}
# What a browser may have in its address bar and an application must get back byte for byte.
DEEP_LINKS = {
    "query": "/a/b?x=1&y=two+words&z=&x=2",
    "percent": "/a%20b/c%2Fd?x=%26%3D%23%2B&y=%25",
    "non-ascii": "/gr%C3%BC%C3%9Fe/%E6%97%A5%E6%9C%AC?q=%C5%BE",
    "apostrophe": "/it's?who='me'",
    "an address inside": "/go?to=https://elsewhere.example/%3Fa%3Db&rd=/x",
    "2 kB": "/deep/" + "segment%20/" * 150 + "?k=" + "v" * 400,
}


@pytest.fixture(scope="module", autouse=True)
def people(house: House) -> None:
    """Two people and three applications."""
    house.prepare(
        (("group", "create", "board"), ""),
        house.person(*ANNA, "--name", "Anna"),
        house.person(*BERT, "--name", "Bert", "--group", "board"),
        *(house.person(name, PASSWORD_OF_ALL, "--group", "board") for name in REVOCATIONS),
        house.app("hello"),
        house.app("wiki"),
        house.app("vault", "--group", "board", "--contact", f"keeper@{DOMAIN}"),
    )


def walk_in(house: House, url: str, person: tuple[str, str], agent: Agent | None = None) -> tuple[Agent, str, Reply]:
    """Signs in on the way to an address; the profile, and where it ended."""
    agent = agent or house.agent()
    where, page = agent.follow(url)
    where, reply = agent.submit(where, page, uid_field=person[0], password=person[1])
    assert reply.status in (302, 303), reply.body.decode()
    where, reply = agent.follow(where)
    return agent, where, reply


@pytest.mark.parametrize("link", DEEP_LINKS)
def test_deep_link_arrives_byte_for_byte(house: House, link: str) -> None:
    url = house.url("wiki", DEEP_LINKS[link])
    house.recorder.seen.clear()
    _, where, reply = walk_in(house, url, ANNA)
    assert (reply.status, reply.body) == (200, b"The Wiki")
    assert where == url
    assert [seen.target for seen in house.recorder.seen] == [DEEP_LINKS[link]]
    assert house.recorder.seen[0].get("X-authentik-username") == "anna"


def test_bytes_that_no_browser_sends_arrive_escaped(house: House) -> None:
    house.recorder.seen.clear()
    _, _, reply = walk_in(house, house.url("wiki", b"/caf\xe9?\xfc=\xff".decode("latin-1")), ANNA)
    assert (reply.status, reply.body) == (200, b"The Wiki")
    assert [seen.target for seen in house.recorder.seen] == ["/caf%E9?%FC=%FF"]


def test_deep_link_in_a_browser(house: House, visitor: Visitor) -> None:
    page = visitor()
    path = "/grüße/a b?q=ž&x=%2F&list=1&list=2"
    page.goto(house.url("hello", path))
    expect_sign_in(page)
    sign_in(page, *ANNA)
    expect_greeting(page, TITLES["hello"], "anna")
    expect(page).to_have_url(house.url("hello", "/gr%C3%BC%C3%9Fe/a%20b?q=%C5%BE&x=%2F&list=1&list=2"))


def test_two_tabs_sign_in_at_once(house: House, visitor: Visitor) -> None:
    first = visitor()
    second = first.context.new_page()
    first.goto(house.url("hello", "/first?tab=1"))
    second.goto(house.url("hello", "/second?tab=2"))
    expect_sign_in(first)
    expect_sign_in(second)
    sign_in(first, *ANNA)
    expect(first).to_have_url(house.url("hello", "/first?tab=1"))
    expect_greeting(first, TITLES["hello"], "anna")
    # The second tab's page is from before; whether it asks again or goes on, it ends where it was going.
    sign_in(second, *ANNA)
    expect(second).to_have_url(house.url("hello", "/second?tab=2"))
    expect_greeting(second, TITLES["hello"], "anna")
    first.reload()
    expect_greeting(first, TITLES["hello"], "anna")


def test_posted_form_that_met_the_door(house: House, visitor: Visitor) -> None:
    page = visitor()
    page.set_content(
        f'<form method="post" action="{house.url("hello", "/save")}"><input name="text" value="hours of work">'
        "<button>Save</button></form>"
    )
    page.get_by_role("button").click()
    expect_sign_in(page)
    sign_in(page, *ANNA)
    if house.plan.handoff == "in_place":
        # The refused check saw the method and wrote it into the attempt.
        expect(page.get_by_role("heading", name="not delivered")).to_be_visible()
        page.get_by_role("link", name="Open").click()
    # Otherwise nginx turns the refusal into a GET of the sign-in address, which says nothing of the method.
    expect_greeting(page, TITLES["hello"], "anna")
    expect(page.locator("#address")).to_have_text("GET /save")


def test_refused_person_reaches_the_page_that_says_why(house: House, visitor: Visitor) -> None:
    page = visitor()
    page.goto(house.url("vault", "/secret?x=1"))
    expect_sign_in(page)
    sign_in(page, *ANNA)
    expect(page.get_by_text(f"keeper@{DOMAIN}").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("vault")
    # The names of rules are for administrators.
    expect(page.get_by_text("board")).to_have_count(0)
    page.goto(house.url("hello"))
    expect_greeting(page, TITLES["hello"], "anna")


def test_allowed_person_opens_the_bound_application(house: House, visitor: Visitor) -> None:
    page = visitor()
    page.goto(house.url("vault"))
    sign_in(page, *BERT)
    expect_greeting(page, TITLES["vault"], "bert")


def test_anonymous_request_that_is_no_navigation_sets_nothing(house: House) -> None:
    agent = house.agent()
    reply = agent.send(
        "GET", house.url("hello", "/picture.png"), b"", ("Accept", "image/*"), ("Sec-Fetch-Mode", "no-cors")
    )
    assert reply.status in (302, 401)
    assert not reply.all("Set-Cookie")


def unused_ticket(house: House, agent: Agent, person: tuple[str, str]) -> str:
    """Signs in on the way to the application and stops in front of the address that carries the ticket."""
    where, page = agent.follow(house.url("hello", "/mine"))
    where, reply = agent.submit(where, page, uid_field=person[0], password=person[1])
    assert reply.status in (302, 303), reply.body.decode()
    ticketed = re.escape(house.url("hello", "/"))
    while not re.match(ticketed, where):
        where, reply = agent.follow(where, until=ticketed)
    return where


@pytest.mark.parametrize("prepared", [False, True], ids=["fresh browser", "browser with its own attempt"])
def test_unused_ticket_of_one_browser_opens_nothing_in_another(house: House, visitor: Visitor, prepared: bool) -> None:
    thief = house.agent()
    address = unused_ticket(house, thief, ANNA)
    victim = visitor()
    if prepared:
        victim.goto(house.url("hello", "/mine"))
        expect_sign_in(victim)
    victim.goto(address)
    expect(victim.get_by_role("heading", name=TITLES["hello"])).to_have_count(0)
    victim.goto(house.url("hello"))
    expect_sign_in(victim)
    # Nor did trying spoil anything open for the browser that it belongs to, or for anyone else.
    _, reply = house.agent().follow(address)
    assert TITLES["hello"] not in reply.body.decode()


def test_ticket_opens_once(house: House) -> None:
    agent = house.agent()
    address = unused_ticket(house, agent, ANNA)
    attempt = {host: dict(jar) for host, jar in agent.cookies.items()}
    _, reply = agent.follow(address)
    assert TITLES["hello"] in reply.body.decode()
    # The same browser as it was before, without its sign-in at Ostiary: the ticket is used up.
    again = house.agent()
    again.cookies = {host: jar for host, jar in attempt.items() if host.startswith("hello.")}
    _, reply = again.follow(address)
    assert TITLES["hello"] not in reply.body.decode()


def answers_of_each_worker(house: House, agent: Agent, *headers: tuple[str, str]) -> list[set[int]]:
    """What each worker answers while all others stand still; they share one listening socket."""
    workers = house.workers()
    assert len(workers) == 2
    answers = []
    for worker in workers:
        others = [other for other in workers if other != worker]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            answers.append({agent.get(house.url("vault"), *headers).status for _ in range(5)})
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)
    return answers


@pytest.mark.parametrize("name", REVOCATIONS)
def test_revocation_closes_the_door_in_every_worker_within_a_second(house: House, name: str) -> None:
    agent, _, reply = walk_in(house, house.url("vault"), (name, PASSWORD_OF_ALL))
    assert reply.status == 200
    # Both workers have met this person, and hold what they know in memory.
    assert answers_of_each_worker(house, agent) == [{200}, {200}]
    house.ostiary(*REVOCATIONS[name], stdin="a password that nobody knew before")
    time.sleep(1)
    assert [200 in answers for answers in answers_of_each_worker(house, agent)] == [False, False]
    if "app" in REVOCATIONS[name]:
        house.ostiary("app", "enable", "vault")


def test_app_password_that_is_deleted_opens_no_worker_a_second_later(house: House) -> None:
    house.ostiary("app", "set", "vault", "--header-authentication")
    key = house.ostiary("token", "create", "nightly", "--user", BERT[0], "--app", "vault").strip()
    program = house.agent()
    come = "Authorization", f"Bearer {key}"
    time.sleep(1)
    assert answers_of_each_worker(house, program, come) == [{200}, {200}]
    house.ostiary("token", "delete", "nightly", "--yes")
    time.sleep(1)
    assert [200 in answers for answers in answers_of_each_worker(house, program, come)] == [False, False]
    house.ostiary("app", "set", "vault", "--no-header-authentication")


@pytest.mark.parametrize("page_url", ["/if/flow/default-authentication-flow/"])
def test_sign_in_page_is_for_keyboard_and_password_manager(house: House, visitor: Visitor, page_url: str) -> None:
    page = visitor()
    page.goto(house.url("auth", page_url))
    expect(page.get_by_label(PASSWORD)).to_have_attribute("autocomplete", "current-password")
    page.keyboard.press("Tab")
    typed = page.locator("input[autocomplete='username']")
    typed.focus()
    page.keyboard.type(ANNA[0])
    page.keyboard.press("Tab")
    page.keyboard.type(ANNA[1])
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/if/flow/"))
