"""nginx as two controllers configure it, out of the manifests of the examples. The controllers themselves are not run;
what they ask is shaped after their templates: F5 NGINX Ingress Controller, NGINX Gateway Fabric."""

import yaml

from tests.proxies.installation import AUTH
from tests.proxies.stand import Place, Stand
from tests.rig import nginx

_F5 = """
    location / {{
        auth_request /_external_auth{auth};
        error_page 401 = {signin};
        proxy_pass http://{application};
        proxy_set_header Host $host;
    }}
    location = /_external_auth{auth} {{
        internal;
        proxy_method GET;
        proxy_pass_request_body off;
        proxy_set_header Content-Length 0;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Forwarded-Port $server_port;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Scheme $scheme;
        proxy_pass http://{ostiary}{auth};
    }}
    location {base} {{
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Auth-Request-Redirect $request_uri;
        proxy_pass http://{ostiary};
    }}
"""

_FABRIC = """
    location {signin} {{
        proxy_set_header Host $http_host;
        proxy_pass http://{ostiary};
    }}
    location / {{
        auth_request /_ngf-external-auth;
{answered}
        proxy_set_header Host $http_host;
        proxy_pass http://{application};
    }}
    location = /_ngf-external-auth {{
        internal;
        proxy_method GET;
        proxy_pass_request_headers off;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Host $http_host;
        proxy_set_header Path $request_uri;
        proxy_set_header Method $request_method;
        proxy_set_header Authorization $http_authorization;
{asked}
        proxy_pass http://{ostiary}{auth};
    }}
"""


def f5(place: Place) -> None:
    blocks = {}
    for name, application in place.applications.items():
        policy = next(yaml.safe_load_all(place.example("nginx-ingress-controller/hello.yaml", name)))
        wanted = policy["spec"]["externalAuth"]
        blocks[name] = _F5.format(
            application=application,
            ostiary=place.ostiary,
            auth=wanted["authURI"],
            signin=wanted["authSigninURI"],
            base=wanted["authSigninRedirectBasePath"],
        )
    _run(place, blocks)


def fabric(place: Place) -> None:
    blocks = {}
    for name, application in place.applications.items():
        route = yaml.safe_load(place.example("nginx-gateway-fabric/hello.yaml", name))
        signin, guarded = route["spec"]["rules"]
        http = guarded["filters"][0]["externalAuth"]["http"]
        asked = "".join(
            f"        proxy_set_header {header} $http_{header.lower().replace('-', '_')};\n"
            for header in http["allowedHeaders"]
        )
        answered = "".join(
            f"        auth_request_set $a{number} $upstream_http_{header.lower().replace('-', '_')};\n"
            f"        proxy_set_header {header} $a{number};\n"
            for number, header in enumerate(http["allowedResponseHeaders"])
        )
        blocks[name] = _FABRIC.format(
            application=application,
            ostiary=place.ostiary,
            auth=http["path"],
            signin=signin["matches"][0]["path"]["value"],
            asked=asked,
            answered=answered,
        )
    _run(place, blocks)


def _run(place: Place, blocks: dict[str, str]) -> None:
    servers = {f"{name}.{place.domain}": block for name, block in blocks.items()}
    servers[AUTH] = f"location / {{ proxy_set_header Host $http_host; proxy_pass http://{place.ostiary}; }}"
    text = "".join(
        f"server {{\n    listen 127.0.0.1:{place.port};\n    server_name {name};\n{block}}}\n"
        for name, block in servers.items()
    )
    nginx.start(nginx.WHEEL, f"http {{\n{text}}}\n", place.folder / "nginx", place.processes, "proxy")


STANDS = (
    Stand("nic", "nginx as F5's controller has it", "nginx", "callback", f5),
    Stand("ngf", "nginx as NGINX Gateway Fabric has it", "nginx", "callback", fabric),
)
