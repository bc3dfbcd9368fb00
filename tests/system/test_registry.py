from datetime import timedelta
from typing import Any

import pytest

from ostiary.applications.registry import Applications
from ostiary.directory.passwords import Passwords
from ostiary.directory.users import Users
from ostiary.events.listing import events
from ostiary.events.record import COMMAND, SYSTEM, Actor
from ostiary.kit.errors import Conflict, InvalidInput
from ostiary.storage import installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.system.fields import EFFECTS, SystemSettings, as_given
from ostiary.system.registry import System, current
from tests.clock import FakeClock

YEAR = 365 * 86_400


def made(database: Database, clock: FakeClock, base_url: str | None = None) -> System:
    return System(database=database, clock=clock, base_url=base_url, retention=YEAR)


@pytest.fixture
async def system(database: Database, clock: FakeClock) -> System:
    async with database.writing() as w:
        await installation.ensure(w, Secrets(["k" * 32]), clock)
    return made(database, clock)


async def test_what_was_not_set_has_its_default(system: System, database: Database) -> None:
    async with database.reading() as r:
        assert await current(r) == SystemSettings()
        shown = await system.shown(r)
    assert shown["event_retention"] == "days=365"
    assert shown["base_url"] == ""
    assert set(shown) == {*as_given(SystemSettings()), "base_url"} == set(EFFECTS)


async def test_a_change_is_stored_and_told_once(system: System, database: Database) -> None:
    await system.update({"impersonation": False, "footer_links": [{"name": "Help", "href": "/if/user/"}]}, by=SYSTEM)
    await system.update({"impersonation": False, "nothing": 1}, by=COMMAND)
    async with database.reading() as r:
        now = await current(r)
        told = await events(r)
    assert (now.impersonation, now.footer_links) == (False, [{"name": "Help", "href": "/if/user/"}])
    assert now.avatars == "initials"
    assert [event.context["changes"] for event in told] == [
        {"impersonation": [True, False], "footer_links": [[], [{"name": "Help", "href": "/if/user/"}]]}
    ]


async def test_everything_that_is_shown_can_be_sent_back(system: System, database: Database) -> None:
    async with database.reading() as r:
        shown = await system.shown(r)
    await system.update(shown, by=COMMAND)
    async with database.reading() as r:
        assert await current(r) == SystemSettings()
        assert await events(r) == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("avatars", "gravatar,initials", "system.not_supported_yet"),
        ("avatars", "https://example.com/%(mail_hash)s", "system.not_supported_yet"),
        ("avatars", "", "system.setting_invalid"),
        ("avatars", 1, "system.setting_invalid"),
        ("base_url", "ftp://x", "url.origin_invalid"),
        ("base_url", "https://x/path", "url.origin_invalid"),
        ("base_url", None, "system.setting_invalid"),
        ("default_user_change_name", "yes", "system.setting_invalid"),
        ("event_retention", "a while", "duration.invalid"),
        ("event_retention", "hours=1", "system.setting_invalid"),
        ("reputation_lower_limit", 1, "system.setting_invalid"),
        ("reputation_upper_limit", -1, "system.setting_invalid"),
        ("reputation_upper_limit", True, "system.setting_invalid"),
        ("footer_links", [{"name": "x", "href": "javascript:alert(1)"}], "system.setting_invalid"),
        ("footer_links", [{"name": "x", "href": "//elsewhere.example"}], "system.setting_invalid"),
        ("footer_links", [{"href": "https://x"}], "system.setting_invalid"),
        ("footer_links", {"name": "x"}, "system.setting_invalid"),
        ("default_token_duration", "seconds=1", "system.setting_invalid"),
        ("default_token_length", 8, "system.setting_invalid"),
        ("pagination_default_page_size", 101, "system.setting_invalid"),
        ("pagination_max_page_size", 5000, "system.setting_invalid"),
        ("flags", {"flows_refresh_others": True}, "system.not_supported_yet"),
        ("flags", {"unknown": True}, "system.setting_invalid"),
        ("flags", [], "system.setting_invalid"),
    ],
)
async def test_what_cannot_be_meant_stores_nothing(
    system: System, database: Database, name: str, value: Any, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await system.update({"impersonation": False, name: value}, by=COMMAND)
    assert (caught.value.code, caught.value.field) == (code, name)
    async with database.reading() as r:
        assert await current(r) == SystemSettings()


async def test_retention_overrides_the_configuration(system: System) -> None:
    assert await system.retention() == timedelta(days=365)
    await system.update({"event_retention": "weeks=2"}, by=COMMAND)
    assert await system.retention() == timedelta(days=14)


async def test_our_address_is_set_once_and_for_no_application(
    system: System, database: Database, clock: FakeClock
) -> None:
    applications = Applications(database=database, clock=clock, base_url=None)
    await applications.add_proxied(
        "hello", access="everyone", proxy={"external_host": "https://hello.example.com"}, by=COMMAND
    )
    with pytest.raises(Conflict) as caught:
        await system.update({"base_url": "https://hello.example.com"}, by=COMMAND)
    assert caught.value.code == "system.base_url_taken"
    await system.update({"base_url": "https://ID.example.com/"}, by=COMMAND)
    async with database.reading() as r:
        assert (await installation.read(r)).base_url == "https://id.example.com"
        assert (await system.shown(r))["base_url"] == "https://id.example.com"
    with pytest.raises(InvalidInput):
        await system.update({"base_url": ""}, by=COMMAND)
    configured = made(database, clock, "https://auth.example.com")
    await configured.update({"base_url": "https://auth.example.com/"}, by=COMMAND)
    with pytest.raises(InvalidInput) as wrong:
        await configured.update({"base_url": "https://id.example.com"}, by=COMMAND)
    assert wrong.value.code == "system.base_url_configured"


async def test_a_persons_events_go_with_them_only_where_that_is_set(
    system: System, database: Database, clock: FakeClock
) -> None:
    passwords = Passwords(memory_kib=64, passes=1)
    users = Users(database=database, clock=clock, passwords=passwords)
    for wanted in (False, True):
        await system.update({"gdpr_compliance": wanted}, by=COMMAND)
        user = await users.create("eve", by=COMMAND)
        await users.update(user.id, name="Eve", by=Actor(user.id, "eve", "192.0.2.1"))
        await users.delete(user.id, by=COMMAND)
        async with database.reading() as r:
            caused = [event for event in await events(r) if event.user.get("pk") == user.id]
        assert bool(caused) is not wanted
    passwords.close()
