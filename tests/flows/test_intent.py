"""An intent leads to our own host, and only one that we sealed is believed."""

import pytest

from ostiary.flows.intent import Intent, Intents
from ostiary.flows.start import Start
from ostiary.kit.errors import InvalidInput
from ostiary.storage.secrets import Secrets

SECRETS = Secrets(["k" * 32])


def test_a_sealed_intent_opens_whole() -> None:
    intent = Intent("/ostiary/start?rd=%2F", "Hello", "hello", "https://hello.example.com", acr=("a",), max_age=60)
    intents = Intents(SECRETS)
    assert intents.open(intents.seal(intent)) == intent
    assert Intents(Secrets(["o" * 32])).open(intents.seal(intent)) is None


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "{}", "é"])
def test_what_we_did_not_seal_is_nothing(text: str) -> None:
    assert Intents(SECRETS).open(text) is None


@pytest.mark.parametrize(
    "resume",
    [
        "//evil.test",
        "/\\evil.test",
        "https:evil.test",
        "https://evil.test/",
        "javascript:alert(1)",
        "",
        "/a b",
        "/a\r\nX: y",
        "/é",
    ],
)
def test_a_flow_never_returns_elsewhere(resume: str) -> None:
    with pytest.raises(InvalidInput):
        Intent(resume)


def test_a_plain_wish_has_a_plain_address() -> None:
    start = Start(SECRETS)
    assert start.url(Intent()) == "/if/flow/default-authentication-flow/"
    assert start.url(Intent("/x"), "other").startswith("/if/flow/other/?intent=")
