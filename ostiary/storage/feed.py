"""The feed: which tables decide access, and the triggers that announce every change to them.

A feed row says what changed (kind and key), not how; readers load the present state, so order and repetition do not
matter, only omission does. That is why triggers write it and no code of ours does: bulk statements, cascades, a hand
with ``psql`` and an older release all count.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal

from sqlalchemy import text

from ostiary.storage.base import Base
from ostiary.storage.session import Writing

# Every table of the schema stands in exactly one of these two lists; a test holds them against the metadata.
TRIGGERED: Final[Mapping[str, tuple[str, str]]] = {
    "users": ("user", "id"),
    "memberships": ("user", "user_id"),
    "groups": ("group", "id"),
    "group_parents": ("group", "group_id"),
    "tokens": ("token", "id"),
    "sessions": ("session", "id"),
    "app_sessions": ("app_session", "id"),
    "applications": ("application", "id"),
    "providers": ("provider", "id"),
    "proxy_providers": ("provider", "id"),
    "property_mappings": ("mapping", "id"),
    "provider_mappings": ("provider", "provider_id"),
    "policies": ("policy", "id"),
    "policy_bindings": ("binding", "application_id"),
    "path_secrets": ("path_secret", "id"),
    "signing_keys": ("key", "id"),
    "brands": ("brand", "id"),
    "flows": ("flow", "id"),
    "installation": ("installation", "id"),
}
"""Table → (kind, the column whose value is the key)."""

NOT_DECIDING: Final[Mapping[str, str]] = {
    "feed": "is the feed",
    "reputation_scores": "count for ten seconds after they were read, and are read from the database then",
    "leases": "say who runs a job",
    "events": "tell what was decided",
    "roles": "are read from the database at every request of an administrator",
    "role_permissions": "are read from the database at every request of an administrator",
    "role_users": "are read from the database at every request of an administrator",
    "role_groups": "are read from the database at every request of an administrator",
    "system_settings": "are read from the database whenever one is asked for",
    "releases": "tell which release ran when",
    "initial_permissions": "are read from the database when an administrator makes an object",
    "outposts": "are read from the database by whoever manages them; the workers of this house serve every application",
    "outpost_providers": "are read from the database by whoever manages them",
    "service_connections": "are read from the database by whoever manages them",
    "outpost_workers": "tell who is alive",
    "simulations": "tell what would be",
    "lockouts": "are read from the database at every sign-in",
    "stages": "are read from the database at every run",
    "certificate_key_pairs": "are read from the database whenever one is needed",
    "flow_stage_bindings": "are read from the database at every run",
    "flow_runs": "open nothing",
    "blueprints": "say what was applied",
    "blueprint_objects": "say what was applied",
    "tickets": "are redeemed by one conditional statement in the database",
}
"""Table → why no check remembers its rows."""

QUIET: Final[dict[str, frozenset[str]]] = {
    "users": frozenset({"last_login"}),
    "tokens": frozenset({"last_used"}),
    "sessions": frozenset({"last_used"}),
}
"""Columns that are written often and decide nothing that a check remembers. Any other, a new one too, is announced."""

CHANNEL: Final = "ostiary_feed"

Change = tuple[str, str]
"""A kind and a key of :data:`TRIGGERED`."""


class Forget(Enum):
    """The answer of a reader that cannot tell what changed: everything remembered must go."""

    DROP = "drop"


DROP: Final = Forget.DROP
Answer = list[Change] | Literal[Forget.DROP]

LONGEST_READ: Final = 10_000
"""Changes that one read reports; of more, forgetting everything is the cheaper news."""

# Kinds that the trimmer writes for itself on PostgreSQL; readers never see them.
_MARK, _TRIMMED = "_mark", "_trimmed"

_SQLITE_NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_POSTGRES_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def triggers(dialect: str) -> list[str]:
    """The statements that lay every trigger anew, for ``sqlite`` or ``postgresql``; repeating them is harmless.

    They read the columns of ``ostiary.schema``'s metadata, so the models must have been imported.
    """
    if dialect == "sqlite":
        return [statement for table in TRIGGERED for statement in _sqlite(table)]
    return [_POSTGRES_FEED, _POSTGRES_REFUSE, *(statement for table in TRIGGERED for statement in _postgres(table))]


def _updated(table: str) -> str:
    quiet = QUIET.get(table)
    if not quiet:
        return "UPDATE"
    names = (column.name for column in Base.metadata.tables[table].columns)
    return "UPDATE OF " + ", ".join(f'"{name}"' for name in names if name not in quiet)


def _sqlite(table: str) -> list[str]:
    kind, column = TRIGGERED[table]
    statements = []
    for verb, event, states in (
        ("insert", "INSERT", "NEW"),
        ("update", _updated(table), "OLD NEW"),
        ("delete", "DELETE", "OLD"),
    ):
        first, *second = states.split()
        # A row without a key, as a flow's binding has none, concerns no check.
        body = (
            f"INSERT INTO feed (kind, key, created) SELECT '{kind}', {first}.{column}, {_SQLITE_NOW}"
            f" WHERE {first}.{column} IS NOT NULL;"
        )
        for state in second:
            # An update that moves the key concerns both: the one that loses the row and the one that gains it.
            body += (
                f" INSERT INTO feed (kind, key, created) SELECT '{kind}', {state}.{column}, {_SQLITE_NOW}"
                f" WHERE {state}.{column} IS NOT NULL AND {state}.{column} IS NOT {first}.{column};"
            )
        statements.append(f"DROP TRIGGER IF EXISTS feed_{table}_{verb}")
        statements.append(f"CREATE TRIGGER feed_{table}_{verb} AFTER {event} ON {table} BEGIN {body} END")
    return statements


# NOTIFY costs writers dearly (commits that send it queue on one lock), so only what ends or alters sends it; what is
# merely added is found by the next poll. The function keeps the search path it was made under, whoever writes.
_POSTGRES_FEED = f"""
CREATE OR REPLACE FUNCTION ostiary_feed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    old_key text;
    new_key text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_key := to_jsonb(OLD) ->> TG_ARGV[1];
        IF old_key IS NOT NULL THEN
            INSERT INTO feed (kind, key, created) VALUES (TG_ARGV[0], old_key, {_POSTGRES_NOW});
            PERFORM pg_notify('{CHANNEL}', '');
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_key := to_jsonb(NEW) ->> TG_ARGV[1];
        IF new_key IS NOT NULL AND new_key IS DISTINCT FROM old_key THEN
            INSERT INTO feed (kind, key, created) VALUES (TG_ARGV[0], new_key, {_POSTGRES_NOW});
        END IF;
    END IF;
    RETURN NULL;
