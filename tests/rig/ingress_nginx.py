"""Writes the nginx configuration that ingress-nginx renders for external authentication (controller 1.12 to 1.15).

Only what an authentication service can notice is here. The controller's Lua is replaced by plain directives: the
balancer by one upstream per Service, the redirect to https by ``return 308``, the cache key by set-misc's SHA-1.
``template_facts.py`` lists what the controller's template does; a test holds every output of this file against it.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from tests.rig.manifest import Backend, Ingress, Path

_ACCEPTED = {
    "auth-url": r"[A-Za-z0-9\-._~/:,?&=$ ]+",
    "auth-signin": r"[A-Za-z0-9\-._~/:,?&=$ ]+",
    "auth-method": r"GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|OPTIONS|TRACE",
    "auth-cache-key": r"[A-Za-z0-9\-_${}]+",
    "auth-response-headers": r"[A-Za-z0-9\-_, ]+",
}


@dataclass(frozen=True)
class Surroundings:
    """What the controller knows beside the manifests.

    ``endpoints`` gives an address (``127.0.0.1:PORT``) per Service port, ``resolver`` the address of the cluster's
    DNS. ``escape`` is ``set-misc``, the controller's own module, or ``njs``, for an nginx whose set-misc cannot.
    """

    listen_http: str
    listen_https: str | None
    resolver: str
    endpoints: Mapping[Backend, str]
    certificate: str = ""
    certificate_key: str = ""
    escape: str = "set-misc"
    http2: str = ""
    cache_path: str = ""


@dataclass(frozen=True)
class _ExternalAuth:
    url: str
    host: str
    signin: str
    method: str
    snippet: str
    cache_key: str
    always_set_cookie: bool
    response_headers: tuple[str, ...]


def render(ingresses: list[Ingress], around: Surroundings) -> str:
    """The whole ``http`` block for these manifests."""
    hosts = sorted({host for ingress in ingresses for host in ingress.hosts})
    lines = [
        "http {",
        f"    resolver {around.resolver} valid=30s ipv6=off;",
        "    server_tokens off;",
        "    default_type text/html;",
        "    underscores_in_headers off;",
        "    ignore_invalid_headers on;",
        "    large_client_header_buffers 4 8k;",
        "    map $http_upgrade $connection_upgrade {",
        "        default upgrade;",
        "        '' '';",
        "    }",
        "    map $http_x_request_id $req_id {",
        "        default $http_x_request_id;",
        '        "" $request_id;',
        "    }",
    ]
    if around.escape == "njs":
        lines += ["    js_import escaping from escaping.js;", "    js_set $escaped_request_uri escaping.requestUri;"]
    if any("auth-cache-key" in ingress.annotations for ingress in ingresses):
        lines.append(
            f"    proxy_cache_path {around.cache_path} levels=1:2 keys_zone=auth_cache:10m max_size=128m inactive=30m;"
        )
    backends = {path.backend for ingress in ingresses for paths in ingress.hosts.values() for path in paths}
    for backend in sorted(backends, key=_upstream):
        lines += [f"    upstream {_upstream(backend)} {{", f"        server {around.endpoints[backend]};", "    }"]
    for host in hosts:
        tls = any(host in ingress.tls_hosts for ingress in ingresses)
        lines += ["    server {", f"        server_name {host};", f"        listen {around.listen_http};"]
        if around.listen_https:
            lines.append(f"        listen {around.listen_https} ssl{' http2' if around.http2 == 'listen' else ''};")
            lines += ["        http2 on;"] if around.http2 == "directive" else []
            lines += [
                f"        ssl_certificate {around.certificate};",
                f"        ssl_certificate_key {around.certificate_key};",
            ]
        for ingress in ingresses:
            for path in ingress.hosts.get(host, ()):
                lines += _path(host, path, ingress, tls)
        lines.append("    }")
    # The controller's default server knows no application.
    lines += ["    server {", f"        listen {around.listen_http} default_server;", "        return 404;", "    }"]
    lines.append("}")
    text = "\n".join(lines) + "\n"
    if around.escape == "njs":
        text = re.sub(r" *set_escape_uri \$escaped_request_uri \$request_uri;\n", "", text)
    return text


def _path(host: str, path: Path, ingress: Ingress, tls: bool) -> list[str]:
    """A Prefix path other than ``/`` becomes two locations, so that it ends at a segment."""
    if path.path_type == "Exact":
        return _location(host, f"= {path.path}", path.path, "Exact", path, ingress, tls)
    if path.path == "/" or path.path_type != "Prefix":
        return _location(host, path.path, path.path, path.path_type, path, ingress, tls)
    stem = path.path.rstrip("/")
    return [
        *_location(host, f"{stem}/", f"{stem}/", "Prefix", path, ingress, tls),
        *_location(host, f"= {stem}", stem, "Exact", path, ingress, tls),
    ]


def _location(
    host: str, match: str, location: str, path_type: str, path: Path, ingress: Ingress, tls: bool
) -> list[str]:
    try:
        auth = _external_auth(ingress.annotations)
    except ValueError:
        return [f"        location {match} {{", "            return 503;", "        }"]
    lines: list[str] = []
    if auth:
        lines += _auth_location(auth_path(location, path_type), host, auth, path.backend)
        if auth.signin:
            lines += _signin_location(location, auth)
    lines += [f"        location {match} {{"]
    lines += [f'            set $proxy_upstream_name "{_upstream(path.backend)}";']
    lines += ["            set $pass_access_scheme $scheme;", "            set $pass_server_port $server_port;"]
    lines += ["            set $best_http_host $http_host;", "            set $pass_port $pass_server_port;"]
    if tls:
        lines.append("            if ($scheme = http) { return 308 https://$host$request_uri; }")
    if auth:
        lines += [
            f"            auth_request {auth_path(location, path_type)};",
            "            auth_request_set $auth_cookie $upstream_http_set_cookie;",
            f"            add_header Set-Cookie $auth_cookie{' always' if auth.always_set_cookie else ''};",
        ]
        for index, header in enumerate(auth.response_headers):
            variable = header.lower().replace("-", "_")
            lines += [
                f"            auth_request_set $authHeader{index} $upstream_http_{variable};",
                f"            proxy_set_header '{header}' $authHeader{index};",
            ]
        if auth.signin:
            lines += [
                "            set_escape_uri $escaped_request_uri $request_uri;",
                f"            error_page 401 = {signin_name(location, auth.signin)};",
            ]
    lines += [
        f"            {line}"
        for line in (
            "client_max_body_size 1m;",
            "proxy_set_header Host $best_http_host;",
            "proxy_set_header Upgrade $http_upgrade;",
            "proxy_set_header Connection $connection_upgrade;",
            "proxy_set_header X-Request-ID $req_id;",
            "proxy_set_header X-Real-IP $remote_addr;",
            "proxy_set_header X-Forwarded-For $remote_addr;",
            "proxy_set_header X-Forwarded-Host $best_http_host;",
            "proxy_set_header X-Forwarded-Port $pass_port;",
            "proxy_set_header X-Forwarded-Proto $pass_access_scheme;",
            "proxy_set_header X-Forwarded-Scheme $pass_access_scheme;",
            "proxy_set_header X-Scheme $pass_access_scheme;",
            "proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;",
            'proxy_set_header Proxy "";',
            "proxy_connect_timeout 5s;",
            "proxy_send_timeout 60s;",
            "proxy_read_timeout 60s;",
            "proxy_buffering off;",
            "proxy_buffer_size 4k;",
            "proxy_buffers 4 4k;",
            "proxy_request_buffering on;",
            "proxy_http_version 1.1;",
            "proxy_cookie_domain off;",
            "proxy_cookie_path off;",
            "proxy_next_upstream error timeout;",
            "proxy_pass http://$proxy_upstream_name;",
            "proxy_redirect off;",
        )
    ]
    return [*lines, "        }"]


def _auth_location(internal: str, host: str, auth: _ExternalAuth, backend: Backend) -> list[str]:
    lines = ["internal;", "access_log off;"]
    if auth.cache_key:
        lines += [
            f"set_sha1 $cache_key '{host}{internal}{auth.cache_key}';",
            "proxy_cache auth_cache;",
            "proxy_cache_valid 200 202 401 5m;",
            'proxy_cache_key "$cache_key";',
        ]
    lines += [
        f'set $proxy_upstream_name "{_upstream(backend)}";',
        "proxy_pass_request_body off;",
        'proxy_set_header Content-Length "";',
        'proxy_set_header X-Forwarded-Proto "";',
        "proxy_set_header X-Request-ID $req_id;",
    ]
    if auth.method:
        lines += [
            f"proxy_method {auth.method};",
            "proxy_set_header X-Original-URI $request_uri;",
            "proxy_set_header X-Scheme $pass_access_scheme;",
        ]
    lines += [
        f"proxy_set_header Host {auth.host};",
        "proxy_set_header X-Original-URL $scheme://$http_host$request_uri;",
        "proxy_set_header X-Original-Method $request_method;",
        'proxy_set_header X-Sent-From "nginx-ingress-controller";',
        "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Auth-Request-Redirect $request_uri;",
        f"proxy_buffering {'on' if auth.cache_key else 'off'};",
        "proxy_buffer_size 4k;",
        "proxy_buffers 4 4k;",
        "proxy_request_buffering on;",
        "proxy_ssl_server_name on;",
        "proxy_pass_request_headers on;",
        "client_max_body_size 1m;",
        "proxy_intercept_errors off;",
        *auth.snippet.strip().splitlines(),
        "proxy_http_version 1.1;",
        f'set $target "{auth.url}";',
        "proxy_pass $target;",
    ]
    return [f"        location = {internal} {{", *(f"            {line}" for line in lines), "        }"]


def _signin_location(location: str, auth: _ExternalAuth) -> list[str]:
    return [
        f"        location {signin_name(location, auth.signin)} {{",
        "            internal;",
        "            add_header Set-Cookie $auth_cookie;",
        f"            return 302 {signin_target(auth.signin)};",
        "        }",
    ]


def auth_path(location: str, path_type: str) -> str:
    """The internal path at which the question about a location is asked."""
    name = base64.urlsafe_b64encode(location.encode()).decode().rstrip("=")
    return f"/_external-auth-{name}-{path_type}"


def signin_name(location: str, signin: str) -> str:
    """The named location that answers a 401."""
    return "@" + hashlib.sha1((location + signin).encode(), usedforsecurity=False).hexdigest()


def signin_target(signin: str) -> str:
    """``auth-signin`` with ``rd`` appended, unless its query has one already."""
    query = urlsplit(signin).query
    if "rd" in parse_qs(query, keep_blank_values=True):
        return signin
    return f"{signin}{'&' if query else '?'}rd=$pass_access_scheme://$http_host$escaped_request_uri"


def _external_auth(annotations: Mapping[str, str]) -> _ExternalAuth | None:
    """None without auth-url; ValueError where the controller would deny the location."""
    if "auth-url" not in annotations:
        return None
    valid = {
        name: annotations[name]
        for name, pattern in _ACCEPTED.items()
        if name in annotations and re.fullmatch(pattern, annotations[name])
    }
    for name in ("auth-url", "auth-method", "auth-response-headers"):
        if name in annotations and name not in valid:
            raise ValueError(name)
    url = urlsplit(valid["auth-url"])
    if not url.scheme or not url.hostname:
        raise ValueError("auth-url")
    names = [name.strip() for name in valid.get("auth-response-headers", "").split(",")]
    return _ExternalAuth(
        url=valid["auth-url"],
        host=url.hostname,
        signin=valid.get("auth-signin", ""),
        method=valid.get("auth-method", ""),
        snippet=annotations.get("auth-snippet", ""),
        cache_key=valid.get("auth-cache-key", ""),
        always_set_cookie=annotations.get("auth-always-set-cookie") == "true",
        response_headers=tuple(name for name in names if name),
    )


def _upstream(backend: Backend) -> str:
    return f"{backend.namespace}-{backend.service}-{backend.port}"
