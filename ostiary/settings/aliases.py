"""authentik's variables, with the same meaning, so that a configuration written for it works unchanged.

Those that mean nothing here are known, and named together in one warning; any other is an error.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from ostiary.settings.problems import Problem, unknown_key
from ostiary.settings.sources import Given, is_service_link

PREFIX: Final = "AUTHENTIK_"

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "AUTHENTIK_BOOTSTRAP_EMAIL": ("bootstrap", "email"),
    "AUTHENTIK_BOOTSTRAP_PASSWORD": ("bootstrap", "password"),
    "AUTHENTIK_BOOTSTRAP_PASSWORD_HASH": ("bootstrap", "password_hash"),
    "AUTHENTIK_BOOTSTRAP_TOKEN": ("bootstrap", "token"),
    "AUTHENTIK_LISTEN__HTTP": ("listen", "http"),
    "AUTHENTIK_LISTEN__METRICS": ("listen", "metrics"),
    "AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS": ("proxies",),
    "AUTHENTIK_LOG_LEVEL": ("log", "level"),
    "AUTHENTIK_SECRET_KEY": ("secret_key",),
    "AUTHENTIK_WEB__BASE_URL": ("web", "base_url"),
}

_POSTGRESQL: Final = "AUTHENTIK_POSTGRESQL__"
# The names of libpq, which every PostgreSQL URL understands.
_TLS: Final = ("SSLMODE", "SSLROOTCERT", "SSLCERT", "SSLKEY")
_CONNECTION: Final = ("HOST", "PORT", "NAME", "USER", "PASSWORD", *_TLS)

# A name that ends in an underscore stands for all that begin with it.
WITHOUT_EFFECT: Final = (
    "AUTHENTIK_AVATARS",
    "AUTHENTIK_BLUEPRINTS_DIR",
    "AUTHENTIK_BROKER__",
    "AUTHENTIK_CACHE__",
    "AUTHENTIK_CERT_DISCOVERY_DIR",
    "AUTHENTIK_COMPLIANCE__",
    "AUTHENTIK_COOKIE_DOMAIN",
    "AUTHENTIK_DEBUG",
    "AUTHENTIK_DEFAULT_TOKEN_LENGTH",
    "AUTHENTIK_DEFAULT_USER_CHANGE_",
    "AUTHENTIK_DISABLE_STARTUP_ANALYTICS",
    "AUTHENTIK_DISABLE_UPDATE_CHECK",
    "AUTHENTIK_EMAIL__",
    "AUTHENTIK_ENABLED_FLAGS",
    "AUTHENTIK_ENTERPRISE__",
    "AUTHENTIK_ERROR_REPORTING__",
    "AUTHENTIK_EVENTS__",
    "AUTHENTIK_FOOTER_LINKS",
    "AUTHENTIK_GDPR_COMPLIANCE",
    "AUTHENTIK_GEOIP",
    "AUTHENTIK_HOST",
    "AUTHENTIK_HOST_BROWSER",
    "AUTHENTIK_IMPERSONATION",
    "AUTHENTIK_INSECURE",
    "AUTHENTIK_LDAP__",
    "AUTHENTIK_LISTEN__DEBUG",
    "AUTHENTIK_LISTEN__DEBUG_",
    "AUTHENTIK_LISTEN__HTTPS",
    "AUTHENTIK_LISTEN__LDAP",
    "AUTHENTIK_LISTEN__LDAPS",
    "AUTHENTIK_LISTEN__RADIUS",
    "AUTHENTIK_OUTPOSTS__",
    "AUTHENTIK_POSTGRESQL__CONN_HEALTH_CHECKS",
    "AUTHENTIK_POSTGRESQL__CONN_MAX_AGE",
    "AUTHENTIK_POSTGRESQL__CONN_OPTIONS",
    "AUTHENTIK_POSTGRESQL__DIRECT__",
    "AUTHENTIK_POSTGRESQL__DISABLE_SERVER_SIDE_CURSORS",
    "AUTHENTIK_POSTGRESQL__READ_REPLICAS__",
    "AUTHENTIK_POSTGRESQL__REPLICA_CONN_OPTIONS",
    "AUTHENTIK_POSTGRESQL__USE_PGBOUNCER",
    "AUTHENTIK_POSTGRESQL__USE_PGPOOL",
    "AUTHENTIK_POSTGRESQL__USE_POOL",
    "AUTHENTIK_POSTGRESQL__POOL_OPTIONS",
    "AUTHENTIK_REDIS__",
    "AUTHENTIK_REPUTATION__",
    "AUTHENTIK_SESSIONS__",
    "AUTHENTIK_SESSION_STORAGE",
    "AUTHENTIK_SKIP_MIGRATIONS",
    "AUTHENTIK_STORAGE__",
    "AUTHENTIK_TENANTS__",
    "AUTHENTIK_THROTTLE__",
    "AUTHENTIK_TOKEN",
    "AUTHENTIK_WEB__MAX_REQUESTS",
    "AUTHENTIK_WEB__MAX_REQUESTS_JITTER",
    "AUTHENTIK_WEB__THREADS",
    "AUTHENTIK_WEB__WORKERS",
    "AUTHENTIK_WORKER__",
)

# Known, but any other value than this one would ask for something that is not there.
_ONLY: Final[Mapping[str, tuple[str, str]]] = {
    "AUTHENTIK_POSTGRESQL__DEFAULT_SCHEMA": ("public", "Only the schema 'public' is used; leave it out."),
    "AUTHENTIK_WEB__PATH": ("/", "Pages are served at the root of their host only; write '/' or leave it out."),
}


def from_environment(
    environ: Mapping[str, str], problems: list[Problem], warnings: list[str]
) -> Iterator[tuple[Given, ...]]:
    """Groups of values that stand together: most alone, the parts of the database's address as one group."""
    idle = []
    database = []
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or not value or is_service_link(name, value):
            continue
        if path := ALIASES.get(name):
            yield (Given(path, [value] if path == ("secret_key",) else value, name),)
        elif name.removeprefix(_POSTGRESQL) in _CONNECTION and name.startswith(_POSTGRESQL):
            database.append(Given(("database", "url"), value, name))
        elif name in _ONLY:
            wanted, sentence = _ONLY[name]
            if value != wanted:
                problems.append(Problem("settings.not_supported", name, name, sentence))
        elif any(name.startswith(idle) if idle.endswith("_") else name == idle for idle in WITHOUT_EFFECT):
            idle.append(name)
        else:
            known = [*ALIASES, *_ONLY, *(_POSTGRESQL + part for part in _CONNECTION)]
            problems.append(unknown_key(name, name, known))
    if any(given.source == f"{_POSTGRESQL}HOST" for given in database):
        yield tuple(database)
    else:
        idle += [given.source for given in database]
    if idle:
        redis = " Redis is not needed." if any("_REDIS_" in name for name in idle) else ""
        warnings.append(f"Without effect here: {', '.join(sorted(idle))}; remove them to silence this.{redis}")


def postgresql_url(parts: Mapping[str, Any]) -> str:
    """The URL out of authentik's single parts, by their names (HOST, PORT, …), with authentik's defaults.

    Without SSLMODE, TLS is used where the server offers it, as the driver does by itself.
    """
    name, user = (quote(str(parts.get(part, "authentik")), safe="") for part in ("NAME", "USER"))
    password = f":{quote(str(parts['PASSWORD']), safe='')}" if parts.get("PASSWORD") else ""
    host = str(parts["HOST"])
    query = {part.lower(): str(parts[part]) for part in _TLS if parts.get(part)}
    if host.startswith("/"):
        query["host"], address = host, ""
    else:
        address = f"[{host}]" if ":" in host else host
        address += f":{parts.get('PORT', 5432)}"
    return f"postgresql://{user}{password}@{address}/{name}" + (f"?{urlencode(query)}" if query else "")
