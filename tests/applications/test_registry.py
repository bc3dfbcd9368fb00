import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, update

from ostiary.applications.bindings import Target, bindings_of
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.applications.registry import Applications, Protected, existing, listed
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError
from ostiary.mappings.registry import Mappings, of_provider
from ostiary.policies.engine import Kind
from ostiary.policies.models import PolicyBinding
from ostiary.storage.models import Installation
from tests.applications.conftest import House

STAFF = Target(Kind.GROUP, "staff")


async def add(house: House, slug: str = "hello", host: str = "https://hello.example.com", **more: Any) -> Protected:
    proxy = {"external_host": host, **more.pop("proxy", {})}
    access = more.pop("access", "bound")
    return await house.applications.add_proxied(slug, access=access, proxy=proxy, by=COMMAND, **more)


async def stored(house: House, slug: str = "hello") -> Protected:
    async with house.database.reading() as r:
        return await existing(r, slug)


async def test_one_call_protects_an_application(house: House) -> None:
    await add(
        house, values={"name": "Hello", "contact": "help@example.com"}, targets=[STAFF, Target(Kind.USER, "alice")]
    )
    found = await stored(house)
    assert (found.application.name, found.application.access, found.application.enabled) == ("Hello", "bound", True)
    assert found.proxy is not None
    assert (found.proxy.external_host, found.proxy.host_key) == ("https://hello.example.com", "hello.example.com")
    async with house.database.reading() as r:
        bound = await bindings_of(r, found.application.id)
    assert [entry.target for entry in bound] == [STAFF, Target(Kind.USER, "alice")]
    assert await house.events() == [
        ("model_created", "application"),
        ("model_created", "proxy_provider"),
        ("model_created", "policy_binding"),
        ("model_created", "policy_binding"),
    ]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"targets": [STAFF, STAFF]}, "binding.exists"),
        ({"targets": [STAFF, Target(Kind.GROUP, "nobody")]}, "group.not_found"),
        ({"targets": [Target(Kind.USER, "nobody")]}, "user.not_found"),
        ({"targets": [Target(Kind.POLICY, "nothing")]}, "policy.not_found"),
        ({"access": "everyone", "targets": [STAFF]}, "application.access_contradicts"),
        ({"access": "open"}, "application.access_invalid"),
        ({"slug": "token"}, "application.slug_reserved"),
        ({"host": "https://auth.example.com"}, "provider.own_host"),
        ({"host": "http://AUTH.example.com.:80"}, "provider.own_host"),
        ({"host": "https://hello.example.com/ostiary"}, "provider.own_path"),
        ({"host": "https://auth.example.com/x"}, "provider.own_host"),
        ({"proxy": {"skip_path_regex": "/x"}}, "provider.skip_path_regex_unanchored"),
        ({"proxy": {"property_mappings": ["none"]}}, "mapping.not_found"),
    ],
)
async def test_nothing_is_half_written(house: House, more: dict[str, Any], code: str) -> None:
    with pytest.raises(OstiaryError) as caught:
        await add(house, **more)
    assert caught.value.code == code
    assert await house.events() == []
    async with house.database.reading() as r:
        for table in (Application, Provider, ProxyProvider, PolicyBinding):
            assert await r.scalar(select(func.count()).select_from(table)) == 0


async def test_a_host_has_one_application(house: House) -> None:
    await add(house)
    for host in ("https://hello.example.com", "http://HELLO.example.com.:80"):
        with pytest.raises(Conflict) as caught:
            await add(house, "other", host)
        assert (caught.value.code, caught.value.field) == ("provider.external_host_taken", "external_host")
    await add(house, "other", "https://hello.example.com:8443")


async def test_a_host_s_paths_have_one_application_each(house: House) -> None:
    await add(house)
    await add(house, "grafana", "https://hello.example.com/grafana")
    await add(house, "deeper", "https://hello.example.com/grafana/x")
    with pytest.raises(Conflict) as caught:
        await add(house, "again", "https://HELLO.example.com:443/grafana/")
    assert caught.value.code == "provider.external_host_taken"
    assert "hello.example.com/grafana belongs to grafana" in caught.value.message
    assert (await stored(house, "grafana")).address == "https://hello.example.com/grafana"
    assert (await stored(house)).address == "https://hello.example.com"


