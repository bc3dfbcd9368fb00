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
    ("text", "path"),
    [
        ("https://apps.example.com/grafana", "/grafana"),
        ("https://apps.example.com/grafana/", "/grafana"),
        ("https://apps.example.com/a/b.c_d~e@f", "/a/b.c_d~e@f"),
        ("https://apps.example.com/café", "/café"),
        ("https://apps.example.com/", ""),
    ],
)
def test_an_application_may_begin_at_a_path(text: str, path: str) -> None:
    settings = made(external_host=text)
    assert (str(settings.origin), settings.path) == ("https://apps.example.com", path)


@pytest.mark.parametrize(
    "path",
    [
        "/a?b",
        "/a#b",
        "/a//b",
        "//a",
        "/a//",
        "/./a",
        "/a/..",
        "/a;b",
        "/a%20b",
        "/a%2fb",
        "/a b",
        "/a\\b",
        "/*",
        "/a/*",
        "/a'b",
        '/a"b',
        "/a{b}",
        "/a$b",
        "/" + "a" * 200,
    ],
)
def test_a_path_has_one_plain_form(path: str) -> None:
    error = refused(external_host="https://apps.example.com" + path)
    assert (error.code, error.field) == ("provider.external_host_invalid", "external_host")


@pytest.mark.parametrize("path", ["/ostiary", "/ostiary/x", "/Ostiary", "/outpost.goauthentik.io", "/ostiary/"])
def test_our_own_paths_are_no_application_s(path: str) -> None:
    assert refused(external_host="https://apps.example.com" + path).code == "provider.own_path"
    assert refused(open_paths=[path]).code == "provider.own_path"


def test_a_domain_begins_at_no_path() -> None:
    fields = domain(cookie_domain="example.com") | {"external_host": "https://auth.example.com/x"}
    with pytest.raises(InvalidInput) as caught:
        proxy_settings(fields)
    assert (caught.value.code, caught.value.field) == ("provider.external_host_invalid", "external_host")


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
        ("open_paths", "/x"),
        ("open_paths", [3]),
        ("open_paths", ["/"]),
        ("open_paths", ["x"]),
        ("open_paths", ["/x/../y"]),
        ("open_paths", ["/x", "/x/y"]),
        ("skip_path_regex", ["^/x$"]),
        ("skip_path_regex", "^http://hello.example.com/x$"),
        ("cors_preflight", "true"),
        ("header_style", "nginx"),
        ("header_names", {"username": "X-User"}),
        ("group_filter", 3),
        ("additional_headers", {"a": "b"}),
        ("additional_headers", ["X-Team", "x-team"]),
        ("property_mappings", "team"),
        ("signed_identity", 1),
        ("basic_auth_enabled", 1),
        ("basic_auth_user_attribute", "login"),
        ("basic_auth_password_attribute", "login"),
        ("header_authentication", "yes"),
        ("jwt_issuers", [{"issuer": "https://a.example", "audience": "x", "jwks_uri": "https://a.example/k"}]),
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


def test_open_paths_are_kept_once_and_belong_to_the_application() -> None:
    assert made(open_paths=["/public/", "/public", "/static"]).open_paths == ("/public", "/static")
    host = "https://apps.example.com/grafana"
    assert made(external_host=host, open_paths=["/grafana/public"]).open_paths == ("/grafana/public",)
    for path in ("/public", "/grafanapublic", "/grafana"):
        assert refused(external_host=host, open_paths=[path]).code == "provider.open_paths_invalid"
    # A change of the address cannot leave paths behind that open nothing, or something else.
    before = made(external_host=host, open_paths=["/grafana/public"])
    with pytest.raises(InvalidInput):
        proxy_settings({"external_host": "https://apps.example.com/other"}, before)


@pytest.mark.parametrize(
    ("line", "proposed"),
    [
        ("/public", "^/public$"),
        ("^/public", "^/public$"),
        ("/public$", "^/public$"),
        ("^/a$|^/b$", "^(?:"),
        (r"^/public\$", r"^/public\$$"),
    ],
)
def test_an_unanchored_line_is_refused_with_the_anchored_form(line: str, proposed: str) -> None:
    error = refused(skip_path_regex=f"^/fine$\n{line}")
    assert (error.code, error.field) == ("provider.skip_path_regex_unanchored", "skip_path_regex")
    assert f"`{line}`" in error.message
    assert f"write `{proposed}" in error.message


def test_lines_of_patterns_are_kept_one_by_one() -> None:
    assert made(skip_path_regex="\n ^/a$ \n\n^/b/.*$\n^/a$\n").skip_path_regex == "^/a$\n^/b/.*$"
    assert refused(skip_path_regex="^/(a$").code == "pattern.invalid"
    assert refused(skip_path_regex=r"^/(.)\1$").code == "pattern.invalid"
    assert refused(skip_path_regex="\n".join(f"^/{n}$" for n in range(51))).code == "provider.skip_path_regex_invalid"


