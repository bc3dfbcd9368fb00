"""Each value's own rules."""

import pytest
from pydantic import ValidationError

from ostiary.settings.load import load
from ostiary.settings.problems import InvalidSettings
from ostiary.settings.sources import LEAVES
from ostiary.settings.tree import Settings, split_address


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("WEB__BASE_URL", "id.example.com", "url_invalid"),
        ("WEB__BASE_URL", "ftp://id.example.com", "url_invalid"),
        ("WEB__BASE_URL", "https://id.example.com/path", "url_invalid"),
        ("WEB__BASE_URL", "https://user@id.example.com", "url_invalid"),
        ("WEB__BASE_URL", "https://id.example.com?x", "url_invalid"),
        ("WEB__BASE_URL", "https://id.example.com:port", "url_invalid"),
        ("WEB__BASE_URL", "https://[", "url_invalid"),
        ("WEB__CONTACT", "nobody", "contact_invalid"),
        ("WEB__TITLE", "x" * 81, "out_of_range"),
        ("WEB__WORKERS", "0", "out_of_range"),
        ("WEB__WORKERS", "1.5", "not_a_number"),
        ("LISTEN__HTTP", "example.com:80", "address_invalid"),
        ("LISTEN__HTTP", "0.0.0.0:70000", "address_invalid"),
        ("LISTEN__HTTP", "::1:9000", "address_invalid"),
        ("LISTEN__HTTP", "[127.0.0.1]:9000", "address_invalid"),
        ("LISTEN__HTTP", "0.0.0.0", "address_invalid"),
        ("PROXIES", "0.0.0.0/0", "proxy_everyone"),
        ("PROXIES", "::/0=nginx", "proxy_everyone"),
        ("PROXIES", "10.0.0.1/8", "proxy_invalid"),
        ("PROXIES", "ingress", "proxy_invalid"),
        ("PROXIES", "10.0.0.0/8=apache", "not_one_of"),
        ("SECRET_KEY", "short", "secret_key_short"),
        ("SECRET_KEY", "[" + ", ".join(["k" * 32] * 2) + "]", "secret_key_twice"),
        ("FORWARD_AUTH__PATH_SECRETS", "p" * 31, "path_secret_invalid"),
        ("FORWARD_AUTH__PATH_SECRETS", "/" * 32, "path_secret_invalid"),
        ("DATABASE__URL", "mysql://db", "database_unsupported"),
        ("DATABASE__URL", "sqlite://", "database_unsupported"),
        ("SESSIONS__IDLE", "8", "duration_invalid"),
        ("SESSIONS__IDLE", "seconds=0", "out_of_range"),
        ("EVENTS__RETENTION", "hours=1", "out_of_range"),
        ("LOCKOUT__ATTEMPTS", "0", "out_of_range"),
        ("PASSWORDS__MIN_LENGTH", "4", "out_of_range"),
        ("LOG__FORMAT", "xml", "not_one_of"),
    ],
)
def test_wrong_values_get_a_sentence_and_a_code(name: str, value: str, code: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(None, {f"OSTIARY_{name}": value})
    (problem,) = caught.value.problems
    assert problem.code == caught.value.code == f"settings.{code}"
    assert problem.source == f"OSTIARY_{name}"
    assert problem.sentence.endswith(".")
    assert problem.field.startswith(name.lower().replace("__", "."))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://ID.example.com:443/", "https://id.example.com"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("https://tür.example", "https://xn--tr-xka.example"),
    ],
)
def test_the_base_url_is_kept_in_one_form(given: str, kept: str) -> None:
    assert load(None, {"OSTIARY_WEB__BASE_URL": given}).settings.web.base_url == kept


@pytest.mark.parametrize(
    ("given", "kept", "parts"),
    [
        ("9000", "0.0.0.0:9000", ("0.0.0.0", 9000)),
        (":9000", "0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("[::]:0", "[::]:0", ("::", 0)),
    ],
)
def test_addresses_to_listen_on(given: str, kept: str, parts: tuple[str, int]) -> None:
    address = load(None, {"OSTIARY_LISTEN__HTTP": given}).settings.listen.http
    assert address == kept
    assert split_address(address) == parts


def test_the_database_lives_in_the_data_directory_unless_named() -> None:
    assert load(None, {"OSTIARY_DATA_DIR": "/data"}).settings.database.url == "sqlite:////data/ostiary.sqlite3"
    named = load(None, {"OSTIARY_DATABASE__URL": "postgres://u@h/d"})
    assert named.settings.database.url == "postgresql://u@h/d"


def test_the_tree_is_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        setattr(settings, "web", settings.web)  # noqa: B010 - the type checker would refuse the plain form


def test_every_setting_says_what_it_means() -> None:
    for path, field in LEAVES.items():
        assert field.description, path
        assert field.description.endswith("."), path
