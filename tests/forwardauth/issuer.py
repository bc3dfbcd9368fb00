"""An issuer of tokens for machines, in the shapes of Kubernetes service accounts and of GitHub Actions."""

import json
from datetime import datetime
from typing import Any

from ostiary.kit.errors import Unavailable
from ostiary.kit.jose import SigningKey

KUBERNETES = "https://kubernetes.default.svc.cluster.local"
GITHUB = "https://token.actions.githubusercontent.com"
AUDIENCE = "https://hello.example.com"
ROBOT = "system:serviceaccount:ci:robot"
BRANCH = "repo:example/hello:ref:refs/heads/main"


class Issuer:
    """Signs with ``key`` and publishes ``published``; ``asked`` counts who fetched it."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.key = SigningKey.generate(algorithm)
        self.published = [self.key]
        self.asked = 0
        self.away = False

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.public() for key in self.published]}

    async def fetch(self, uri: str) -> bytes:
        self.asked += 1
        if self.away:
            raise Unavailable("outgoing.unreachable", f"{uri} does not answer.")
        return json.dumps(self.jwks()).encode()

    def rotate(self) -> None:
        """A new key signs, and only it is published."""
        self.key = SigningKey.generate()
        self.published = [self.key]

    def kubernetes(self, now: datetime, **claims: Any) -> str:
        """A projected service account token."""
        at = int(now.timestamp())
        return self.sign(
            {
                "aud": [AUDIENCE],
                "exp": at + 3600,
                "iat": at,
                "iss": KUBERNETES,
                "jti": "4a3f1a0e-6d0f-4a55-9d5c-5b2f3b6b0c1d",
                "kubernetes.io": {
                    "namespace": "ci",
                    "node": {"name": "node-1", "uid": "7c0e"},
                    "pod": {"name": "job-x", "uid": "51f4"},
                    "serviceaccount": {"name": "robot", "uid": "c2b7"},
                },
                "nbf": at,
                "sub": ROBOT,
            }
            | claims
        )

    def github(self, now: datetime, **claims: Any) -> str:
        """A workflow's identity token."""
        at = int(now.timestamp())
        return self.sign(
            {
                "jti": "b2d0e6f1",
                "sub": BRANCH,
                "aud": AUDIENCE,
                "ref": "refs/heads/main",
                "repository": "example/hello",
                "repository_owner": "example",
                "actor": "ada",
                "event_name": "push",
                "runner_environment": "github-hosted",
                "iss": GITHUB,
                "nbf": at - 600,
                "exp": at + 300,
                "iat": at,
            }
            | claims
        )

    def sign(self, claims: dict[str, Any]) -> str:
        return self.key.sign({name: value for name, value in claims.items() if value is not None})
