"""What went wrong elsewhere, asked of every proxy: each test is named after its advisory.

Forged headers are in test_spoofing.py; here is what each advisory adds to that.
"""

import re
import socket
from urllib.parse import unquote

import pytest

from tests.proxies.installation import Installation
from tests.proxies.stand import Standing
from tests.proxies.test_spoofing import SHUT, expect_nobody_else, identities
from tests.rig.client import Reply, exchange, reply

# Spellings of /admin, and ways from /public to it.
WAYS = (
    *("/admin", "/admin/", "/admin/secret", "//admin", "/./admin", "/.//admin", "/%2e/admin", "/./admin/secret"),
    *("/admin%2F", "/admin%5C", "/admin%00", "/admin%3B", "/admin%3F", "/admin%23", "/admin;x", "/admin#x", "/admin?x"),
    *("/%61dmin", "/adm%69n/", "/public/../admin", "/public/%2e%2e/admin", "/public/.%2e/admin", "/public/%2E./admin"),
    *(
        "/public/..%2fadmin",
        "/public%2f..%2fadmin",
        "/public%2F%2e%2e%2Fadmin",
        "/public\\..\\admin",
        "/public/..\\admin",
    ),
    *("/public/..;/admin", "/public/..;x=y/admin", "/public;/../admin", "/public/../../admin", "/public/x/../../admin"),
    *(
        "/public/./../admin",
        "/public//../admin",
        "/public#/../../admin",
        "/public?/../../admin",
        "/public/%252e%252e/admin",
    ),
    *("/public/%c0%ae%c0%ae/admin", "/public/..%c0%afadmin", "/public/.%00./admin", "/public/%ef%bc%8e%ef%bc%8e/admin"),
    *(
        "/public/..%5cadmin",
        "/public%5c..%5cadmin",
        "/public%3f/../admin",
        "/public%23/../admin",
        "/public%00/../admin",
    ),
    *("/public/\t../admin", "/public../admin", "/public%2e%2e/admin", "/publicadmin", "/public%0a/../admin", "admin"),
    *(
        "/ostiary/ping/../../admin",
        "/ostiary/ping%2f..%2f..%2fadmin",
        "/ostiary/start#/../../admin",
        "/ostiary/ping;/admin",
    ),
    *("http:///admin", "http:/admin", "?/admin", "/?/../admin", "/%", "/%zz/../admin", "/public/%u002e%u002e/admin"),
)