def test_a_domain_s_patterns_are_about_whole_addresses() -> None:
    fields = domain(cookie_domain="example.com")
    line = r"^https://[a-z]+\.example\.com/public$"
    assert proxy_settings({**fields, "skip_path_regex": line}).skip_path_regex == line
    with pytest.raises(InvalidInput) as caught:
        proxy_settings({**fields, "skip_path_regex": "^/public$"})
    assert caught.value.code == "provider.skip_path_regex_invalid"


def test_names_of_its_own() -> None:
    names = {"username": "X-User", "groups": "X-Groups"}
    settings = made(header_style="own", header_names=names)
    assert settings.header_names == names
    # They end with the style, unless the change names them.
    assert proxy_settings({"header_style": "remote"}, settings).header_names == {}
    assert proxy_settings({"group_filter": "app-.*"}, settings).header_names == names
    with pytest.raises(InvalidInput):
        proxy_settings({"header_style": "remote", "header_names": names}, settings)
    assert refused(header_style="own", header_names={"nickname": "X-Nick"}).code == "provider.header_names_invalid"
    alike = {"username": "X-User", "name": "x-user"}
    assert refused(header_style="own", header_names=alike).code == "provider.header_names_invalid"
    assert refused(header_style="own", header_names=names, additional_headers=["x-USER"]).field == "additional_headers"


def test_an_attribute_never_says_who_somebody_is() -> None:
    for name in ("X-authentik-username", "x-authentik-anything", "Remote-User", "remote-groups"):
        assert refused(header_style="own", additional_headers=[name]).code == "header.name_reserved"


def test_a_filter_of_groups() -> None:
    assert made(group_filter=" app-(a|b) ").group_filter == "app-(a|b)"
    assert refused(group_filter="(").code == "pattern.invalid"
    assert refused(group_filter="a\nb").code == "pattern.invalid"


def test_basic_credentials_need_a_password_and_end_together() -> None:
    settings = made(basic_auth_enabled=True, basic_auth_user_attribute="u", basic_auth_password_attribute="p.q")
    assert (settings.basic_auth_user_attribute, settings.basic_auth_password_attribute) == ("u", "p.q")
    ended = proxy_settings({"basic_auth_enabled": False}, settings)
    assert (ended.basic_auth_user_attribute, ended.basic_auth_password_attribute) == ("", "")
    assert refused(basic_auth_enabled=True).field == "basic_auth_password_attribute"
    assert refused(basic_auth_enabled=True, basic_auth_password_attribute="a b").field == (
        "basic_auth_password_attribute"
    )


ISSUER = {"issuer": "https://ci.example.com", "audience": "hello", "jwks_uri": "https://ci.example.com/keys"}
# The key of RFC 7515, appendix A.3.
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def issuers(*entries: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return made(header_authentication=True, jwt_issuers=list(entries)).jwt_issuers


def test_issuers_of_tokens() -> None:
    assert issuers(ISSUER) == ({**ISSUER, "claim": "sub"},)
    full = {
        "issuer": "https://ci.example.com/x",
        "audience": "hello",
        "jwks": {"keys": [KEY]},
        "claim": "email",
        "users": {"deploy@ci": "Deployer"},
    }
    assert issuers(full) == ({**full, "users": {"deploy@ci": "deployer"}},)
    settings = made(header_authentication=True, jwt_issuers=[ISSUER])
    assert proxy_settings({"header_authentication": False}, settings).jwt_issuers == ()


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://ci.example.com"},
        {"issuer": "ci.example.com"},
        {"issuer": None},
        {"audience": ""},
        {"audience": "a b"},
        {"jwks": {"keys": [KEY]}},
        {"jwks_uri": "http://ci.example.com/keys"},
        {"jwks_uri": "https://user@ci.example.com/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"claim": ""},
        {"claim": "a b"},
        {"users": {}},
        {"users": {"x": 3}},
        {"users": ["x"]},
        {"audiences": "x"},
    ],
)
def test_wrong_issuers(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        issuers({**ISSUER, **change})
    assert (caught.value.code, caught.value.field) == ("provider.jwt_issuers_invalid", "jwt_issuers")


def test_keys_of_issuers_are_public_and_asymmetric() -> None:
    base = {key: ISSUER[key] for key in ("issuer", "audience")}
    for keys in (None, [], [{"kty": "oct"}], ["x"], [{**KEY, "x": "a"}], [KEY] * 21):
        with pytest.raises(InvalidInput) as caught:
            issuers({**base, "jwks": {"keys": keys}})
        assert caught.value.code == "provider.jwt_issuers_invalid"
    with pytest.raises(InvalidInput) as private:
        issuers({**base, "jwks": {"keys": [{**KEY, "d": "x"}]}})
    assert private.value.code == "provider.jwt_issuers_private"
    with pytest.raises(InvalidInput):
        issuers(base)
    with pytest.raises(InvalidInput):
        issuers(ISSUER, ISSUER)
    with pytest.raises(InvalidInput) as username:
        issuers({**ISSUER, "users": {"x": "$remote_user"}})
    assert username.value.code == "user.username_invalid"
