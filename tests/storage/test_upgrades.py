"""What an upgrade makes of the rows that it finds."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, select, text

from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import alone, lay_triggers, upgrade
from ostiary.storage.session import Database


def _before_0005(connection: Connection) -> None:
    upgrade(connection, "0004_0_1_signing_keys")
    connection.execute(
        text("INSERT INTO users VALUES (1, 'u', 'ada', '', '', true, 'internal', 'users', '{}', NULL, NULL, 0, NULL)")
    )
    connection.execute(
        text(
            "INSERT INTO applications VALUES ('a1', 'mail', 'Mail', '', '', '', '', '', true, 'bound', 'any', NULL, 0)"
        )
    )
    for name, intent, application in (
        ("kept", "app_password", "'mail'"),
        ("orphan", "app_password", "'gone'"),
        ("api", "api", "NULL"),
    ):
        connection.execute(
            text(
                f"INSERT INTO tokens VALUES ('{name}', '{name}', 1, '{intent}', '{name}', '', {application}, 0,"
                " NULL, NULL)"
            )
        )


def _after_0005(connection: Connection) -> None:
    upgrade(connection, "0005_0_1_app_passwords")
    rows = connection.execute(text("SELECT identifier, application, application_id FROM tokens ORDER BY identifier"))
    assert [tuple(row) for row in rows] == [("api", None, None), ("kept", "mail", "a1")]
    upgrade(connection)
    lay_triggers(connection)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_app_passwords_find_their_application_and_orphans_end(
    kind: str, make_empty: Callable[[str], str]
) -> None:
    url = make_empty(kind)
    for step in (_before_0005, _after_0005):
        async with alone(url) as connection:
            await connection.run_sync(step)
    engine = open_engine(url)
    async with engine.connect() as connection:
        await connection.execute(text("DELETE FROM applications"))
        left = await connection.execute(text("SELECT identifier FROM tokens"))
        assert [row[0] for row in left] == ["api"]
    await engine.dispose()


def _before_people(connection: Connection) -> None:
    upgrade(connection, "0010_0_1_outposts")
    connection.execute(
        text("INSERT INTO users VALUES (1, 'u', 'ada', '', '', true, 'internal', 'users', '{}', NULL, NULL, 17, NULL)")
    )
    connection.execute(text("INSERT INTO sessions VALUES ('s', 'hash', 1, 17, 17, 'password', 17, 99, NULL, '')"))
    connection.execute(
        text(
            "INSERT INTO providers (id, uuid, type, name, authorization_flow, invalidation_flow)"
            " VALUES (1, 'p', 'proxy', 'p', 'a', 'i')"
        )
    )
    connection.execute(text("INSERT INTO app_sessions VALUES ('a', 'hash', 's', 1, 'app', 'h', 17, 99)"))
    connection.execute(text("INSERT INTO tokens VALUES ('t', 't', 1, 'api', 'hash', '', NULL, 17, NULL, NULL, NULL)"))


def _after_people(connection: Connection) -> None:
    upgrade(connection)
    lay_triggers(connection)
    assert connection.execute(text("SELECT last_updated FROM users")).scalar() == 17
    assert connection.execute(text("SELECT key_sealed FROM tokens WHERE id = 't'")).one()[0] is None
    assert connection.execute(text("SELECT impersonator_id FROM sessions WHERE id = 's'")).one()[0] is None
    assert connection.execute(text("SELECT id FROM app_sessions")).scalar() == "a"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_people_their_logins_and_tokens_stay_as_they_were(kind: str, make_empty: Callable[[str], str]) -> None:
    url = make_empty(kind)
    for step in (_before_people, _after_people):
        async with alone(url) as connection:
            await connection.run_sync(step)


def _before_flows(connection: Connection) -> None:
    upgrade(connection, "0012_0_1_blueprints")
    flow = "'default-authentication-flow', 'Welcome', 'Sign in', 'authentication', 'none'"
    connection.execute(text(f"INSERT INTO flows VALUES ('f1', {flow})"))
    for stage in (
        """'s1', 'name', 'identification', '{"password_stage": "word"}'""",
        """'s2', 'other', 'identification', '{"password_stage": "gone"}'""",
        """'s3', 'word', 'password', '{}'""",
    ):
        connection.execute(text(f"INSERT INTO stages VALUES ({stage})"))
    connection.execute(text("INSERT INTO flow_stage_bindings VALUES ('b1', 'f1', 's1', 10)"))


def _after_flows(connection: Connection) -> None:
    upgrade(connection)
    lay_triggers(connection)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_stages_refer_to_each_other_by_id(kind: str, make_empty: Callable[[str], str]) -> None:
    url = make_empty(kind)
    for step in (_before_flows, _after_flows):
        async with alone(url) as connection:
            await connection.run_sync(step)
    engine = open_engine(url)
    database = Database(engine)
    async with database.reading() as r:
        configs = {stage.name: stage.config for stage in await r.scalars(select(Stage))}
        flow, binding = (await r.scalars(select(Flow))).one(), (await r.scalars(select(StageBinding))).one()
    # A name that no stage has still asks for a password, as it did.
    assert configs == {"name": {"password_stage": "s3"}, "other": {"password_stage": "gone"}, "word": {}}
    assert (flow.denied_action, flow.policy_engine_mode, flow.background) == ("message_continue", "any", "")
    assert (binding.evaluate_on_plan, binding.re_evaluate_policies) == (False, True)
    assert (binding.order, binding.invalid_response_action) == (10, "retry")
    await database.close()
