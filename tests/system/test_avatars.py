from base64 import b64decode

import pytest

from ostiary.system.avatars import avatar


def test_initials_are_drawn_and_escaped() -> None:
    def picture(name: str) -> str:
        address = avatar("initials", name=name, username="ada", attributes={})
        return b64decode(address.removeprefix("data:image/svg+xml;base64,")).decode()

    assert ">AL</text>" in picture("Ada Lovelace")
    assert ">AD</text>" in picture("")
    assert ">&lt;&amp;</text>" in picture("< &")
    assert picture("Ada Lovelace") == picture("Ada Lovelace") != picture("Ada")


@pytest.mark.parametrize(
    ("modes", "attributes", "expected"),
    [
        ("none", {}, ""),
        ("attributes.avatar", {"avatar": "https://cdn.example/a.png"}, "https://cdn.example/a.png"),
        ("attributes.a.b,none", {"a": {"b": "/static/x.png"}}, "/static/x.png"),
        ("attributes.a.b,none", {"a": "text"}, ""),
        ("attributes.avatar,none", {"avatar": "javascript:alert(1)"}, ""),
        ("attributes.avatar,none", {"avatar": "//elsewhere.example/x"}, ""),
        ("attributes.avatar", {}, ""),
    ],
)
def test_the_first_mode_that_gives_an_address_counts(modes: str, attributes: dict[str, object], expected: str) -> None:
    assert avatar(modes, name="Ada", username="ada", attributes=attributes) == expected
