"""Providers name flows by slug; clients name them by id."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import select

from ostiary.flows.models import Flow
from ostiary.kit.errors import InvalidInput
from ostiary.storage.session import Reading

MISSING: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for a flow that was deleted: clients take no null where a flow is required."""


async def ids_of(r: Reading, slugs: Collection[str | None]) -> dict[str, str]:
    """Slug → id of those flows that exist."""
    wanted = {slug for slug in slugs if slug}
    rows = await r.execute(select(Flow.slug, Flow.id).where(Flow.slug.in_(wanted)))
    return dict(rows.all())


async def as_slugs(r: Reading, values: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """The values, flows by slug instead of by id. Raises `flow.not_found` with the field."""
    changed = dict(values)
    for name in fields:
        given = values.get(name)
        if given is not None:
            slug = await r.scalar(select(Flow.slug).where(Flow.id == str(given)))
            if slug is None:
                raise InvalidInput("flow.not_found", f"{name}: there is no flow of that id.", field=name)
            changed[name] = slug
    return changed