EVERYTHING: dict[str, Any] = {
    "open_paths": ["/public"],
    "skip_path_regex": "^/health$\n^/static/.*$",
    "cors_preflight": True,
    "header_style": "own",
    "header_names": {"username": "X-User", "groups": "X-Groups"},
    "group_filter": "app-.*",
    "additional_headers": ["X-Team"],
    "signed_identity": False,
    "basic_auth_enabled": True,
    "basic_auth_user_attribute": "login",
    "basic_auth_password_attribute": "phrase",
    "header_authentication": True,
    "jwt_issuers": [
        {"issuer": "https://ci.example.com", "audience": "x", "claim": "sub", "jwks_uri": "https://ci.example.com/k"}
    ],
}


async def test_every_field_is_stored_read_back_and_told(house: House) -> None:
    await add(house, proxy=EVERYTHING)
    proxy = (await stored(house)).proxy
    assert proxy is not None
    assert {key: getattr(proxy, key) for key in EVERYTHING} == EVERYTHING
    before = await house.events()
    await house.applications.update("hello", {}, proxy=EVERYTHING, by=COMMAND)
    assert await house.events() == before
    await house.applications.update(
        "hello", {}, proxy={"open_paths": [], "jwt_issuers": [], "basic_auth_enabled": False}, by=COMMAND
    )
    proxy = (await stored(house)).proxy
    assert proxy is not None
    assert (proxy.open_paths, proxy.jwt_issuers, proxy.basic_auth_password_attribute) == ([], [], "")
    async with house.database.reading() as r:
        told = (await r.scalars(select(Event).order_by(Event.id.desc()).limit(1))).one()
    assert told.context["changes"]["open_paths"] == [["/public"], []]
    assert told.context["changes"]["jwt_issuers"] == [["https://ci.example.com"], []]


async def test_mappings_are_used_by_name(house: House) -> None:
    mappings = Mappings(database=house.database, clock=house.clock)
    for name, header in (("team", "X-Team"), ("desk", "X-Desk"), ("user", "X-authentik-username")):
        await mappings.create(name, header, "user.username", by=COMMAND)
    await add(house, proxy={"property_mappings": ["team"]})
    for wrong in ({"property_mappings": ["team", "user"]}, {"additional_headers": ["x-team"]}):
        with pytest.raises(InvalidInput) as caught:
            await house.applications.update("hello", {}, proxy=wrong, by=COMMAND)
        assert caught.value.code == "provider.property_mappings_invalid"
    with pytest.raises(Conflict) as used:
        await mappings.delete("team", by=COMMAND)
    assert used.value.code == "mapping.in_use"
    await house.applications.update("hello", {}, proxy={"property_mappings": ["desk"]}, by=COMMAND)
    await mappings.delete("team", by=COMMAND)
    async with house.database.reading() as r:
        provider = (await existing(r, "hello")).provider
        assert provider is not None
        assert [mapping.name for mapping in await of_provider(r, provider.id)] == ["desk"]
    await house.applications.delete("hello", by=COMMAND)
    await mappings.delete("desk", by=COMMAND)


async def test_a_host_taken_twice_at_once_has_one_application(house: House) -> None:
    results = await asyncio.gather(*(add(house, f"a{number}") for number in range(5)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Conflict)]
    assert len(refused) == 4
    assert {error.code for error in refused} == {"provider.external_host_taken"}


async def test_a_domain_has_one_application_and_may_sign_in_on_our_host(house: House) -> None:
    domain = {"mode": "forward_domain", "cookie_domain": "example.com"}
    await add(house, "all", "https://auth.example.com", proxy=domain)
    with pytest.raises(Conflict) as caught:
        await add(house, "again", "https://login.example.com", proxy=domain)
    assert caught.value.code == "provider.cookie_domain_taken"


async def test_our_own_host_is_known_from_the_set_up_too(house: House) -> None:
    async with house.database.writing() as w:
        w.add(
            Installation(
                id=1, incarnation="x", created=house.clock.now(), canary="x", base_url="https://door.example.com"
            )
        )
    unconfigured = Applications(database=house.database, clock=house.clock, base_url=None)
    with pytest.raises(InvalidInput) as caught:
        await unconfigured.add_proxied(
            "x", access="everyone", proxy={"external_host": "https://door.example.com"}, by=COMMAND
        )
    assert caught.value.code == "provider.own_host"
    await unconfigured.add_proxied(
        "x", access="everyone", proxy={"external_host": "https://auth.example.com"}, by=COMMAND
    )


