"""Proxies as their administrators set them up for authentik, unedited: only Ostiary answers where an outpost did.

Each set-up has the functional lines of the one that authentik documents for the proxy, with its addresses, its list of
headers and the weaknesses that it has.
"""

from functools import partial

from tests.proxies import caddy, traefik, traefik_kubernetes
from tests.proxies.installation import AUTH
from tests.proxies.stand import Place, Stand
from tests.rig import nginx

HEADERS = ("username", "groups", "entitlements", "email", "name", "uid")

_NGINX = """
    proxy_buffers 8 16k;
    proxy_buffer_size 32k;
    location / {{
        proxy_pass http://{application};
        proxy_set_header Host $host;
        auth_request /outpost.goauthentik.io/auth/nginx;
        error_page 401 = @goauthentik_proxy_signin;
        auth_request_set $auth_cookie $upstream_http_set_cookie;
        add_header Set-Cookie $auth_cookie;
{headers}
    }}
    location /outpost.goauthentik.io {{
        proxy_pass http://{ostiary}/outpost.goauthentik.io;
        proxy_set_header Host $host;
        proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
        add_header Set-Cookie $auth_cookie;
        auth_request_set $auth_cookie $upstream_http_set_cookie;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }}
    location @goauthentik_proxy_signin {{
        internal;
        add_header Set-Cookie $auth_cookie;
        return 302 {signin};
    }}
"""

_TRAEFIK = """
http:
  middlewares:
    authentik:
      forwardAuth:
        address: http://{ostiary}/outpost.goauthentik.io/auth/traefik
        trustForwardHeader: true
        authResponseHeaders: [{headers}]
  routers:
{routers}
  services:
    authentik:
      loadBalancer:
        servers:
          - url: http://{ostiary}
{services}
"""

_TRAEFIK_ROUTERS = """
    {name}:
      rule: Host(`{name}.{domain}`)
      middlewares: [authentik]
      priority: 10
      service: {name}
    {name}-auth:
      rule: Host(`{name}.{domain}`) && PathPrefix(`/outpost.goauthentik.io/`)
      priority: 15
      service: authentik
"""

_CADDY = """
{name}.{domain} {{
    route {{
        reverse_proxy /outpost.goauthentik.io/* http://{ostiary}
        forward_auth http://{ostiary} {{
            uri /outpost.goauthentik.io/auth/caddy
            copy_headers {headers}
            trusted_proxies private_ranges
        }}
        reverse_proxy {application}
    }}
}}
"""


def nginx_single(place: Place) -> None:
    _nginx(place, "/outpost.goauthentik.io/start?rd=$request_uri", {})


def nginx_domain(place: Place) -> None:
    login = f"login.{place.domain}"
    signin = f"http://{login}/outpost.goauthentik.io/start?rd=$scheme://$http_host$request_uri"
    _nginx(place, signin, {login: f"location / {{ proxy_pass http://{place.ostiary}; proxy_set_header Host $host; }}"})


def _nginx(place: Place, signin: str, more: dict[str, str]) -> None:
    headers = "".join(
        f"        auth_request_set $authentik_{name} $upstream_http_x_authentik_{name};\n"
        f"        proxy_set_header X-authentik-{name} $authentik_{name};\n"
        for name in HEADERS
    )
    own = f"location / {{ proxy_pass http://{place.ostiary}; proxy_set_header Host $host; }}"
    servers = {AUTH: own, **more}
    for name, application in place.applications.items():
        values = {"application": application, "ostiary": place.ostiary, "headers": headers, "signin": signin}
        servers[f"{name}.{place.domain}"] = _NGINX.format(**values)
    text = "".join(
        f"server {{\n    listen 127.0.0.1:{place.port};\n    server_name {name};\n{block}}}\n"
        for name, block in servers.items()
    )
    # Its redirects are without a host, and nginx would write this port into them.
    nginx.start(
        nginx.DEBIAN, f"http {{\nport_in_redirect off;\n{text}}}\n", place.folder / "nginx", place.processes, "proxy"
    )


def traefik_single(place: Place) -> None:
    folder = place.folder / "dynamic"
    folder.mkdir()
    routers = "".join(_TRAEFIK_ROUTERS.format(name=name, domain=place.domain) for name in place.applications)
    routers += f"    auth:\n      rule: Host(`{AUTH}`)\n      service: authentik\n"
    services = "".join(
        f"    {name}:\n      loadBalancer:\n        servers:\n          - url: http://{address}\n"
        for name, address in place.applications.items()
    )
    headers = ", ".join(f"X-authentik-{name}" for name in HEADERS)
    text = _TRAEFIK.format(ostiary=place.ostiary, headers=headers, routers=routers, services=services)
    (folder / "authentik.yaml").write_text(text)
    traefik.run(place, f'entryPoints:\n  web:\n    address: ":80"\nproviders:\n  file:\n    directory: {folder}\n')


def caddy_single(place: Place) -> None:
    headers = " ".join(f"X-Authentik-{name.title()}" for name in HEADERS)
    sites = "".join(
        _CADDY.format(name=name, domain=place.domain, application=address, ostiary=place.ostiary, headers=headers)
        for name, address in place.applications.items()
    )
    caddy.run(caddy.NEWEST, place, f"{AUTH} {{\n\treverse_proxy {place.ostiary}\n}}\n{sites}")


STANDS = (
    Stand("ak-nginx", "nginx", "nginx", "callback", nginx_single),
    Stand("ak-domain", "nginx, a whole domain", "nginx", "callback", nginx_domain),
    Stand("ak-traefik", "Traefik", "traefik", "callback", traefik_single),
    Stand("ak-caddy", "Caddy", "caddy", "callback", caddy_single),
    Stand(
        "ak-moved",
        "an Ingress of ingress-nginx, below Traefik",
        "traefik",
        "callback",
        partial(traefik_kubernetes.run, example="ingress-nginx/callback.yaml", snippet=False),
    ),
)
