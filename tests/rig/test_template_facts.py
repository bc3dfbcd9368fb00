"""Every configuration that the rig writes does what the controller's template does."""

import re
from pathlib import Path

import pytest

from tests.rig import manifest
from tests.rig.ingress_nginx import Surroundings, render
from tests.rig.manifest import Ingress
from tests.rig.template_facts import FACTS, Fact

EXAMPLES = Path(__file__).parents[2] / "examples" / "ingress-nginx"
EVERYTHING = """
kind: Ingress
metadata:
  name: everything
  annotations:
    nginx.ingress.kubernetes.io/auth-url: http://auth.auth.svc.cluster.local:9000/check
    nginx.ingress.kubernetes.io/auth-method: HEAD
    nginx.ingress.kubernetes.io/auth-cache-key: $http_cookie
    nginx.ingress.kubernetes.io/auth-always-set-cookie: "true"
    nginx.ingress.kubernetes.io/auth-response-headers: X-One, X-Two
    nginx.ingress.kubernetes.io/auth-signin: https://auth.example.com/start?rd=/
spec:
  rules:
    - host: app.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: app, port: {number: 80}}}
"""
BARE = """
kind: Ingress
metadata:
  name: bare
  annotations:
    nginx.ingress.kubernetes.io/auth-url: http://auth.auth.svc.cluster.local:9000/check
spec:
  rules:
    - host: app.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: app, port: {number: 80}}}
"""
FIXTURES = {
    "callback": (EXAMPLES / "callback.yaml").read_text(),
    "in-place": (EXAMPLES / "in-place.yaml").read_text(),
    "everything": EVERYTHING,
    "bare": BARE,
}


def _render(text: str, escape: str = "set-misc") -> tuple[list[Ingress], str]:
    ingresses = manifest.read(text)
    backends = {p.backend for i in ingresses for paths in i.hosts.values() for p in paths}
    around = Surroundings(
        listen_http="127.0.0.1:80",
        listen_https=None,
        resolver="127.0.0.1:53",
        endpoints=dict.fromkeys(backends, "127.0.0.1:1"),
        escape=escape,
        cache_path="/nowhere",
    )
    return ingresses, render(ingresses, around)


def _block(config: str, head: str) -> list[str]:
    """The directives of the one block whose opening line matches, without their indentation."""
    matches = re.findall(rf"^ *{head} {{\n(.*?)^ {{0,8}}}}$", config, re.MULTILINE | re.DOTALL)
    assert len(matches) == 1, (head, len(matches))
    return [line.strip() for line in matches[0].splitlines()]


def _speaks_of(fact: Fact, fixture: str) -> bool:
    name = fact.when.lstrip("!")
    return not name or (name in manifest.read(FIXTURES[fixture])[0].annotations) != fact.when.startswith("!")


@pytest.mark.parametrize("escape", ["set-misc", "njs"])
@pytest.mark.parametrize(
    ("fact", "fixture"),
    [
        pytest.param(fact, fixture, id=f"{fixture}: {fact.says}")
        for fact in FACTS
        for fixture in FIXTURES
        if _speaks_of(fact, fixture)
    ],
)
def test_output_does_what_the_template_does(fact: Fact, fixture: str, escape: str) -> None:
    ingresses, config = _render(FIXTURES[fixture], escape)
    annotations = ingresses[0].annotations
    headers = [name.strip() for name in annotations.get("auth-response-headers", "").split(",")]
    values = {
        "auth_url": annotations["auth-url"],
        "auth_host": annotations["auth-url"].split("/")[2].split(":")[0],
        "auth_method": annotations.get("auth-method", ""),
        "auth_snippet": annotations.get("auth-snippet", "").strip(),
        # base64url("/") is "Lw".
        "auth_path": "/_external-auth-Lw-Prefix",
        "signin_name": SIGNIN_NAMES.get(fixture, ""),
        "signin_target": SIGNIN_TARGETS.get(fixture, ""),
        "resolver": "127.0.0.1:53",
    }
    if fact.place == "question":
        block = _block(config, "location = /_external-auth-Lw-Prefix")
    elif fact.place == "sign-in":
        block = _block(config, f"location {SIGNIN_NAMES[fixture]}")
    elif fact.place == "protected":
        block = _block(config, "location /")
    else:
        block = [line.strip() for line in config.splitlines()]
    for directive in fact.present:
        if directive == "{response_headers}":
            expected = [
                line
                for index, name in enumerate(headers)
                for line in (
                    f"auth_request_set $authHeader{index} $upstream_http_{name.lower().replace('-', '_')};",
                    f"proxy_set_header '{name}' $authHeader{index};",
                )
            ]
            assert [line for line in block if "authHeader" in line] == expected
        else:
            wanted = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], directive)
            assert any(line.startswith(wanted) for line in block), wanted
    for beginning in fact.absent:
        assert not [line for line in block if line.startswith(beginning)]


# sha1(location path + auth-signin), as `printf '/%s' "$signin" | sha1sum` prints it.
SIGNIN_NAMES = {
    "callback": "@53b023bc9cf9bd37b0a33dbe9f2f95815247f9dd",
    "in-place": "@5f9c3c93bbc28ccf5f03de3d2a7e4bb883335823",
    "everything": "@70a7d6395bd9fca818393b4a1653dad3377c0cb6",
}
SIGNIN_TARGETS = {
    "callback": "https://hello.example.com/outpost.goauthentik.io/start?rd=$escaped_request_uri",
    "in-place": "https://auth.example.com/ostiary/start?attempt=$authHeader0"
    "&rd=$pass_access_scheme://$http_host$escaped_request_uri",
    "everything": "https://auth.example.com/start?rd=/",
}


def test_every_fact_is_met_by_a_fixture() -> None:
    for fact in FACTS:
        assert any(_speaks_of(fact, fixture) for fixture in FIXTURES), fact.says


def test_prefix_path_becomes_two_locations() -> None:
    _, config = _render(FIXTURES["callback"])
    assert "location /outpost.goauthentik.io/ {" in config
    assert "location = /outpost.goauthentik.io {" in config
    assert "auth_request" not in " ".join(_block(config, "location /outpost.goauthentik.io/"))


@pytest.mark.parametrize(
    "annotation",
    [
        "auth-url: not a url at all;",
        "auth-url: /only/a/path",
        "auth-method: FETCH",
        "auth-response-headers: 'X-One; X-Two'",
    ],
)
def test_annotation_that_the_controller_refuses_closes_the_location(annotation: str) -> None:
    name = annotation.partition(":")[0]
    lines = [line for line in BARE.splitlines() if f"/{name}:" not in line]
    at = lines.index("  annotations:") + 1
    lines.insert(at, f"    nginx.ingress.kubernetes.io/{annotation}")
    _, config = _render("\n".join(lines))
    assert _block(config, "location /") == ["return 503;"]


def test_illegal_sign_in_leaves_the_401() -> None:
    text = BARE.replace(
        "  annotations:", "  annotations:\n    nginx.ingress.kubernetes.io/auth-signin: http://x/;}evil"
    )
    _, config = _render(text)
    assert "error_page" not in config
    assert "evil" not in config