async def test_a_slug_is_taken_once(house: House) -> None:
    await add(house)
    with pytest.raises(Conflict) as caught:
        await add(house, host="https://other.example.com")
    assert (caught.value.code, caught.value.field) == ("application.slug_taken", "slug")
    with pytest.raises(Conflict):
        await house.applications.create("hello", access="everyone", by=COMMAND)


async def test_changes(house: House) -> None:
    await add(house)
    await house.applications.update(
        "hello",
        {"slug": "hi", "name": "Hi", "launch_url": "https://hello.example.com/start"},
        proxy={
            "external_host": "https://hi.example.com",
            "handoff": "in_place",
            "authentication_flow": "my-authentication",
            "authorization_flow": "my-authorization",
            "invalidation_flow": "my-invalidation",
            "mode": "forward_domain",
            "cookie_domain": "example.com",
        },
        by=COMMAND,
    )
    found = await stored(house, "hi")
    assert found.application.name == "Hi"
    assert found.proxy is not None
    assert found.provider is not None
    assert (found.proxy.host_key, found.proxy.handoff, found.provider.name) == ("hi.example.com", "in_place", "hi")
    assert (found.proxy.mode, found.proxy.cookie_domain) == ("forward_domain", "example.com")
    flows = (found.provider.authentication_flow, found.provider.authorization_flow, found.provider.invalidation_flow)
    assert flows == ("my-authentication", "my-authorization", "my-invalidation")
    await add(house)
    with pytest.raises(Conflict):
        await house.applications.update("hello", {}, proxy={"external_host": "https://hi.example.com"}, by=COMMAND)
    with pytest.raises(Conflict) as caught:
        await house.applications.update("hello", {"slug": "hi"}, by=COMMAND)
    assert caught.value.code == "application.slug_taken"
    with pytest.raises(InvalidInput):
        await house.applications.update("hello", {"icon": "data:image/svg+xml,x"}, by=COMMAND)


async def test_a_change_that_changes_nothing_is_no_event(house: House) -> None:
    await add(house)
    before = await house.events()
    await house.applications.update("hello", {"name": "hello"}, proxy={"mode": "forward_single"}, by=COMMAND)
    await house.applications.enable("hello", by=COMMAND)
    assert await house.events() == before


async def test_disabled_and_enabled(house: House) -> None:
    await add(house)
    await house.applications.disable("hello", by=COMMAND)
    assert (await stored(house)).application.enabled is False
    await house.applications.enable("hello", by=COMMAND)
    assert (await stored(house)).application.enabled is True
    assert (await house.events())[-2:] == [("model_updated", "application")] * 2


async def test_deleting_takes_provider_and_bindings_along_and_frees_the_host(house: House) -> None:
    await add(house, targets=[STAFF])
    await house.applications.delete("hello", by=COMMAND)
    async with house.database.reading() as r:
        for table in (Application, Provider, ProxyProvider, PolicyBinding):
            assert await r.scalar(select(func.count()).select_from(table)) == 0
        assert await listed(r) == []
    with pytest.raises(NotFound) as caught:
        await house.applications.delete("hello", by=COMMAND)
    assert (caught.value.code, caught.value.field) == ("application.not_found", "application")
    await add(house)


async def test_an_application_without_a_provider(house: House) -> None:
    await house.applications.create("tile", access="everyone", values={"name": "Tile"}, by=COMMAND)
    found = await stored(house, "tile")
    assert found.provider is None
    with pytest.raises(InvalidInput) as caught:
        await house.applications.update("tile", {}, proxy={"mode": "forward_single"}, by=COMMAND)
    assert caught.value.code == "application.no_provider"
    await house.applications.delete("tile", by=COMMAND)


async def test_listed_by_group_and_name(house: House) -> None:
    for slug, values in (("c", {"group": "B"}), ("a", {"group": "B"}), ("b", {})):
        await house.applications.create(slug, access="everyone", values=values, by=COMMAND)
    async with house.database.reading() as r:
        assert [found.application.slug for found in await listed(r)] == ["b", "a", "c"]


async def test_a_provider_whose_application_was_removed_by_hand_keeps_its_host(house: House) -> None:
    await add(house)
    async with house.database.writing() as w:
        await w.execute(update(Application).values(provider_id=None))
    with pytest.raises(Conflict):
        await add(house, "other")
