"""Every proxy that is proved, in the order of the table in docs/proxies/README.md."""

from tests.proxies import caddy, nginx, traefik

STANDS = (*nginx.STANDS, *traefik.STANDS, *caddy.STANDS)
