from typing import Any

import pytest

from ostiary.brands.fields import OWN_PICTURES, WITHOUT_EFFECT, cleaned
from ostiary.brands.pictures import LARGEST
from ostiary.kit.errors import InvalidInput
from tests.brands.conftest import PIXEL


def test_fields_have_authentiks_names_and_become_columns() -> None:
    assert cleaned({"domain": "auth.example.com:8443", "default": True, "branding_title": "  Acme  "}) == {
        "domain": "auth.example.com:8443",
        "is_default": True,
        "title": "Acme",
    }
    assert cleaned({"flow_recovery": None, "default_application": ""}) == {
        "flow_recovery": None,
        "default_application": None,
    }


def test_pictures_are_kept_as_they_were_written() -> None:
    assert set(cleaned(OWN_PICTURES).values()) == set(OWN_PICTURES.values())
    assert set(cleaned(dict.fromkeys(OWN_PICTURES, "")).values()) == {""}
    assert cleaned({"branding_logo": PIXEL, "branding_favicon": "https://cdn.example.com/f.ico?v=2"}) == {
        "logo": PIXEL,
        "favicon": "https://cdn.example.com/f.ico?v=2",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domain", ""),
        ("domain", "a b"),
        ("domain", "https://auth.example.com"),
        ("domain", "Auth.example.com"),
        ("domain", "auth.example.com:443"),
        ("domain", 7),
        ("default", "yes"),
        ("branding_title", "two\nlines"),
        ("branding_title", "\ud800"),
        ("branding_title", "x" * 256),
        ("branding_logo", "javascript:alert(1)"),
        ("branding_logo", "http://cdn.example.com/a.png"),
        ("branding_logo", "//cdn.example.com/a.png"),
        ("branding_logo", "/media/public/logo.png"),
        ("branding_logo", "https://cdn.example.com/a.png; script-src *"),
        ("branding_logo", "https://cdn.example.com/a.png' 'unsafe-inline"),
        ("branding_logo", "https://cdn.example.com/a,b"),
        ("branding_logo", 'https://cdn.example.com/"onload='),
        ("branding_logo", "data:text/html;base64,PGI+"),
        ("branding_logo", "data:image/png;base64,AAA"),
        ("branding_logo", "data:image/png;base64," + "A" * (LARGEST * 4 // 3 + 8)),
        ("branding_default_flow_background", 'https://cdn.example.com/a.png") } body { display: none'),
        ("branding_custom_css", "x" * (64 * 1024 + 1)),
        ("branding_custom_css", "é" * (33 * 1024)),
        ("branding_custom_css", "a\0b"),
        ("branding_custom_css", "\ud800"),
        ("branding_custom_css", None),
        ("flow_authentication", "default-authentication-flow"),
        ("flow_authentication", 1),
        ("default_application", "\0" * 36),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"brand\.{field}_invalid") as refused:
        cleaned({field: value})
    assert refused.value.field == field


def test_what_has_no_effect_is_not_stored() -> None:
    asks = {"branding_map_tiles": "https://tiles.example.com/{z}", "client_certificates": ["id"]}
    for field, nothing in WITHOUT_EFFECT.items():
        for value in nothing:
            assert cleaned({field: value}) == {}
        with pytest.raises(InvalidInput, match=r"brand\.not_supported_yet") as refused:
            cleaned({field: asks.get(field, "id")})
        assert refused.value.field == field
    with pytest.raises(InvalidInput, match=r"brand\.not_supported_yet"):
        cleaned({"attributes": {"settings": {"theme": {"base": "dark"}}}})
    with pytest.raises(InvalidInput, match=r"brand\.field_unknown"):
        cleaned({"branding_colour": "red"})


def test_attributes_are_plain() -> None:
    assert cleaned({"attributes": {"team": ["a"]}}) == {"attributes": {"team": ["a"]}}
    with pytest.raises(InvalidInput, match=r"attributes\.invalid"):
        cleaned({"attributes": {"n": float("nan")}})
