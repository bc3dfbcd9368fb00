from dataclasses import fields, replace
from typing import Any

from ostiary.applications.providers import Providers, held, settings_of
from ostiary.applications.proxy import ProxySettings
from ostiary.events.record import SYSTEM
from ostiary.kit.urls import parse_origin
from tests.applications.conftest import House

PLAIN = ProxySettings(parse_origin("https://hello.example.com"))
ODD: dict[str, Any] = {
    "origin": parse_origin("https://else.example.com"),
    "authentication_flow": "else",
    "header_style": "remote",
    "header_names": {"username": "X-User"},
    "jwt_issuers": ({"issuer": "https://tokens.example.com"},),
}


def another(name: str, value: Any) -> Any:
    """A value of that setting other than this one."""
    if name in ODD:
        return ODD[name]
    if isinstance(value, bool):
        return not value
    others: dict[type, Any] = {str: "else", int: 5, tuple: ("X-Else",)}
    return others[type(value)]


async def test_every_setting_of_a_proxy_provider_is_stored_and_read_back(house: House) -> None:
    names = [field.name for field in fields(ProxySettings) if field.name != "property_mappings"]
    settings = replace(PLAIN, **{name: another(name, getattr(PLAIN, name)) for name in names})
    verbs = Providers(database=house.database, clock=house.clock, base_url=None)
    async with house.database.writing() as w:
        provider, _ = await verbs.create_in(w, "hello", settings, by=SYSTEM)
    async with house.database.writing() as w:
        assert settings_of(*await held(w, provider.id), []) == settings
    assert not [name for name in names if getattr(settings, name) == getattr(PLAIN, name)]
