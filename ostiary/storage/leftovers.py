"""Whoever may manage one object may not manage another: its permissions go with it, however it is deleted.

Roles name single objects of many rooms by their primary keys, which no foreign key can follow. So triggers do, as the
feed's do, for cascades and a hand with ``psql`` too. Keys of ours are never used again; this keeps the lists true.
"""

from collections.abc import Mapping
from typing import Final

PERMITTED: Final[Mapping[str, tuple[str, ...]]] = {
    "users": ("authentik_core.user",),
    "groups": (),
    "tokens": (),
    "applications": (),
    "providers": ("authentik_core.provider", "authentik_providers_proxy.proxyprovider"),
    "property_mappings": (),
    "policies": (),
    "policy_bindings": (),
    "flows": (),
    "flow_stage_bindings": (),
    "stages": (),
    "roles": (),
    "outposts": (),
    "service_connections": (),
    "brands": (),
    "certificate_key_pairs": (),
    "initial_permissions": ("authentik_rbac.initialpermissions",),
}
"""Table → the models whose objects its rows are, for keys that are numbers; keys of others are unique everywhere."""


def triggers(dialect: str) -> list[str]:
    """The statements that lay every trigger anew, for ``sqlite`` or ``postgresql``; repeating them is harmless."""
    if dialect == "sqlite":
        return [statement for table in PERMITTED for statement in _sqlite(table)]
    return [_POSTGRES, *(_postgres(table) for table in PERMITTED)]


def _sqlite(table: str) -> list[str]:
    models = ", ".join(f"'{model}'" for model in PERMITTED[table])
    condition = f" AND model IN ({models})" if models else ""
    body = f"DELETE FROM role_permissions WHERE object_pk = CAST(OLD.id AS TEXT){condition};"
    return [
        f"DROP TRIGGER IF EXISTS leftovers_{table}",
        f"CREATE TRIGGER leftovers_{table} AFTER DELETE ON {table} BEGIN {body} END",
    ]


_POSTGRES = """
CREATE OR REPLACE FUNCTION ostiary_leftovers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM role_permissions
    WHERE object_pk = OLD.id::text AND (TG_ARGV[0] = '' OR model = ANY(string_to_array(TG_ARGV[0], ' ')));
    RETURN NULL;
END $$
"""


def _postgres(table: str) -> str:
    call = f"EXECUTE FUNCTION ostiary_leftovers('{' '.join(PERMITTED[table])}')"
    return f"CREATE OR REPLACE TRIGGER leftovers AFTER DELETE ON {table} FOR EACH ROW {call}"
