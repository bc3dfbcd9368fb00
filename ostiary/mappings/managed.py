"""The scopes that every installation has under authentik's names, so that clients that look for them find them.

What they stand for is always told to applications. They fill no header of their own and nobody changes them.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from ostiary.kit.clock import Clock
from ostiary.mappings.models import PropertyMapping
from ostiary.storage.session import Writing


@dataclass(frozen=True)
class ManagedScope:
    """``managed`` is authentik's name for it, ``expression`` what it says of a person."""

    managed: str
    name: str
    scope: str
    expression: str


_OAUTH = "goauthentik.io/providers/oauth2/scope-"
_NAME = "authentik default OAuth Mapping: "

MANAGED: Final = (
    ManagedScope(f"{_OAUTH}openid", f"{_NAME}OpenID 'openid'", "openid", "string(user.id)"),
    ManagedScope(f"{_OAUTH}email", f"{_NAME}OpenID 'email'", "email", "user.email"),
    ManagedScope(f"{_OAUTH}profile", f"{_NAME}OpenID 'profile'", "profile", "user.name"),
    ManagedScope(f"{_OAUTH}entitlements", f"{_NAME}Application Entitlements", "entitlements", "user.groups"),
    ManagedScope(f"{_OAUTH}offline_access", f"{_NAME}OpenID 'offline_access'", "offline_access", "''"),
    ManagedScope(f"{_OAUTH}authentik_api", f"{_NAME}authentik API access", "goauthentik.io/api", "''"),
    ManagedScope("goauthentik.io/providers/proxy/scope-proxy", f"{_NAME}Proxy outpost", "ak_proxy", "user.username"),
)


async def ensure(w: Writing, clock: Clock) -> None:
    """Adds those that are missing."""
    present = set(await w.scalars(select(PropertyMapping.managed).where(PropertyMapping.managed.is_not(None))))
    w.add_all(
        PropertyMapping(
            managed=one.managed,
            name=one.name,
            header="",
            scope=one.scope,
            expression=one.expression,
            created=clock.now(),
        )
        for one in MANAGED
        if one.managed not in present
    )
    await w.flush()