def readings(target: str) -> set[str]:
    """Every path that some server may make of a target. A query begins at the first question mark, to all of them."""
    path = target.partition("?")[0]
    found, fresh = {path}, {path}
    while fresh:
        more: set[str] = set()
        for path in fresh:
            more.add(unquote(path, errors="replace"))
            more.add(path.replace("\\", "/"))
            more |= {path.partition(cut)[0] for cut in "?#;\0" if cut in path}
            more |= {re.sub(r";[^/]*", "", path), re.sub(r"[\0-\x20]", "", path), re.sub(r"^https?:/*", "/", path)}
            more.add(re.sub(r"/{2,}", "/", path))
            more.add(_without_dots(path))
        fresh = {path for path in more - found if path} if len(found) < 500 else set()
        found |= fresh
    return found


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if len(kept) > 1:
                kept.pop()
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def below(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")


def raw(door: Standing, target: str, *headers: tuple[str, str]) -> Reply:
    """A request for these very bytes."""
    lines = (f"GET {target} HTTP/1.1", f"Host: {door.host('docs')}", *(f"{name}: {value}" for name, value in headers))
    return exchange(door.address, ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode("latin-1"))


def test_fa_15_the_connection_header_takes_no_forwarded_header_away_unseen(door: Standing) -> None:
    cookie = door.cookie("hello")
    door.forget()
    names = "x-real-ip, x-forwarded-host, x-forwarded-proto, x-forwarded-uri, x-forwarded-method, x-original-url, host"
    for spelled in ("connection", "Connection"):
        for name in (names, *names.split(", ")):
            forged = ((one, door.host("hello")) for one in ("X-Forwarded-Host", "X-Original-URL", "X-Real-IP"))
            lines = (("Cookie", cookie[1]), *forged, (spelled, f"close, {name}"))
            head = "\r\n".join(("GET / HTTP/1.1", f"Host: {door.host('vault')}", *(f"{k}: {v}" for k, v in lines)))
            assert exchange(door.address, f"{head}\r\n\r\n".encode()).status in SHUT
    assert not door.arrived("vault")


@pytest.mark.parametrize("header", ["X-Forwarded-Prefix", "X-Forwarded-Port", "X-Script-Name", "X-Forwarded-Path"])
@pytest.mark.parametrize("value", ["/public", "80", "443", "8443", "x", "/ostiary/ping"])
def test_fa_16_fa_17_prefix_and_port_change_nothing(door: Standing, header: str, value: str) -> None:
    cookie = door.cookie("docs")
    door.forget()
    forged = (header, value)
    assert door.ask("docs", "/private", forged).status in SHUT
    assert door.ask("docs", "/admin", cookie, forged).status in SHUT
    assert not door.arrived("docs")
    assert door.ask("docs", "/private", cookie, forged).status == door.ask("docs", "/private", cookie).status


@pytest.mark.parametrize("sign", ["_", "."])
def test_fa_18_fa_20_an_alias_of_a_forwarded_header_is_no_such_header(door: Standing, sign: str) -> None:
    cookie = door.cookie("hello")
    door.forget()
    for name, value in (
        *(("X-Forwarded-Host", door.host("hello")), ("X-Original-URL", f"http://{door.host('hello')}/")),
        *(("X-Forwarded-Uri", "/ostiary/ping"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Method", "OPTIONS")),
    ):
        alias = (name.replace("-", sign), value)
        for forged in ((alias,), (alias, (name, value)), ((name, value), alias)):
            assert door.ask("vault", "/", cookie, *forged).status in SHUT
            assert door.ask("hello", "/", *forged).status in SHUT
    assert not door.arrived("vault")
    assert not door.arrived("hello")


@pytest.mark.parametrize("sign", ["-", "_", ".", "~"])
def test_fa_19_fa_20_remote_user_and_its_aliases(door: Standing, sign: str) -> None:
    cookie = door.cookie("hello")
    door.forget()
    names = ("Remote-User", "REMOTE-USER", "X-authentik-username", "X-AUTHENTIK-USERNAME", "Remote-Groups")
    door.ask("hello", "/", cookie, *((name.replace("-", sign), "forged") for name in names))
    for one in door.arrived("hello"):
        assert not [name for name, value in one.environ.items() if value == "forged" and "REMOTE" in name]
    expect_nobody_else(door, "hello", door.arrived("hello"), known=True)


def test_fa_22_who_has_no_address_and_no_groups_cannot_bring_them_along(door: Standing) -> None:
    cookie = door.cookie("hello")
    door.forget()
    forged = [(f"X-authentik-{name}", "admins") for name in ("email", "groups", "entitlements", "jwt")]
    door.ask("hello", "/", cookie, *forged, ("Remote-Groups", "admins"), ("Remote-Email", "admins"))
    for one in door.arrived("hello"):
        seen = identities(one)
        assert "admins" not in {value for values in seen.values() for value in values}
        assert "X-authentik-email" not in seen


def test_fa_23_no_placeholder_arrives(door: Standing) -> None:
    cookie = door.cookie("hello")
    door.forget()
    assert door.ask("hello", "/", cookie).status == 200
    for one in door.arrived("hello"):
        texts = [value for name, value in one.headers if name != "cookie"]
        assert not [value for value in texts if re.search(r"\{http\.|\$\w|\(null\)|%\[|%REQ|%DYNAMIC", value)]


@pytest.mark.parametrize("known", [False, True], ids=["nobody", "anna"])
def test_fa_26_fa_27_fa_28_no_spelling_of_a_path_opens_another(door: Standing, known: bool) -> None:
    cookie = [door.cookie("docs")] if known else []
    for target in WAYS:
        door.forget()
        raw(door, target, *cookie)
        for one in door.arrived("docs"):
            paths = readings(one.target)
            if any(below(path, "/ostiary") for path in paths):
                assert not identities(one)
            assert not [path for path in paths if below(path, "/admin")], (target, one.target)
            assert known or all(below(path, "/public") or below(path, "/ostiary") for path in paths), (target, one)


def test_fa_26_what_is_open_is_open_and_what_is_not_is_not(door: Standing) -> None:
    """The test above would pass if everything were refused."""
    cookie = door.cookie("docs")
    door.forget()
    opened = door.ask("docs", "/public/a?b=../admin")
    mine = door.ask("docs", "/private", cookie)
    assert door.ask("docs", "/admin", cookie).status in SHUT
    assert door.ask("docs", "/private").status in SHUT
    assert [one.target for one in door.arrived("docs")] == ["/public/a?b=../admin", "/private"] or not door.stand.paths
    assert (opened.status, mine.status) == (200, 200) or not door.stand.paths


_FORWARDED = (
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: {host}",
    "X-Forwarded-Uri: {path}",
    "X-Forwarded-Method: GET",
)
ADDRESSES = {
    "nginx": ("nginx", ("X-Original-URL: http://{host}{path}", "X-Original-Method: GET")),
    "traefik": ("traefik", _FORWARDED),
    "caddy": ("caddy", _FORWARDED),
}


def directly(installation: Installation, door: Standing, path: str, *lines: str) -> Reply:
    """The question itself, from the proxy's own address."""
    address, heads = ADDRESSES[door.stand.kind]
    head = [f"GET /ostiary/auth/{address} HTTP/1.1", "Host: ostiary", "Connection: close"]
    head += [line.format(host=door.host("docs"), path=path) for line in heads]
    with socket.create_connection(installation.listens, source_address=(installation.peer(door.stand.name), 0)) as wire:
        wire.sendall(("\r\n".join([*head, *lines]) + "\r\n\r\n").encode("latin-1"))
        answer = b""
        while piece := wire.recv(65_536):
            answer += piece
    return reply(answer)


def test_fa_26_fa_27_the_question_itself(door: Standing, installation: Installation) -> None:
    if door.stand.kind not in ADDRESSES or not door.stand.paths:
        assert door.stand.kind in ("envoy", "haproxy", "nginx"), "a kind without a question here"
        return
    cookie = "Cookie: " + door.cookie("docs")[1]
    assert directly(installation, door, "/private", cookie).status == 200
    assert directly(installation, door, "/public/x").status == 200
    for target in WAYS:
        for lines in ((), (cookie,)):
            answer = directly(installation, door, target, *lines)
            paths = readings(target)
            if any(below(path, "/admin") for path in paths):
                assert answer.status != 200, (target, lines)
            elif not lines:
                open_ = all(below(path, "/public") for path in paths)
                assert answer.status != 200 or open_, target
