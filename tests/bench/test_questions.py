"""Every proxy's question is as large as a browser makes it, and says the same."""

import pytest

from bench.questions import FAMILIES, page

URL, COOKIE = "https://app.example/reports?x=1", "__Host-ostiary_00000000=" + "a" * 64


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("keep", [True, False])
def test_a_question_is_as_large_as_a_browsers(family: str, keep: bool) -> None:
    question = FAMILIES[family](URL, COOKIE, keep=keep)
    assert 800 <= len(question) <= 1100
    assert 18 <= question.count(b"\r\n") - 2 <= 24
    assert question.endswith(b"\r\nCookie: " + COOKIE.encode() + b"\r\n\r\n")
    assert (b"\r\nConnection: close\r\n" in question) is not keep


def test_each_says_what_was_asked_for() -> None:
    assert b"\r\nX-Original-URL: https://app.example/reports?x=1\r\n" in FAMILIES["nginx"](URL, "", keep=True)
    assert b"\r\nX-Forwarded-Uri: /reports?x=1\r\n" in FAMILIES["forwarded"](URL, "", keep=True)
    envoy = FAMILIES["envoy"](URL, "", keep=True)
    assert envoy.startswith(b"GET /ostiary/auth/envoy/reports?x=1 HTTP/1.1\r\nHost: app.example\r\n")
    assert page(URL, "").startswith(b"GET /reports?x=1 HTTP/1.1\r\nHost: app.example\r\n")
    assert not any(b"Cookie" in ask(URL, "", keep=True) for ask in FAMILIES.values())
