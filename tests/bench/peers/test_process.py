"""The browser that signs in to a peer."""

import pytest

from bench.peers.issuer import issuer
from bench.peers.process import Visitor


def test_only_the_asked_cookies_are_shown() -> None:
    visitor = Visitor({}, {"_peer": "1", "_peer_1": "2", "other": "3"})
    assert visitor.cookie("_peer") == "_peer=1; _peer_1=2"
    with pytest.raises(RuntimeError, match="no cookie absent"):
        visitor.cookie("absent")


def test_the_provider_sends_everybody_back_with_a_code() -> None:
    with issuer() as provider:
        visitor = Visitor({provider.host: ("127.0.0.1", provider.server_port)})
        status, location, _ = visitor.ask(
            "GET", f"{provider.url}/authorize?redirect_uri=https://auth.example/back&state=s&nonce=n"
        )
        assert (status, location) == (302, "https://auth.example/back?code=code-0&state=s")
        visitor.walk(f"{provider.url}/authorize?redirect_uri=https://auth.example/back&state=s")
        status, _, text = visitor.ask(
            "POST", f"{provider.url}/token", "code=code-0", "application/x-www-form-urlencoded"
        )
        assert status == 200
        assert '"id_token"' in text
