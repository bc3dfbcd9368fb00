"""Manifests for control planes that configure Envoy: each is read, made into what its control plane makes of it, and
run on Envoy itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ostiary.access.header_plan import HeaderPlan
from tests.proxies import envoy
from tests.proxies.installation import ANNA, Installation
from tests.proxies.stand import EXAMPLES, Place, Standing, standing, to_sign_in
from tests.proxies.test_matrix import XHR
from tests.proxies.test_openings import DOORS, forged

FOLDERS: Final = ("cilium", "contour", "envoy-gateway", "gateway-api", "istio", "kgateway")
FILES = sorted(file.relative_to(EXAMPLES).as_posix() for folder in FOLDERS for file in (EXAMPLES / folder).iterdir())

# What authentik's documentation says to put into the mesh configuration of Istio.
AUTHENTIK: Final[Mapping[str, Any]] = {
    "service": "ak-outpost-authentik-embedded-outpost.authentik.svc.cluster.local",
    "port": "9000",
    "pathPrefix": "/outpost.goauthentik.io/auth/envoy",
    "headersToDownstreamOnAllow": ["cookie"],
    "headersToUpstreamOnAllow": ["set-cookie", "x-authentik-*"],
    "includeRequestHeadersInCheck": ["cookie"],
}

AUTHENTIKS: Final = "/outpost.goauthentik.io/"


def documents(file: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((EXAMPLES / file).read_text()) if one]


def kind(file: str, wanted: str) -> dict[str, Any]:
    """The spec of the only object of a kind, or of the first."""
    spec: dict[str, Any] = next(one["spec"] for one in documents(file) if one["kind"] == wanted)
    return spec


def exact(names: list[str]) -> dict[str, Any]:
    return {"patterns": [{"exact": name, "ignore_case": True} for name in names]}


def istios(names: list[str]) -> dict[str, Any]:
    """A star at the end of a name stands for anything."""
    return {
        "patterns": [
            {"prefix": name.removesuffix("*")} if name.endswith("*") else {"exact": name, "ignore_case": True}
            for name in names
        ]
    }


def over_http(prefix: str, timeout: str, headers: dict[str, Any], upstream: dict[str, Any]) -> dict[str, Any]:
    return {
        "allowed_headers": headers,
        "http_service": {
            "path_prefix": prefix,
            "server_uri": {"uri": "http://ostiary", "cluster": "ostiary", "timeout": timeout},
            "authorization_response": {"allowed_upstream_headers": upstream},
        },
    }


def over_grpc(timeout: str) -> dict[str, Any]:
    return {
        "transport_api_version": "V3",
        "grpc_service": {"timeout": timeout, "envoy_grpc": {"cluster_name": "ostiary-grpc"}},
    }


def envoy_gateway() -> dict[str, Any]:
    asked = kind("envoy-gateway/http.yaml", "SecurityPolicy")["extAuth"]
    http = asked["http"]
    assert not asked["failOpen"]
    return over_http(http["path"], asked["timeout"], exact(asked["headersToExtAuth"]), exact(http["headersToBackend"]))


def envoy_gateway_grpc() -> dict[str, Any]:
    return over_grpc(kind("envoy-gateway/grpc.yaml", "SecurityPolicy")["extAuth"]["timeout"])


def istio(provider: Mapping[str, Any] | None = None) -> dict[str, Any]:
    if provider is None:
        provider = documents("istio/mesh.yaml")[0]["meshConfig"]["extensionProviders"][0]["envoyExtAuthzHttp"]
        assert not provider["failOpen"]
    made = over_http(
        provider["pathPrefix"],
        provider.get("timeout", "600s"),
        istios(provider["includeRequestHeadersInCheck"]),
        istios(provider["headersToUpstreamOnAllow"]),
    )
    if provider.get("headersToDownstreamOnAllow"):
        told = istios(provider["headersToDownstreamOnAllow"])
        made["http_service"]["authorization_response"]["allowed_client_headers_on_success"] = told
    return made


def authentiks_istio() -> dict[str, Any]:
    return istio(AUTHENTIK)


def istio_grpc() -> dict[str, Any]:
    provider = documents("istio/mesh.yaml")[0]["meshConfig"]["extensionProviders"][1]["envoyExtAuthzGrpc"]
    return over_grpc(provider["timeout"])


def contour() -> dict[str, Any]:
    proxy = kind("contour/hello.yaml", "HTTPProxy")["virtualhost"]["authorization"]
    assert not proxy["failOpen"]
    return {**over_grpc(proxy["responseTimeout"]), "clear_route_cache": True, "include_peer_certificate": True}


def kgateway() -> dict[str, Any]:
    asked = kind("kgateway/hello.yaml", "GatewayExtension")["extAuth"]
    http = asked["httpService"]
    told = http["authorizationResponse"]
    headers, upstream = exact(asked["headersToForward"]), exact(told["headersToBackend"])
    made = over_http(http["pathPrefix"], http["requestTimeout"], headers, upstream)
    made["http_service"]["authorization_response"]["allowed_client_headers"] = exact(told["headersToClient"])
    return {**made, "clear_route_cache": True}


def external_auth(file: str) -> dict[str, Any]:
    [wanted] = kind(file, "HTTPRoute")["rules"][0]["filters"]
    asked = wanted["externalAuth"]
    if asked["protocol"] == "GRPC":
        return over_grpc("3s")
    http = asked["http"]
    return over_http(http["path"], "3s", exact(http["allowedHeaders"]), exact(http["allowedResponseHeaders"]))


PLANES: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "envoy-gateway": envoy_gateway,
    "envoy-gateway-grpc": envoy_gateway_grpc,
    "istio": istio,
    "istio-grpc": istio_grpc,
    "istio-authentik": authentiks_istio,
    "contour": contour,
    "kgateway": kgateway,
    "cilium": lambda: external_auth("cilium/hello.yaml"),
    "gateway-api": lambda: external_auth("gateway-api/envoy.yaml"),
    "gateway-api-grpc": lambda: external_auth("gateway-api/grpc.yaml"),
}
# What takes names away before the check; the others have nothing of the kind.
CLEANERS: Final[Mapping[str, Callable[[], str]]] = {
    "envoy-gateway": lambda: kind("envoy-gateway/http.yaml", "ClientTrafficPolicy")["headers"]["earlyRequestHeaders"][
        "removeOnMatch"
    ][0]["value"],
    "istio": lambda: kind("istio/hello.yaml", "EnvoyFilter")["configPatches"][0]["patch"]["value"]["typed_config"][
        "mutations"
    ]["request_mutations"][0]["remove_on_match"]["key_matcher"]["safe_regex"]["regex"],
}


def start(plane: str, place: Place) -> None:
    """Envoy as this control plane would have it, in front of every application."""
    config = envoy.placed("envoy/http.yaml", place)
    config["static_resources"]["clusters"].append(envoy.cluster(envoy.placed("envoy/grpc.yaml", place), "ostiary-grpc"))
    for name in place.applications:
        if name != "hello":
            other = envoy.placed("envoy/http.yaml", place, name)
            envoy.hosts(config).append(next(host for host in envoy.hosts(other) if host["name"] == name))
            config["static_resources"]["clusters"].append(envoy.cluster(other, name))
    manager = envoy.manager(config)
    mutation, check, router = manager["http_filters"]
    check["typed_config"] = {"@type": check["typed_config"]["@type"], **PLANES[plane]()}
    matcher = mutation["typed_config"]["mutations"]["request_mutations"][0]["remove_on_match"]["key_matcher"]
    documented = matcher["safe_regex"]["regex"]
    if plane in CLEANERS:
        assert CLEANERS[plane]() == documented
    else:
        manager["http_filters"] = [check, router]
        manager["common_http_protocol_options"] = {}
    envoy.run(place, config)


@pytest.fixture(scope="module", params=PLANES)
def plane(
    request: pytest.FixtureRequest, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    name: str = request.param
    stand = replace(DOORS["envoy-http"], title=name, start=lambda place: start(name, place))
    folder: Path = tmp_path_factory.mktemp(name)
    with standing(stand, installation, folder) as running:
        yield running


def test_who_may_enter_does_and_is_named(plane: Standing) -> None:
    agent = plane.walk_in("hello", ANNA, "/deep?x=1&y=%2F")
    [arrived] = [one for one in plane.arrived("hello") if one.target == "/deep?x=1&y=%2F"]
    assert arrived.get("X-authentik-username") == ANNA[0]
    assert arrived.get("X-authentik-entitlements") == ""
    reply = agent.get(plane.url("hello", "/again"))
    assert (reply.status, reply.all("Set-Cookie")) == (200, [])


def test_nobody_else_enters(plane: Standing) -> None:
    plane.forget()
    page = plane.navigate("hello")
    # Who asks at authentik's address is led to authentik's.
    assert to_sign_in(replace(page, headers=tuple((k, v.replace(AUTHENTIKS, "/ostiary/")) for k, v in page.headers)))
    assert page.get("Set-Cookie")
    assert plane.ask("hello", "/", *XHR).status in (302, 401)
    assert plane.ask("hello", "/", method="POST", body=b"x").status in (302, 401, 403)
    assert plane.ask("vault", "/", plane.cookie("hello")).status in (302, 401, 403)
    plane.line.cut()
    try:
        assert plane.navigate("hello", "/", plane.cookie("hello")).status in (403, 503)
    finally:
        plane.line.mend()
    assert not plane.arrived("vault")


def test_no_identity_is_brought_along(plane: Standing) -> None:
    bare = ["X-authentik-username", "X-authentik-groups", "Remote-User"]
    if plane.stand.title != "istio-authentik":
        # Not in authentik's list: an application that reads it there must verify it, as it should everywhere.
        bare.append("X-Ostiary-Jwt-Assertion")
    names = [
        name.replace("-", sign, count) for name in bare for sign, count in (("-", 1), ("_", 1), ("_", -1), (".", -1))
    ]
    for spelled in (str, str.upper, str.lower):
        seen = forged(plane, *(spelled(name) for name in names))
        assert seen["X-authentik-username"] == {ANNA[0]}
        assert not [value for values in seen.values() for value in values if "forged" in value]


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_read_and_asks_an_address_that_exists(file: str) -> None:
    objects = documents(file)
    assert objects
    for one in objects:
        assert "meshConfig" in one or {"apiVersion", "kind", "metadata", "spec"} <= set(one)
    text = (EXAMPLES / file).read_text()
    assert "failOpen: true" not in text
    assert file.endswith("grpc.yaml") or "9001" in text or "/ostiary/auth/" in text or file == "istio/hello.yaml"


@pytest.mark.parametrize("plane", ["envoy-gateway", "kgateway", "cilium", "gateway-api"], indirect=False)
def test_the_lists_are_what_ostiary_says(plane: str) -> None:
    made = PLANES[plane]()["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]
    remote = {f"remote-{name}" for name in ("user", "groups", "email", "name")}
    assert {one["exact"] for one in made} == {name.lower() for name in HeaderPlan().names} | remote
