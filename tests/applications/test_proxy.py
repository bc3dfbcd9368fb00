from typing import Any

import pytest

from ostiary.applications.proxy import AUTHORIZATION_FLOW, INVALIDATION_FLOW, ProxySettings, proxy_settings
from ostiary.kit.errors import InvalidInput

HOST = {"external_host": "https://hello.example.com"}


def made(**fields: Any) -> ProxySettings:
    return proxy_settings({**HOST, **fields})


def refused(**fields: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        made(**fields)
    return caught.value


def test_a_host_is_enough() -> None:
    settings = made()
    assert str(settings.origin) == "https://hello.example.com"
    assert (settings.mode, settings.handoff, settings.cookie_domain) == ("forward_single", "callback", "")
    assert settings.session_seconds == 86_400
    assert settings.authentication_flow is None
    assert (settings.authorization_flow, settings.invalidation_flow) == (AUTHORIZATION_FLOW, INVALIDATION_FLOW)


@pytest.mark.parametrize(
    ("text", "origin", "key"),
    [
        ("HTTPS://Hello.Example.COM.:443/", "https://hello.example.com", "hello.example.com"),
        ("http://hello.localhost:8080", "http://hello.localhost:8080", "hello.localhost:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_hosts_have_one_form(text: str, origin: str, key: str) -> None:
    settings = made(external_host=text)
    assert (str(settings.origin), settings.origin.key) == (origin, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello.example.com",
        "ftp://hello.example.com",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://a@hello.example.com",
        "https://hello.example.com:0",
        "https://hello.example.com:99999",
        "https://hello.example.com?x",
        "https://hello.example.com#x",
        "https://hello example.com",
        "https://*.example.com",
        7,
        None,
    ],
)
def test_wrong_hosts(text: Any) -> None:
    error = refused(external_host=text)
    assert (error.code, error.field) == ("provider.external_host_invalid", "external_host")


@pytest.mark.parametrize(
    "text", ["https://hello.example.com/app", "https://hello.example.com/app/", "https://h.example.com/a?b"]
)
def test_paths_are_refused_until_they_exist(text: str) -> None:
    assert refused(external_host=text).code == "provider.path_not_supported_yet"


def test_the_host_is_needed() -> None:
    with pytest.raises(InvalidInput) as caught:
        proxy_settings({})
    assert caught.value.code == "provider.external_host_invalid"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "proxy"),
        ("internal_host", "http://hello:80"),
        ("internal_host_ssl_validation", False),
        ("certificate", "0d9c6a0e"),
        ("property_mappings", ["x"]),
        ("skip_path_regex", "^/public$"),
        ("basic_auth_enabled", True),
        ("basic_auth_user_attribute", "u"),
        ("basic_auth_password_attribute", "p"),
        ("intercept_header_auth", False),
        ("intercept_header_auth", 1),
        ("jwt_federation_sources", ["x"]),
        ("jwt_federation_providers", [1]),
        ("refresh_token_validity", "days=3"),
    ],
)
def test_what_has_no_effect_is_refused(field: str, value: Any) -> None:
    error = refused(**{field: value})
    assert (error.code, error.field) == ("provider.not_supported_yet", field)


def test_defaults_that_clients_send_are_accepted() -> None:
    assert (
        made(
            internal_host="",
            internal_host_ssl_validation=True,
            certificate=None,
            property_mappings=[],
            skip_path_regex="",
            basic_auth_enabled=False,
            basic_auth_user_attribute="",
            basic_auth_password_attribute="",
            intercept_header_auth=True,
            jwt_federation_sources=[],
            jwt_federation_providers=[],
            refresh_token_validity="days=30",
        )
        == made()
    )


def test_an_unknown_field_names_the_nearest() -> None:
    error = refused(external_hosts="x")
    assert error.code == "provider.field_unknown"
    assert "external_host?" in error.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "forward"),
        ("mode", None),
        ("handoff", "in place"),
        ("access_token_validity", "seconds=59"),
        ("access_token_validity", "days=366"),
        ("authorization_flow", "a b"),
        ("invalidation_flow", "../x"),
        ("cookie_domain", 3),
    ],
)
def test_wrong_values(field: str, value: Any) -> None:
    error = refused(**{field: value})
    assert (error.code, error.field) == (f"provider.{field}_invalid", field)


def test_lengths_of_time() -> None:
    assert made(access_token_validity="hours=1").session_seconds == 3_600
    assert refused(access_token_validity="soon").code == "duration.invalid"


def domain(**fields: Any) -> dict[str, Any]:
    return {"external_host": "https://auth.example.com", "mode": "forward_domain", **fields}


@pytest.mark.parametrize("text", ["example.com", ".Example.COM", "example.com.", "auth.example.com"])
def test_domains_have_one_form(text: str) -> None:
    settings = proxy_settings(domain(cookie_domain=text))
    assert settings.cookie_domain == text.strip(".").lower()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "provider.cookie_domain_invalid"),
        ("https://example.com", "provider.cookie_domain_invalid"),
        ("example.com:443", "provider.cookie_domain_invalid"),
        ("..", "provider.cookie_domain_invalid"),
        ("1.2.3.4", "provider.cookie_domain_invalid"),
        ("com", "provider.cookie_domain_public"),
        ("co.uk", "provider.cookie_domain_public"),
        ("github.io", "provider.cookie_domain_public"),
        ("localhost", "provider.cookie_domain_public"),
        ("other.example", "provider.cookie_domain_elsewhere"),
        ("xample.com", "provider.cookie_domain_elsewhere"),
        ("deep.auth.example.com", "provider.cookie_domain_elsewhere"),
    ],
)
def test_wrong_domains(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        proxy_settings(domain(cookie_domain=text))
    assert (caught.value.code, caught.value.field) == (code, "cookie_domain")


def test_a_domain_belongs_to_its_mode() -> None:
    assert refused(cookie_domain="example.com").code == "provider.cookie_domain_invalid"
    assert proxy_settings(domain(cookie_domain="example.com", handoff="in_place")).handoff == "in_place"


def test_a_change_keeps_what_it_does_not_name() -> None:
    before = proxy_settings(domain(cookie_domain="example.com", access_token_validity="hours=1"))
    after = proxy_settings({"external_host": "https://login.example.com"}, before)
    assert (after.mode, after.cookie_domain, after.session_seconds) == ("forward_domain", "example.com", 3_600)
    with pytest.raises(InvalidInput):
        proxy_settings({"external_host": "https://login.example.org"}, before)
