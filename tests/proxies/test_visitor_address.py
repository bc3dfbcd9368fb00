"""FA-36 and a port in the Host header, through each proxy: whose address a rule sees, and whose door a name opens."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.proxies.installation import ANNA
from tests.proxies.stand import Standing
from tests.proxies.test_spoofing import SHUT
from tests.rig.agent import Agent
from tests.rig.client import Reply, ask

CLAIMS = ("203.0.113.9", "203.0.113.9, 203.0.113.10", "127.0.0.1, 203.0.113.9", "203.0.113.9, 127.0.0.1")
HEADERS = ("X-Forwarded-For", "x-forwarded-for", "X_Forwarded_For", "X-Real-IP", "True-Client-IP", "X-Original-For")


@contextmanager
def ruled(door: Standing, expression: str) -> Iterator[None]:
    """The wiki is open to whom this rule lets in."""
    sql = door.installation.sql
    slug = f"wiki-{door.stand.name}"
    sql("INSERT INTO policies (id, name, type, expression) VALUES ('rule', 'rule', 'expression', ?)", expression)
    sql(
        'INSERT INTO policy_bindings (id, application_id, policy_id, "order", negate, enabled, failure_result)'
        " SELECT 'binding', id, 'rule', 0, false, true, false FROM applications WHERE slug = ?",
        slug,
    )
    sql("UPDATE applications SET access = 'bound' WHERE slug = ?", slug)
    try:
        yield
    finally:
        sql("UPDATE applications SET access = 'everyone' WHERE slug = ?", slug)
        sql("DELETE FROM policy_bindings WHERE id = 'binding'")
        sql("DELETE FROM policies WHERE id = 'rule'")


def test_fa_36_no_visitor_chooses_the_address_that_rules_see(door: Standing) -> None:
    cookie = door.cookie("wiki")
    # Of a visitor on its own machine, Envoy tells an address of that machine.
    with ruled(door, "!in_network(request.client_ip, '203.0.113.0/24')"):
        assert door.ask("wiki", "/", cookie).status == 200
    with ruled(door, "in_network(request.client_ip, '203.0.113.0/24')"):
        door.forget()
        assert door.ask("wiki", "/", cookie).status in SHUT
        for claim in CLAIMS:
            for name in HEADERS:
                assert door.ask("wiki", "/", cookie, (name, claim)).status in SHUT, (name, claim)
            forwarded = ("Forwarded", f"for={claim.partition(',')[0]}")
            twice = (("X-Forwarded-For", claim), ("X-Forwarded-For", claim))
            for more in ((forwarded,), twice, (("Connection", "X-Forwarded-For"), twice[0])):
                assert door.ask("wiki", "/", cookie, *more).status in SHUT, more
        assert not door.arrived("wiki")


def test_a_port_in_the_host_header_opens_no_other_application(door: Standing) -> None:
    """Most proxies choose an application by the name alone."""
    cookie = door.cookie("hello")
    door.forget()
    for port in ("1", "8443", "65535", "080", "x", "", "443x"):
        named = f"{door.host('vault')}:{port}"
        for given in ((), (cookie,)):
            assert ask(door.address, "/", named, *given).status in SHUT, named
            ask(door.address, f"http://{named}/", door.host("hello"), *given)
            ask(door.address, f"http://{door.host('hello')}/", named, *given)
    assert not door.arrived("vault")


class Liar(Agent):
    """A browser that claims to be elsewhere in everything it sends, as one behind another proxy does rightly."""

    def send(self, method: str, url: str, body: bytes, *headers: tuple[str, str]) -> Reply:
        return super().send(method, url, body, *headers, ("X-Forwarded-For", "203.0.113.9"))


def test_fa_36_who_signs_in_is_counted_by_the_address_that_the_proxy_saw(door: Standing) -> None:
    """A claim gets nobody past the brake on passwords, and keeps nobody from the page."""
    liar = Liar({"http": door.port})
    where, page = liar.follow(door.url("hello"))
    assert page.status == 200, page
    _, page = liar.submit(where, page, uid_field=ANNA[0], password="a guess")
    assert page.get("Location") is None
    with closing(sqlite3.connect(door.installation.folder / "ostiary.sqlite3", timeout=30)) as database:
        [address] = database.execute(
            "SELECT client_ip FROM events WHERE action = 'login_failed' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert address
    assert not address.startswith("203.")
