"""python verify.py ISSUER APPLICATION ASSERTION: prints who is asking, or fails. Needs joserfc."""

import json
import sys
from urllib.request import urlopen

from joserfc import jwt
from joserfc.jwk import KeySet


def identity(issuer: str, application: str, assertion: str) -> dict[str, object]:
    """What X-Ostiary-Jwt-Assertion says; raises for all that Ostiary did not sign for this application just now."""
    with urlopen(f"{issuer}/ostiary/jwks.json", timeout=5) as answer:  # keep the keys for some minutes
        keys = KeySet.import_key_set(json.load(answer))
    token = jwt.decode(assertion, keys, algorithms=["ES256"])
    wanted = jwt.JWTClaimsRegistry(
        leeway=30,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": application},
        exp={"essential": True},
    )
    wanted.validate(token.claims)
    return token.claims


print(identity(*sys.argv[1:])["preferred_username"])
