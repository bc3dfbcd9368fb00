"""All dialects, by the last segment of their address."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ostiary.forwardauth.dialects.dialect import Dialect
from ostiary.forwardauth.dialects.envoy import ENVOY
from ostiary.forwardauth.dialects.forwarded import CADDY, HAPROXY, NGINX_FWD, TRAEFIK
from ostiary.forwardauth.dialects.nginx import NGF, NGINX, NIC

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {dialect.name: dialect for dialect in (NGINX, TRAEFIK, NGINX_FWD, CADDY, ENVOY, HAPROXY, NIC, NGF)}
)


def spoken(name: str, kind: str | None) -> Dialect | None:
    """The dialect of that name as a peer of this kind speaks it; None if there is none.

    People move from ingress-nginx to Traefik with their Ingresses unchanged, so from a peer declared as Traefik the
    address of nginx means what Traefik's ingress-nginx provider sends there.
    """
    return NGINX_FWD if name == NGINX.name and kind == "traefik" else DIALECTS.get(name)
