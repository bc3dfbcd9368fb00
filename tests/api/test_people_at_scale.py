"""Lists of people ask the database as often for many objects as for one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from ostiary.events.record import COMMAND
from tests.api.house import ApiHouse


@contextmanager
def statements(api: ApiHouse) -> Iterator[list[str]]:
    """What the server asks its database meanwhile."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engines = [api.parts.database.engine.sync_engine, api.parts.database._readers.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "path",
    [
        "/core/users/",
        "/core/groups/?include_children=true&include_parents=true&include_inherited_roles=true",
        "/core/tokens/",
        "/core/authenticated_sessions/",
    ],
)
def test_a_page_of_many_costs_as_many_statements_as_one_of_few(api: ApiHouse, path: str) -> None:
    parts = api.parts

    async def more(count: int) -> None:
        top = await parts.groups.create(api.unique("top"), by=COMMAND)
        role = await parts.roles.create(api.unique("role"), by=COMMAND)
        for _ in range(count):
            user = await parts.users.create(api.unique("user"), by=COMMAND)
            group = await parts.groups.create(api.unique("group"), parents=[top.name], by=COMMAND)
            await parts.groups.add_member(group.id, user.id, by=COMMAND)
            await parts.roles.add_user(role.id, user.id, by=COMMAND)
            await parts.roles.add_group(role.id, group.id, by=COMMAND)
            await parts.tokens.create(api.unique("token"), user_id=user.id, expires=None, by=COMMAND)
            async with parts.database.writing() as w:
                await parts.sessions.start(
                    w, user_id=user.id, method="password", client_ip=None, user_agent="", replaces=None
                )

    api.run(more(2))
    separator = "&" if "?" in path else "?"
    with api.http() as http:
        counts = []
        for size in (2, 10):
            api.run(more(size))
            http.get(path)
            with statements(api) as said:
                answer = http.get(f"{path}{separator}page_size={size}")
            assert len(answer.json()["results"]) == size
            counts.append(len(said))
        assert counts[0] == counts[1] > 0
