"""Every route of the whole product, and who may call it. A new route belongs in this list, or it is not reachable."""

from pathlib import Path

from ostiary.app import Server
from ostiary.parts import build
from ostiary.settings.load import load
from ostiary.web.routes import Who

PREFIXES = ("/ostiary", "/outpost.goauthentik.io")

# What anybody on the network may call, signed in or not.
PUBLIC = {
    "/",
    "/if/flow/{slug}/",
    "/if/recovery/",
    "/flows/-/cancel/",
    "/static/{name}",
    *(
        prefix + path
        for prefix in PREFIXES
        for path in ("/start", "/callback", "/sign_out", "/ping", "/jwks.json", "/static/{name}")
    ),
}
# What a reverse proxy asks; the check judges the peer.
PROXIES = {prefix + "/auth/{rest:any}" for prefix in PREFIXES}
SIGNED_IN = {"/if/user/", "/if/user/details/", "/if/user/password/", "/if/user/sessions/", "/if/user/impersonation/"}


async def test_the_matrix_names_the_public_routes(sqlite_url: str, tmp_path: Path) -> None:
    environ = {"OSTIARY_DATA_DIR": str(tmp_path), "OSTIARY_DATABASE__URL": sqlite_url}
    server = Server(await build(load(None, environ).settings))
    try:
        matrix = server.routes.matrix()
        assert {entry.path for entry in matrix if entry.who in (Who.ANYONE, Who.MACHINE)} == PUBLIC
        assert {entry.path for entry in matrix if entry.who is Who.PROXY} == PROXIES
        assert {entry.path for entry in matrix if entry.who is Who.SIGNED_IN} == SIGNED_IN
        # Nothing is mounted past the matrix, but for the way from a missing slash to the page.
        mounted = {route.path for route in server.routes.built()}
        assert mounted - {entry.path for entry in matrix} == {
            "/if/flow/{slug}",
            "/if/recovery",
            "/flows/-/cancel",
            "/if/user",
            "/if/user/details",
            "/if/user/password",
            "/if/user/sessions",
            "/api/v3/{rest:any}",
        }
        # Its operations have a matrix of their own: tests/api/test_matrix.py.
        assert {entry.path for entry in matrix if entry.who is Who.API} == {"/api/v3/"}
    finally:
        await server.close()
