"""Proxies that ask an auth server about every request and pass it on to an application: nginx, Traefik, Envoy.

Each is set up as its pages in docs/proxies say, reduced to one application and, for comparison, able to ask any server.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.nginx import binary
from bench.peers.process import Address, free_port, running


@dataclass(frozen=True)
class Asked:
    """The server that is asked: its address, the path (or the prefix, for Envoy) and the Host that it expects."""

    address: Address
    path: str
    host: str
    keep: bool = True


_NGINX = """
daemon off;
worker_processes 1;
error_log stderr;
pid {directory}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    upstream asked {{ server {asked}; {pool} }}
    upstream application {{ server {application}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            {check}
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-authentik-username $who;
        }}
        location = /asked {{
            internal;
            proxy_pass http://asked{path};
            {version}
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Host {host};
            proxy_set_header X-Original-URL https://$http_host$request_uri;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""


def nginx(directory: Path, port: int, application: Address, asked: Asked | None) -> list[str]:
    (directory / "logs").mkdir(parents=True)
    kept = asked is None or asked.keep
    text = _NGINX.format(
        directory=directory,
        port=port,
        application=_told(application),
        asked=_told(asked.address if asked else application),
        path=asked.path if asked else "/",
        host=asked.host if asked else "none",
        pool="keepalive 32;" if kept else "",
        version='proxy_http_version 1.1; proxy_set_header Connection "";' if kept else "proxy_http_version 1.0;",
        check="auth_request /asked; auth_request_set $who $upstream_http_x_authentik_username;"
        if asked
        else 'set $who "";',
    )
    (directory / "nginx.conf").write_text(text)
    return [str(binary()), "-p", str(directory), "-c", str(directory / "nginx.conf")]


def traefik(directory: Path, port: int, application: Address, asked: Asked | None) -> list[str]:
    directory.mkdir(parents=True)
    middlewares = (
        {
            "asked": {
                "forwardAuth": {
                    "address": f"http://{_told(asked.address)}{asked.path}",
                    "trustForwardHeader": True,
                    "authResponseHeaders": ["X-authentik-username"],
                }
            }
        }
        if asked
        else {}
    )
    http = {
        "routers": {"all": {"rule": "PathPrefix(`/`)", "service": "application", "middlewares": list(middlewares)}},
        "services": {"application": {"loadBalancer": {"servers": [{"url": f"http://{_told(application)}"}]}}},
        **({"middlewares": middlewares} if middlewares else {}),
    }
    (directory / "dynamic.yaml").write_text(json.dumps({"http": http}))
    return [
        str(_beside("traefik")),
        f"--entrypoints.web.address=127.0.0.1:{port}",
        "--entrypoints.web.forwardedheaders.trustedips=127.0.0.1/32",
        f"--providers.file.filename={directory / 'dynamic.yaml'}",
        "--log.level=ERROR",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]


def envoy(directory: Path, port: int, application: Address, asked: Asked | None) -> list[str]:
    directory.mkdir(parents=True)
    types, network = (f"type.googleapis.com/envoy.extensions.filters.{kind}" for kind in ("http", "network"))
    ask = {
        "name": "ext_authz",
        "typed_config": {
            "@type": f"{types}.ext_authz.v3.ExtAuthz",
            "http_service": {
                "server_uri": {"uri": "http://asked", "cluster": "asked", "timeout": "2s"},
                "path_prefix": asked.path if asked else "",
                "authorization_response": {
                    "allowed_upstream_headers": {"patterns": [{"exact": "x-authentik-username"}]}
                },
            },
            "allowed_headers": {"patterns": [{"safe_regex": {"regex": ".*"}}]},
            "failure_mode_allow": False,
        },
    }
    router = {"name": "router", "typed_config": {"@type": f"{types}.router.v3.Router"}}
    manager = {
        "@type": f"{network}.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "use_remote_address": False,
        "http_filters": [*([ask] if asked else []), router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "application"}}],
                }
            ]
        },
    }
    clusters = [_cluster("application", application)] + ([_cluster("asked", asked.address)] if asked else [])
    listener = {
        "name": "web",
        "address": _socket(("127.0.0.1", port)),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    (directory / "envoy.json").write_text(
        json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}})
    )
    return [
        str(_beside("envoy")),
        "-c",
        str(directory / "envoy.json"),
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
        "--log-level",
        "error",
    ]


Write = Callable[[Path, int, Address, Asked | None], list[str]]
FRONTS: Final[Mapping[str, Write]] = MappingProxyType({"nginx": nginx, "Traefik": traefik, "Envoy": envoy})


@contextmanager
def front(name: str, directory: Path, application: Address, asked: Asked | None) -> Iterator[tuple[int, Address]]:
    """The process id and the address of a proxy; ``asked`` None lets everybody through unasked."""
    port = free_port()
    command = FRONTS[name](directory, port, application, asked)
    with running(command, port, directory) as pid:
        yield pid, ("127.0.0.1", port)


def _cluster(name: str, at: Address) -> dict[str, object]:
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _socket(at)}}]}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
    }


def _socket(at: Address) -> dict[str, object]:
    return {"socket_address": {"address": at[0], "port_value": at[1]}}


def _told(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _beside(name: str) -> Path:
    """A proxy from a Python package; its binary lies beside this interpreter's other commands."""
    return Path(sys.executable).parent / name
