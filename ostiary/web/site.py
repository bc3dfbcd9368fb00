"""The ASGI application: routes, error pages and what stands before them."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from ostiary.kit.proxies import Proxies
from ostiary.web.address import Address
from ostiary.web.errors import Errors
from ostiary.web.look import Looks, PlainLooks
from ostiary.web.middleware import BodyCap, OwnHost
from ostiary.web.routes import Routes, Who
from ostiary.web.static import PREFIXES, Static


def site(
    *,
    routes: Routes,
    static: Static,
    errors: Errors,
    address: Address,
    proxies: Proxies,
    looks: Looks | None = None,
) -> ASGIApp:
    """Mounts what the features added to ``routes``, and the static files."""
    for prefix in PREFIXES:
        routes.route(prefix + "/static/{name}", static.serve, who=Who.MACHINE)
    app = Starlette(
        routes=routes.built(),
        exception_handlers=errors.handlers(),
        middleware=[
            Middleware(OwnHost, address=address, proxies=proxies, errors=errors, looks=looks or PlainLooks()),
            Middleware(BodyCap),
        ],
    )
    # Starlette's own correction of a missing slash builds an absolute address from the Host header.
    app.router.redirect_slashes = False
    return app
