"""Reads what a simulation compares: the rules whole, people in batches, and what a change has announced."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, text

from ostiary.access.authorize import ApplicationRules
from ostiary.access.open_doors import open_doors
from ostiary.access.served import BINDINGS, Rules
from ostiary.access.world import SEPARATOR, Row, World
from ostiary.policies.engine import Rule
from ostiary.storage.session import Reading

BATCH: Final = 5000
"""People at a time."""

_APPLICATIONS = "SELECT id, slug, name, enabled, access, policy_engine_mode FROM applications"
# As text, whatever a driver makes of JSON: rows are compared, and few of them are ever parsed.
_ATTRIBUTES: Final = "CAST(u.attributes AS text)"
_COLUMNS: Final = ("u.username", "u.name", "u.email", "u.type", _ATTRIBUTES)


async def world(r: Reading, rules: Rules, *, only: Collection[str] | None = None) -> World:
    """The rules as this transaction sees them, of all applications or of those with these ids.

    One ``rules`` for several worlds: what it has compiled once is equal.
    """
    groups = await _rows(r, "SELECT id, name, is_superuser FROM groups")
    edges = await _rows(r, "SELECT group_id, parent_id FROM group_parents")
    applications = await _of(r, _APPLICATIONS, "id", only)
    bound: dict[str, list[Rule]] = {}
    for row in await _of(r, BINDINGS, "b.application_id", only):
        bound.setdefault(row[0], []).append(rules.rule(row))
    parents: dict[str, set[str]] = {}
    for group_id, parent_id in edges:
        parents.setdefault(group_id, set()).add(parent_id)
    return World(
        applications={
            row[0]: ApplicationRules(
                id=row[0],
                slug=row[1],
                name=row[2],
                enabled=bool(row[3]),
                access=row[4],
                mode=row[5],
                rules=tuple(bound.get(row[0], ())),
            )
            for row in applications
        },
        group_names={row[0]: row[1] for row in groups},
        superuser_groups=frozenset(row[0] for row in groups if row[2]),
        group_parents=parents,
    )


async def doors(r: Reading) -> dict[str, frozenset[str]]:
    """What each application lets anybody have, by its id: paths, and expressions over addresses."""
    rows = await _rows(
        r,
        "SELECT a.id, p.mode, p.open_paths, p.skip_path_regex, p.cors_preflight"
        " FROM applications a JOIN proxy_providers p ON p.id = a.provider_id",
    )
    found = {row[0]: open_doors(*row[1:]) for row in rows}
    return {
        key: frozenset(
            [
                *opened.paths,
                *(f"what matches {pattern.text}" for pattern in opened.patterns),
                *(["preflight requests"] if opened.preflight else []),
            ]
        )
        for key, opened in found.items()
    }


async def place(r: Reading) -> int:
    """Where the feed is; what is written later in this transaction is announced behind it."""
    return await r.scalar(text("SELECT max(id) FROM feed")) or 0


async def announced(r: Reading, behind: int) -> set[int]:
    """The ids of users whose own rows or memberships were written since then."""
    rows = await r.execute(
        text("SELECT DISTINCT key FROM feed WHERE id > :behind AND kind = 'user'"), {"behind": behind}
    )
    return {int(row[0]) for row in rows}


async def count(r: Reading) -> int:
    """How many people there are."""
    return await r.scalar(text("SELECT count(*) FROM users")) or 0


async def people(r: Reading, reads: Collection[int]) -> AsyncIterator[Sequence[Row]]:
    """Everybody in batches, by id; parts that are not among ``reads`` are left empty."""
    upto = text("SELECT max(id) FROM (SELECT id FROM users WHERE id > :last ORDER BY id LIMIT :batch) AS next")
    query = text(_select(r, reads, "BETWEEN :first AND :last"))
    last: int | None = -1
    while last is not None:
        first = last + 1
        last = await r.scalar(upto, {"last": last, "batch": BATCH})
        if last is not None:
            yield (await r.execute(query, {"first": first, "last": last, "between": SEPARATOR})).all()


async def people_of(r: Reading, reads: Collection[int], ids: Iterable[int]) -> dict[int, Row]:
    """These people by id."""
    query = text(_select(r, reads, "IN :ids")).bindparams(bindparam("ids", expanding=True))
    found: dict[int, Row] = {}
    waiting = sorted(ids)
    for start in range(0, len(waiting), 500):
        part = waiting[start : start + 500]
        found.update((row[0], row) for row in await r.execute(query, {"ids": part, "between": SEPARATOR}))
    return found


def _select(r: Reading, reads: Collection[int], which: str) -> str:
    # The groups of all of them at once, not of each: so it is quick by whichever index a database thinks best.
    aggregate = "group_concat" if r.get_bind().dialect.name == "sqlite" else "string_agg"
    direct = f"SELECT user_id, {aggregate}(group_id, :between) AS own FROM memberships WHERE user_id {which}"  # noqa: S608 - words of ours alone
    columns = [name if index in reads else "''" for index, name in enumerate(_COLUMNS, 3)]
    return (
        f"SELECT u.id, u.is_active, coalesce(m.own, ''), {', '.join(columns)} FROM users u"  # noqa: S608 - words of ours alone
        f" LEFT JOIN ({direct} GROUP BY user_id) AS m ON m.user_id = u.id WHERE u.id {which} ORDER BY u.id"
    )


async def _of(r: Reading, statement: str, column: str, only: Collection[str] | None) -> Sequence[Any]:
    if only is None:
        return await _rows(r, statement)
    if not only:
        return ()
    query = text(f"{statement} WHERE {column} IN :only").bindparams(bindparam("only", expanding=True))
    return (await r.execute(query, {"only": list(only)})).all()


async def _rows(r: Reading, statement: str) -> Sequence[Any]:
    return (await r.execute(text(statement))).all()