END $$
"""

_POSTGRES_REFUSE = """
CREATE OR REPLACE FUNCTION ostiary_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE would change who may enter without announcing it; use DELETE'
        USING ERRCODE = 'feature_not_supported';
END $$
"""


def _postgres(table: str) -> list[str]:
    kind, column = TRIGGERED[table]
    call = f"FOR EACH ROW EXECUTE FUNCTION ostiary_feed('{kind}', '{column}')"
    refuse = "EXECUTE FUNCTION ostiary_refuse_truncate()"
    return [
        f"CREATE OR REPLACE TRIGGER feed_write AFTER INSERT OR DELETE ON {table} {call}",
        f"CREATE OR REPLACE TRIGGER feed_update AFTER {_updated(table)} ON {table} {call}",
        f"CREATE OR REPLACE TRIGGER feed_truncate BEFORE TRUNCATE ON {table} {refuse}",
    ]


async def trim(w: Writing, retention: int) -> None:
    """Deletes feed rows older than ``retention`` seconds by the database's clock that every reader can spare.

    SQLite keeps the newest row, by which a reader recognises the feed it knows. On PostgreSQL age is not enough: a row
    is as old as its statement, but it appears when its transaction commits, perhaps long after. Each trim therefore
    leaves a mark of which transactions had ended, and deletes only what had ended at a mark that is itself old enough.
    """
    if w.get_bind().dialect.name == "sqlite":
        await w.execute(
            text(f"DELETE FROM feed WHERE created < {_SQLITE_NOW} - :age AND id < (SELECT max(id) FROM feed)"),
            {"age": retention * 1_000_000},
        )
        return
    await w.execute(text(f"SELECT pg_advisory_xact_lock(hashtext('{CHANNEL}_trim'))"))
    horizon = await w.scalar(
        text(
            f"SELECT key FROM feed WHERE kind = '{_MARK}' AND created <= {_POSTGRES_NOW} - CAST(:age AS bigint)"
            " ORDER BY CAST(key AS xid8) DESC LIMIT 1"
        ),
        {"age": retention * 1_000_000},
    )
    if horizon is not None:
        await w.execute(text(f"DELETE FROM feed WHERE kind = '{_TRIMMED}'"))
        await w.execute(text("DELETE FROM feed WHERE xid < CAST(CAST(:horizon AS text) AS xid8)"), {"horizon": horizon})
        await w.execute(
            text(f"INSERT INTO feed (kind, key, created) VALUES ('{_TRIMMED}', :horizon, {_POSTGRES_NOW})"),
            {"horizon": horizon},
        )
    await w.execute(
        text(
            f"INSERT INTO feed (kind, key, created) VALUES "
            f"('{_MARK}', pg_snapshot_xmin(pg_current_snapshot())::text, {_POSTGRES_NOW})"
        )
    )
