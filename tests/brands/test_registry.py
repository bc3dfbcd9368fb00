import asyncio

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ostiary.brands.models import Brand
from ostiary.brands.registry import listed, of_host
from ostiary.events.record import COMMAND
from ostiary.flows.models import Flow, StageBinding
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.base import new_id
from tests.brands.conftest import House


async def domains(house: House) -> list[tuple[str, bool]]:
    async with house.database.reading() as r:
        return [(brand.domain, brand.is_default) for brand in await listed(r)]


async def test_every_installation_has_exactly_one_default(house: House) -> None:
    assert await domains(house) == [("authentik-default", True)]
    default = await house.default()
    async with house.database.reading() as r:
        slugs = [(await r.get_one(Flow, key)).slug for key in (default.flow_authentication, default.flow_invalidation)]
    assert slugs == ["default-authentication-flow", "default-invalidation-flow"]
    async with house.database.writing() as w:
        await house.brands.ensure(w)
    assert len(await domains(house)) == 1
    # One of an older release, or one whose brand a hand has deleted, gets it at its next start.
    async with house.database.writing() as w:
        await w.execute(delete(Brand))
    async with house.database.writing() as w:
        await house.brands.ensure(w)
    assert await domains(house) == [("authentik-default", True)]


async def test_the_database_holds_one_default_whoever_writes(house: House) -> None:
    row = {"domain": "b.example.com", "is_default": True, "title": "", "logo": "", "favicon": "", "background": ""}
    with pytest.raises(IntegrityError):
        async with house.database.writing() as w:
            await w.execute(insert(Brand).values(id=new_id(), custom_css="", attributes={}, **row))


async def test_another_default_takes_over_and_none_is_left_out(house: House) -> None:
    first = await house.default()
    second = await house.brands.create("b.example.com", {"default": True}, by=COMMAND)
    assert await domains(house) == [("authentik-default", False), ("b.example.com", True)]
    with pytest.raises(InvalidInput, match=r"brand\.default_needed"):
        await house.brands.update(second.id, {"default": False}, by=COMMAND)
    with pytest.raises(Conflict, match=r"brand\.default_needed"):
        await house.brands.delete(second.id, by=COMMAND)
    await house.brands.update(first.id, {"default": True}, by=COMMAND)
    await house.brands.delete(second.id, by=COMMAND)
    assert await domains(house) == [("authentik-default", True)]
    assert [action for action, _ in await house.events()] == [
        "model_created",
        "model_updated",
        "model_created",
        "model_updated",
        "model_updated",
        "model_deleted",
    ]


async def test_two_administrators_at_once_leave_one_default(house: House) -> None:
    made = [await house.brands.create(f"{name}.example.com", by=COMMAND) for name in "ab"]
    await asyncio.gather(
        *(house.brands.update(brand.id, {"default": True}, by=COMMAND) for brand in made), return_exceptions=True
    )
    assert sum(is_default for _, is_default in await domains(house)) == 1


async def test_of_many_who_choose_a_default_at_once_the_last_has_chosen(house: House) -> None:
    ids = [(await house.brands.create(f"{name}.example.com", by=COMMAND)).id for name in "bcdef"]
    await asyncio.gather(*(house.brands.update(one, {"default": True}, by=COMMAND) for one in ids))
    assert sum(is_default for _, is_default in await domains(house)) == 1


async def test_a_domain_has_one_brand_and_a_host_one_owner(house: House) -> None:
    await house.brands.create("b.example.com", by=COMMAND)
    with pytest.raises(Conflict, match=r"brand\.domain_taken"):
        await house.brands.create("b.example.com", by=COMMAND)
    applications = house.server.parts.applications
    await applications.add_proxied(
        "hello", access="everyone", proxy={"external_host": "https://hello.example.com"}, by=COMMAND
    )
    with pytest.raises(InvalidInput, match=r"brand\.domain_of_application.*hello"):
        await house.brands.create("hello.example.com", by=COMMAND)
    brand = await house.brands.create("c.example.com", by=COMMAND)
    with pytest.raises(InvalidInput, match=r"brand\.domain_of_application"):
        await house.brands.update(brand.id, {"domain": "hello.example.com"}, by=COMMAND)
    # The other way round: an application at a host of ours would be sent the login's cookie.
    with pytest.raises(InvalidInput, match=r"provider\.own_host"):
        await applications.add_proxied(
            "trap", access="everyone", proxy={"external_host": "https://b.example.com"}, by=COMMAND
        )
    with pytest.raises(InvalidInput, match=r"provider\.own_host"):
        await applications.update("hello", {}, proxy={"external_host": "https://c.example.com/x"}, by=COMMAND)


