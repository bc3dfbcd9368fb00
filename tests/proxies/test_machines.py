"""A program with an app password, through each proxy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ostiary.directory.tokens import PURPOSE
from ostiary.kit.tokens import b64, random_token
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from tests.proxies.installation import ANNA
from tests.proxies.stand import Standing
from tests.proxies.test_spoofing import identities

KEY = b64(random_token())
TAKES_OFF = ("envoy-http", "envoy-grpc", "haproxy")
"""Those that take a credential off by themselves; the others need an address with a path secret."""


@contextmanager
def app_password(door: Standing) -> Iterator[None]:
    """hello takes machines for as long as it lasts, and Anna has an app password there."""
    slug = f"hello-{door.stand.name}"
    secret_key = (Path(door.installation.folder) / "secret_key").read_text().split()[0]
    provider = "SELECT provider_id FROM applications WHERE slug = ?"
    switch = f"UPDATE proxy_providers SET header_authentication = ? WHERE id = ({provider})"
    token = new_id()
    door.installation.sql(switch, 1, slug)
    door.installation.sql(
        "INSERT INTO tokens (id, identifier, user_id, intent, key_hash, description, application, application_id,"
        " created) SELECT ?, ?, u.id, 'app_password', ?, '', a.slug, a.id, 0 FROM users u, applications a"
        " WHERE u.username = ? AND a.slug = ?",
        *(token, token, Secrets([secret_key]).hash(PURPOSE, KEY.encode()), ANNA[0], slug),
    )
    yield
    door.installation.sql("DELETE FROM tokens WHERE id = ?", token)
    door.installation.sql(switch, 0, slug)


@pytest.fixture
def taken(door: Standing) -> Iterator[Standing]:
    with app_password(door):
        yield door


def test_a_program_comes_in_until_its_password_is_one_no_more(taken: Standing) -> None:
    for credential in (f"Bearer {KEY}", f"bearer {KEY}"):
        taken.forget()
        reply = taken.ask("hello", "/api", ("Authorization", credential), method="POST", body=b"x")
        assert reply.status == 200, reply
        [arrived] = taken.arrived("hello")
        if taken.stand.tells:
            assert identities(arrived)["X-authentik-username"] == {ANNA[0]}
        told = [value for name, value in arrived.headers if name.lower() == "authorization"]
        assert told == ([] if taken.stand.name in TAKES_OFF else [credential])
    taken.forget()
    for name, credential in (("hello", f"Bearer {KEY[::-1]}"), ("wiki", f"Bearer {KEY}")):
        reply = taken.ask(name, "/api", ("Authorization", credential))
        assert reply.status in (302, 401), reply
        assert not taken.arrived(name)
    taken.installation.sql("UPDATE tokens SET intent = 'api' WHERE intent = 'app_password'")
    reply = taken.ask("hello", "/api", ("Authorization", f"Bearer {KEY}"))
    assert reply.status in (302, 401), reply
    assert not taken.arrived("hello")
