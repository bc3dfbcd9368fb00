from typing import Any

import pytest
from sqlalchemy import delete, select, update

from ostiary.applications.models import Provider
from ostiary.events.listing import events
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.outposts import embedded
from ostiary.outposts.connections import ServiceConnections
from ostiary.outposts.models import Outpost
from ostiary.outposts.registry import Outposts, by_name, listed, providers_of
from ostiary.storage.base import new_id
from ostiary.storage.session import Database


async def test_every_installation_has_the_embedded_one_and_keeps_it(outposts: Outposts, database: Database) -> None:
    async with database.writing() as w:
        await embedded.ensure(w)
    async with database.reading() as r:
        (one,) = await listed(r)
    assert (one.name, one.type, one.managed, one.config) == (
        "authentik Embedded Outpost",
        "proxy",
        "goauthentik.io/outposts/embedded",
        {},
    )
    with pytest.raises(Conflict) as caught:
        await outposts.delete(one.id, by=COMMAND)
    assert caught.value.code == "outpost.embedded_stays"
    await outposts.update(one.id, {"name": "Here"}, by=COMMAND)
    async with database.writing() as w:
        await embedded.ensure(w)
    async with database.reading() as r:
        assert [outpost.name for outpost in await listed(r)] == ["Here"]


async def test_made_changed_deleted(
    outposts: Outposts, connections: ServiceConnections, provider_id: int, database: Database
) -> None:
    cluster = await connections.create("kubernetes", {"name": "Cluster", "local": True}, by=COMMAND)
    config = {"log_level": "debug", "kubernetes_ingress_annotations": {"cookie-secret": "x"}}
    made = await outposts.create(
        " Edge ", providers=[provider_id], config=config, service_connection=cluster.id, by=COMMAND
    )
    async with database.reading() as r:
        assert await providers_of(r, [made.id]) == {made.id: [provider_id]}
        assert (await by_name(r, "Edge")).service_connection_id == cluster.id
    await outposts.update(
        made.id, {"name": "Rim", "providers": [], "service_connection": None, "config": {}}, by=COMMAND
    )
    await outposts.update(made.id, {"name": "Rim", "providers": []}, by=COMMAND)
    async with database.reading() as r:
        assert await providers_of(r, [made.id]) == {}
        told = [event.context for event in await events(r) if event.context["model"] == "outpost"]
    assert [context.get("changes") for context in told] == [
        {
            "name": ["Edge", "Rim"],
            "config": ["kubernetes_ingress_annotations", "log_level"],
            "service_connection_id": [cluster.id, None],
            "providers": [[provider_id], []],
        },
        None,
    ]
    await outposts.delete(made.id, by=COMMAND)
    with pytest.raises(NotFound):
        await outposts.delete(made.id, by=COMMAND)
    with pytest.raises(NotFound):
        await outposts.update(made.id, {}, by=COMMAND)


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"name": "\n"}, "outpost.name_invalid", "name"),
        ({"type": "ldap"}, "outpost.not_supported_yet", "type"),
        ({"type": "nothing"}, "outpost.type_invalid", "type"),
        ({"providers": [99]}, "outpost.provider_unknown", "providers"),
        ({"config": {"log_levle": "info"}}, "outpost.config_unknown", "config"),
        ({"service_connection": new_id()}, "outpost.service_connection_unknown", "service_connection"),
    ],
)
async def test_what_is_wrong_is_named_and_stores_nothing(
    outposts: Outposts, database: Database, values: dict[str, Any], code: str, field: str
) -> None:
    for verb in ("create", "update"):
        async with database.reading() as r:
            before = [(one.name, one.type, one.config) for one in await listed(r)]
            one = (await listed(r))[0]
        with pytest.raises(InvalidInput) as caught:
            if verb == "create":
                await outposts.create(**{"name": "x", **values}, by=COMMAND)
            else:
                await outposts.update(one.id, values, by=COMMAND)
        assert (caught.value.code, caught.value.field) == (code, field)
        async with database.reading() as r:
            assert [(one.name, one.type, one.config) for one in await listed(r)] == before


async def test_names_are_unique_and_providers_of_the_outposts_type(
    outposts: Outposts, provider_id: int, database: Database
) -> None:
    await outposts.create("a", by=COMMAND)
    with pytest.raises(Conflict) as caught:
        await outposts.create("a", by=COMMAND)
    assert caught.value.code == "outpost.name_taken"
    async with database.writing() as w:
        await w.execute(update(Provider).values(type="ldap"))
    with pytest.raises(InvalidInput) as wrong:
        await outposts.create("b", providers=[provider_id], by=COMMAND)
    assert wrong.value.code == "outpost.provider_type"


async def test_what_an_outpost_refers_to_may_go(
    outposts: Outposts, connections: ServiceConnections, provider_id: int, database: Database
) -> None:
    cluster = await connections.create("kubernetes", {"name": "Cluster", "local": True}, by=COMMAND)
    made = await outposts.create("a", providers=[provider_id], service_connection=cluster.id, by=COMMAND)
    await connections.delete(cluster.id, by=COMMAND)
    async with database.writing() as w:
        await w.execute(delete(Provider))
    async with database.reading() as r:
        assert await providers_of(r, [made.id]) == {}
        row = await r.scalar(select(Outpost).where(Outpost.id == made.id))
    assert row is not None
    assert row.service_connection_id is None
