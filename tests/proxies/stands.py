"""Every proxy that is proved, in the order of the table in docs/proxies/README.md."""

from tests.proxies import caddy, envoy, haproxy, haproxy_ingress, nginx, traefik, traefik_kubernetes

STANDS = (
    *nginx.STANDS,
    *traefik.STANDS,
    *traefik_kubernetes.STANDS,
    *caddy.STANDS,
    *envoy.STANDS,
    *haproxy.STANDS,
    *haproxy_ingress.STANDS,
)
