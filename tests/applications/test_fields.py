import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.applications import fields
from ostiary.kit.errors import InvalidInput


@pytest.mark.parametrize("text", ["hello", "A-b_9", "x" * 50])
def test_slugs(text: str) -> None:
    assert fields.slug(text) == text


@pytest.mark.parametrize("text", ["", "a b", "ä", "a/b", "x" * 51, "a\n", "..", "<b>"])
def test_wrong_slugs(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fields.slug(text)
    assert (caught.value.code, caught.value.field) == ("application.slug_invalid", "slug")


@pytest.mark.parametrize("text", ["authorize", "token", "device", "userinfo", "introspect", "revoke", "Token"])
def test_reserved_slugs(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fields.slug(text)
    assert caught.value.code == "application.slug_reserved"


def test_texts_are_one_visible_line() -> None:
    assert fields.name("  Héllo ") == "Héllo"
    assert fields.group("") == ""
    for bad in ("", "  ", "a\nb", "a\u202eb", "x" * 256, "\ud800"):
        with pytest.raises(InvalidInput) as caught:
            fields.name(bad)
        assert caught.value.code == "application.name_invalid"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("https://Hello.Example.com:443/a?b=c#d", "https://hello.example.com/a?b=c#d"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
    ],
)
def test_launch_urls(text: str, stored: str) -> None:
    assert fields.launch_url(text) == stored


@pytest.mark.parametrize("text", ["/static/logo.svg", "https://cdn.example.com/a.png", ""])
def test_icons(text: str) -> None:
    assert fields.icon(text) == text


@pytest.mark.parametrize(
    "text", ["mailto:help@example.com", "Jane, room 12", "https://help.example.com", "help@example.com"]
)
def test_contacts(text: str) -> None:
    assert fields.contact(text) == text


@given(st.text(max_size=60))
def test_an_address_that_is_accepted_is_http(text: str) -> None:
    for clean in (fields.launch_url, fields.icon):
        try:
            stored = clean(text)
        except InvalidInput:
            continue
        assert (
            stored == ""
            or stored.startswith(("http://", "https://"))
            or (stored[0] == "/" and stored[1:2] not in ("/", "\\"))
        )


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        fields.cleaned({"name": "x", "colour": "red"})
    assert (caught.value.code, caught.value.field) == ("application.field_unknown", "colour")


@pytest.mark.parametrize(("field", "word"), [("access", "open"), ("access", ""), ("policy_engine_mode", "some")])
def test_words(field: str, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fields.cleaned({field: word})
    assert caught.value.code == f"application.{field}_invalid"
