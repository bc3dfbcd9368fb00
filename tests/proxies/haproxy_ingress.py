"""haproxy-ingress, as its page sets it up: what the controller makes of the manifests, on HAProxy itself."""

from pathlib import Path
from typing import Any

import yaml

from tests.proxies import haproxy
from tests.proxies.installation import AUTH
from tests.proxies.stand import Place, Stand

LUA = Path(__file__).parent / "auth_intercept.lua"
PREFIX = "haproxy-ingress.github.io/"


def start(place: Place) -> None:
    """A frontend that chooses a backend by host, and for each application the backend that its Ingress asks for."""
    [settings] = yaml.safe_load_all(place.example("haproxy-ingress/global.yaml"))
    ingresses = [yaml.safe_load(place.example("haproxy-ingress/hello.yaml", name)) for name in place.applications]
    text = f"""
global
    lua-load-per-thread {LUA}
{indented(settings["data"]["config-global"])}
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    timeout tunnel 1h

backend _auth_4001
    server s1 {place.ostiary}

backend ostiary
    server s1 {place.ostiary}

frontend _front_http
    bind :80
    http-request set-var(req.host) hdr(host),field(1,:),lower
    http-request set-header X-Forwarded-Proto http
    http-request del-header x-forwarded-for
    option forwardfor
    use_backend ostiary if {{ var(req.host) -m str {AUTH} }}
{"".join(chosen(ingress) for ingress in ingresses)}
{"".join(backend(ingress, place) for ingress in ingresses)}
"""
    haproxy.run(place, text)


def indented(snippet: str) -> str:
    return "".join(f"    {line}\n" for line in snippet.splitlines())


def rule(ingress: dict[str, Any]) -> tuple[str, str]:
    """The host and the service's name."""
    [only] = ingress["spec"]["rules"]
    return only["host"], only["http"]["paths"][0]["backend"]["service"]["name"]


def chosen(ingress: dict[str, Any]) -> str:
    host, name = rule(ingress)
    return f"    use_backend {name} if {{ var(req.host) -m str {host} }}\n"


def backend(ingress: dict[str, Any], place: Place) -> str:
    """The snippet before everything, the check, and the snippet after it."""
    asked = {key.removeprefix(PREFIX): value for key, value in ingress["metadata"]["annotations"].items()}
    path = "/" + asked["auth-url"].removeprefix("svc://").split("/", 2)[2]
    headers = " ".join(f"'{asked[f'auth-headers-{when}'].lower()}'" for when in ("request", "succeed", "fail"))
    name = rule(ingress)[1]
    return f"""
backend {name}
{indented(asked.get("config-backend-early", ""))}
    http-request lua.auth-intercept _auth_4001 {path} GET {headers}
    http-request deny if !{{ var(txn.auth_response_successful) -m bool }}
{indented(asked.get("config-backend-late", ""))}
    server s1 {place.applications[name]}
"""


STANDS = (
    Stand("haproxy-ingress", f"haproxy-ingress, on HAProxy {haproxy.version()}", "haproxy", "in_place", start, 5),
)