async def test_a_flow_is_of_the_kind_that_its_field_needs_and_does_not_vanish(house: House) -> None:
    recovery = await house.flow("lost", "recovery")
    brand = await house.brands.create("b.example.com", {"flow_recovery": recovery}, by=COMMAND)
    for field in ("flow_authentication", "flow_invalidation", "flow_unenrollment", "flow_user_settings"):
        for flow in (recovery, new_id()):
            with pytest.raises(InvalidInput, match=rf"brand\.{field}_invalid"):
                await house.brands.update(brand.id, {field: flow}, by=COMMAND)
    with pytest.raises(Conflict, match=r"flow\.in_use.*the brand b\.example\.com"):
        await house.server.parts.flows.flows.delete("lost", by=COMMAND)
    await house.server.parts.flows.flows.delete("lost", by=COMMAND, force=True)
    async with house.database.reading() as r:
        assert (await r.get_one(Brand, brand.id)).flow_recovery is None


async def test_a_brand_locks_nobody_out(house: House) -> None:
    flows = house.server.parts.flows
    empty = await flows.flows.create(
        {"name": "e", "slug": "empty", "title": "e", "designation": "authentication"}, by=COMMAND
    )
    with pytest.raises(InvalidInput, match=r"flow\.unfit.*flow_authentication"):
        await house.brands.create("b.example.com", {"flow_authentication": empty.id}, by=COMMAND)
    works = await house.flow("works", "authentication")
    await house.brands.create("b.example.com", {"flow_authentication": works}, by=COMMAND)
    async with house.database.reading() as r:
        last = select(StageBinding.id).where(StageBinding.flow_id == works).order_by(StageBinding.order.desc()).limit(1)
        binding = (await r.scalars(last)).one()
    with pytest.raises(Conflict, match=r"flow\.locks_out.*the brand b\.example\.com"):
        await flows.bindings.delete(binding, by=COMMAND)


async def test_nothing_is_stored_when_one_field_is_wrong(house: House) -> None:
    brand = await house.brands.create("b.example.com", {"branding_title": "B"}, by=COMMAND)
    with pytest.raises(InvalidInput, match=r"brand\.default_application_invalid"):
        await house.brands.update(
            brand.id, {"branding_title": "C", "default": True, "default_application": new_id()}, by=COMMAND
        )
    async with house.database.reading() as r:
        assert (await r.get_one(Brand, brand.id)).title == "B"
        assert await r.scalar(select(func.count()).where(Brand.is_default)) == 1
    with pytest.raises(NotFound, match=r"brand\.not_found"):
        await house.brands.update("none", {}, by=COMMAND)


async def test_an_event_tells_what_changed_but_no_attribute(house: House) -> None:
    brand = await house.brands.create("b.example.com", {"attributes": {"password": "p"}}, by=COMMAND)
    await house.brands.update(brand.id, {"branding_title": "B", "attributes": {"token": "t"}}, by=COMMAND)
    await house.brands.update(brand.id, {"branding_title": "B"}, by=COMMAND)
    created, updated = (await house.events())[1:]
    assert created == (
        "model_created",
        {"model": "brand", "pk": brand.id, "domain": "b.example.com", "other": ["attributes"]},
    )
    assert updated[1]["changes"] == {"title": ["", "B"], "other": ["attributes"]}


async def test_a_host_has_its_own_brand_or_the_default(house: House) -> None:
    await house.brands.create("b.example.com", by=COMMAND)
    async with house.database.reading() as r:
        found = [await of_host(r, host) for host in ("b.example.com", "c.example.com", "authentik-default")]
    assert [brand.domain if brand else "" for brand in found] == [
        "b.example.com",
        "authentik-default",
        "authentik-default",
    ]
    async with house.database.writing() as w:
        await w.execute(update(Brand).where(Brand.is_default).values(is_default=False))
    async with house.database.reading() as r:
        assert await of_host(r, "authentik-default") is None
