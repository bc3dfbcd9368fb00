import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.directory.usernames import LONGEST, canonical
from ostiary.kit.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("alice", "alice"),
        (" Alice\t", "alice"),
        ("ａｌｉｃｅ", "alice"),
        ("jane.doe+x@Example.com", "jane.doe+x@example.com"),
        ("STRAẞE", "strasse"),
        ("ﬁnn", "finn"),
        ("Ольга_2-x", "ольга_2-x"),
        ("a" * LONGEST, "a" * LONGEST),
    ],
)
def test_every_spelling_has_one_form(typed: str, stored: str) -> None:
    assert canonical(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "-",
        "...",
        "a b",
        "corp\\jane",
        "a/b",
        "a|b",
        "a\0",
        "a\nb",
        "a,b",
        "a" * (LONGEST + 1),
        "a" * 100_000,
        "ﷺ" * LONGEST,
        "a\u202eb",
        "e\u0301\u0301",
        "\ud800",
        "jane%",
        "null",
        "Undefined",
    ],
)
def test_what_is_no_username_is_refused_in_one_sentence(typed: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        canonical(typed)
    assert raised.value.code == "user.username_invalid"
    assert raised.value.field == "username"
    assert raised.value.message.startswith("username: it ")
    assert raised.value.message.endswith("such as jane.doe.")


@given(st.text(max_size=200))
def test_the_form_of_a_form_is_itself(typed: str) -> None:
    try:
        once = canonical(typed)
    except InvalidInput:
        return
    assert canonical(once) == once
