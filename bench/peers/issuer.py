"""An OpenID provider that signs everybody in as one person at once, for peers that need one. On loopback alone."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from bench.peers.process import EMAIL, PERSON

CLIENT, SECRET = "bench", "a secret of the bench"


class Issuer(ThreadingHTTPServer):
    """``url`` is its issuer identifier; every code and token is worth the same person."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})
        self.nonces: dict[str, str] = {}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def person(self) -> dict[str, Any]:
        return {
            "sub": "00000000-0000-4000-8000-000000000000",
            "preferred_username": PERSON,
            "name": "Person 0",
            "email": EMAIL,
            "email_verified": True,
            "groups": ["staff", "reports", "house"],
        }

    def signed(self, nonce: str) -> str:
        now = int(time.time())
        claims = {**self.person(), "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 86_400}
        if nonce:
            claims["nonce"] = nonce
        return jwt.encode({"alg": "RS256", "kid": "bench", "typ": "JWT"}, claims, self.key)


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        url = self.server.url
        if parts.path == "/.well-known/openid-configuration":
            self._say(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "userinfo_endpoint": f"{url}/userinfo",
                    "jwks_uri": f"{url}/jwks",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif parts.path == "/jwks":
            self._say({"keys": [self.server.key.as_dict(private=False)]})
        elif parts.path == "/userinfo":
            self._say(self.server.person())
        elif parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = f"code-{len(self.server.nonces)}"
            self.server.nonces[code] = asked.get("nonce", "")
            joint = "&" if "?" in asked["redirect_uri"] else "?"
            self.send_response(302)
            query = urlencode({"code": code, "state": asked.get("state", "")})
            self.send_header("Location", f"{asked['redirect_uri']}{joint}{query}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        if urlsplit(self.path).path != "/token":
            self.send_error(404)
            return
        token = self.server.signed(self.server.nonces.get(body.get("code", [""])[0], ""))
        self._say({"access_token": "a" * 43, "token_type": "Bearer", "expires_in": 86_400, "id_token": token})

    def _say(self, what: dict[str, Any]) -> None:
        text = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


@contextmanager
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
