from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.access.open_doors import OpenDoors, open_doors
from ostiary.kit.urls import canonical_path

HOST = "https://hello.example.com"


def opened(target: str, paths: Any = (), regex: str = "", mode: str = "forward_single", host: str = HOST) -> bool:
    return open_doors(mode, list(paths), regex, cors_preflight=False).is_open(host, canonical_path(target.encode()))


@pytest.mark.parametrize(
    ("target", "open_to_all"),
    [
        ("/public", True),
        ("/public/", True),
        ("/public/a/b.css?x=1", True),
        ("/public?x", True),
        ("/%70ublic/a", True),
        ("/publicity", False),
        ("/Public", False),
        ("/public.html", False),
        ("/", False),
        ("/x/public", False),
        ("/x?/public", False),
        ("/public/../x", False),
        ("/public//x", False),
        ("/public/%2e%2e/x", False),
        ("/public;x", False),
        ("/public%00", False),
    ],
)
def test_a_path_is_open_with_all_below_it(target: str, open_to_all: bool) -> None:
    assert opened(target, ["/public"]) is open_to_all


@pytest.mark.parametrize(
    ("target", "open_to_all"),
    [
        ("/health", True),
        ("/health?deep=1", True),
        ("/health/", False),
        ("/xhealth", False),
        ("/static/a/b", True),
        ("/static/", False),
        ("/caf%C3%A9", True),
        ("/x?y=/health", False),
    ],
)
def test_patterns_meet_whole_decoded_paths(target: str, open_to_all: bool) -> None:
    assert opened(target, regex="^/health$\n^/static/.+$\n^/caf\u00e9$") is open_to_all


def test_in_a_domain_patterns_meet_whole_addresses() -> None:
    regex = r"^https://(a|b)\.example\.com/public$"
    for host, open_to_all in (
        ("https://a.example.com", True),
        ("https://c.example.com", False),
        ("http://a.example.com", False),
        ("https://a.example.com:8443", False),
    ):
        assert opened("/public", regex=regex, mode="forward_domain", host=host) is open_to_all
    assert not opened("/public", regex=regex, host="https://a.example.com")


@pytest.mark.parametrize("paths", ["x", 3, None, ["/"], [""], ["x"], [3], [None], {}])
@pytest.mark.parametrize("regex", ["(", "^/(?=x)", None, 3])
def test_what_cannot_be_read_opens_nothing(paths: Any, regex: Any) -> None:
    doors = open_doors("forward_single", paths, regex, 0)
    for path in ("/", "/x", "x", ""):
        assert not doors.is_open(HOST, path)
    assert not doors


def test_stored_text_is_read_as_json() -> None:
    assert open_doors("forward_single", '["/public"]', "", 1) == OpenDoors(("/public",), preflight=True)


@given(st.text(max_size=20))
def test_an_unreadable_path_is_never_open(tail: str) -> None:
    doors = open_doors("forward_single", ["/a"], "^.*$", cors_preflight=False)
    path = canonical_path(("/a/" + tail).encode("utf-8", "surrogatepass"))
    assert doors.is_open(HOST, path) is (path is not None)
