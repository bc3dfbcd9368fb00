import copy
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.events.listing import events
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.outposts.connections import ServiceConnections
from ostiary.outposts.kubeconfig import HIDDEN, shown
from ostiary.outposts.models import ServiceConnection
from ostiary.storage.session import Database

SECRET = "eyJhbGciOi-not-for-anybody"
KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "main",
    "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", "certificate-authority-data": "Q0E="}}],
    "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": SECRET, "username": "outposts"}}],
}


def with_(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made: Any = copy.deepcopy(KUBECONFIG)
    at = made
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return dict(made)


async def stored(database: Database) -> ServiceConnection:
    async with database.reading() as r:
        return (await r.scalars(select(ServiceConnection))).one()


async def test_a_kubeconfig_is_sealed_and_shown_without_its_secrets(
    connections: ServiceConnections, database: Database
) -> None:
    made = await connections.create("kubernetes", {"name": "Cluster", "kubeconfig": KUBECONFIG}, by=COMMAND)
    row = await stored(database)
    assert row.kubeconfig
    assert SECRET not in row.kubeconfig
    assert connections.kubeconfig_of(row) == KUBECONFIG
    public = shown(connections.kubeconfig_of(row))
    assert public["users"] == [{"name": "u", "user": {"token": HIDDEN, "username": "outposts"}}]
    # What was read can be sent back, and changes nothing.
    await connections.update(made.id, {"name": "Cluster", "kubeconfig": public, "local": False}, by=COMMAND)
    assert (await stored(database)).kubeconfig == row.kubeconfig
    await connections.update(made.id, {"kubeconfig": {**public, "preferences": {}}}, by=COMMAND)
    assert connections.kubeconfig_of(await stored(database)) == {**KUBECONFIG, "preferences": {}}
    async with database.reading() as r:
        told = await events(r)
    assert len(told) == 2
    assert SECRET not in str([event.context for event in told])


async def test_a_hidden_secret_is_not_sent_to_another_server(
    connections: ServiceConnections, database: Database
) -> None:
    made = await connections.create("kubernetes", {"name": "Cluster", "kubeconfig": KUBECONFIG}, by=COMMAND)
    moved = shown(with_(("clusters", 0, "cluster", "server"), "https://elsewhere.example:6443"))
    with pytest.raises(InvalidInput) as caught:
        await connections.update(made.id, {"kubeconfig": moved}, by=COMMAND)
    assert caught.value.code == "service_connection.kubeconfig_invalid"
    assert connections.kubeconfig_of(await stored(database)) == KUBECONFIG


@pytest.mark.parametrize(
    ("kubeconfig", "code"),
    [
        ("text", "invalid"),
        ({}, "invalid"),
        (with_(("users", 0, "user", "exec"), {"command": "sh"}), "unsafe"),
        (with_(("users", 0, "user", "auth-provider"), {}), "unsafe"),
        (with_(("users", 0, "user", "tokenFile"), "/etc/shadow"), "unsafe"),
        (with_(("users", 0, "user", "client-key"), "/k"), "unsafe"),
        (with_(("clusters", 0, "cluster", "certificate-authority"), "/ca"), "unsafe"),
        (with_(("clusters", 0, "cluster", "server"), "file:///etc"), "invalid"),
        (with_(("clusters", 0, "cluster", "sever"), "x"), "invalid"),
        (with_(("clusters",), []), "invalid"),
        (with_(("users", 0), "u"), "invalid"),
        (with_(("current-context",), "other"), "invalid"),
        (with_(("current-context",), ["main"]), "invalid"),
        (with_(("contexts", 0, "context", "cluster"), ["c"]), "invalid"),
        (with_(("users", 0, "name"), 1), "invalid"),
        (with_(("contexts", 0, "context", "user"), "nobody"), "invalid"),
        (with_(("users", 0, "user", "token"), HIDDEN), "invalid"),
        (with_(("users", 0, "user", "token"), 1), "invalid"),
        (with_(("preferences",), {"a": "x" * 70_000}), "invalid"),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_or_reaches_into_the_server_is_refused(
    connections: ServiceConnections, database: Database, kubeconfig: Any, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await connections.create("kubernetes", {"name": "Cluster", "kubeconfig": kubeconfig}, by=COMMAND)
    assert (caught.value.code, caught.value.field) == (f"service_connection.kubeconfig_{code}", "kubeconfig")
    async with database.reading() as r:
        assert (await r.scalars(select(ServiceConnection))).all() == []


async def test_docker(connections: ServiceConnections, database: Database) -> None:
    made = await connections.create("docker", {"name": "D", "url": "unix:///var/run/docker.sock"}, by=COMMAND)
    await connections.update(made.id, {"url": "https://docker.example.com:2376", "local": True}, by=COMMAND)
    row = await stored(database)
    assert (row.url, row.local) == ("https://docker.example.com:2376", True)
    for values, field in (
        ({"url": "file:///x"}, "url"),
        ({"url": None}, "url"),
        ({"tls_authentication": "x"}, "tls_authentication"),
        ({"local": "yes"}, "local"),
        ({"name": ""}, "name"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await connections.update(made.id, values, by=COMMAND)
        assert caught.value.field == field
    with pytest.raises(Conflict):
        await connections.create("docker", {"name": "D", "url": "unix:///x"}, by=COMMAND)
    with pytest.raises(InvalidInput):
        await connections.create("docker", {"name": "E"}, by=COMMAND)
    await connections.delete(made.id, by=COMMAND)
    with pytest.raises(NotFound):
        await connections.delete(made.id, by=COMMAND)
