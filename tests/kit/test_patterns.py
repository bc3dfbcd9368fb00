import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kit.errors import InvalidInput
from ostiary.kit.patterns import LONGEST, anchored, anchored_form, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "met"),
    [
        ("^/public$", "/public", True),
        ("^/public$", "/public/x", False),
        ("/public", "/x/public", False),
        ("a|b", "ab", False),
        ("^/foo/.*/bar$", "/foo/x/y/bar", True),
        ("^/caf\u00e9$", "/caf\u00e9", True),
        ("(?i)^/PUBLIC$", "/public", True),
        # Flags cannot turn a whole text into one of its lines.
        ("(?m)^a$", "a\nb", False),
        ("(?s)^a.b$", "a\nb", True),
        ("^a.b$", "a\nb", False),
    ],
)
def test_a_pattern_meets_whole_texts(pattern: str, text: str, met: bool) -> None:
    assert compile_pattern(pattern, "f").meets(text) is met


@pytest.mark.parametrize("text", ["(", "a{2,1}", r"(a)\1", "(?=a)", "(?<!a)b", "[", "*", "a\nb", "a\x00", "\udc80"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_pattern(text, "skip_path_regex")
    assert (caught.value.code, caught.value.field) == ("pattern.invalid", "skip_path_regex")


def test_a_pattern_has_its_limits() -> None:
    with pytest.raises(InvalidInput, match=r"pattern\.too_long"):
        compile_pattern("a" * (LONGEST + 1), "f")
    with pytest.raises(InvalidInput, match=r"pattern\.invalid"):
        compile_pattern(r"(\pL{1000})", "f")


@pytest.mark.parametrize(
    ("pattern", "is_anchored", "form"),
    [
        ("^/public$", True, "^/public$"),
        ("/public", False, "^/public$"),
        ("^/public", False, "^/public$"),
        ("/public$", False, "^/public$"),
        (r"^/public\$", False, r"^/public\$$"),
        (r"^/public\\$", True, r"^/public\\$"),
        ("^/a$|^/b$", False, "^(?:/a$|^/b)$"),
        ("^/a|/b$", False, "^(?:/a|/b)$"),
        ("^(?:/a|/b)$", True, "^(?:/a|/b)$"),
        ("^/[|]$", True, "^/[|]$"),
        ("^/[]|]$", True, "^/[]|]$"),
        ("^/[^]|]$", True, "^/[^]|]$"),
        ("^/[[:alpha:]|]$", True, "^/[[:alpha:]|]$"),
        (r"^/\|$", True, r"^/\|$"),
        (r"^/\Q(\E|x$", False, r"^(?:/\Q(\E|x)$"),
        ("(?i)^/a$", False, "^(?i)^/a$"),
        ("", False, "^$"),
        ("$", False, "^$"),
    ],
)
def test_anchors(pattern: str, is_anchored: bool, form: str) -> None:
    assert anchored(pattern) is is_anchored
    assert anchored_form(pattern) == form
    assert anchored(form)


@given(st.text("ab|()[]^$\\Q:E", max_size=12))
def test_an_anchored_pattern_means_the_same_whole_or_searched(text: str) -> None:
    import re2

    if not anchored(text):
        return
    try:
        pattern = compile_pattern(text, "f")
    except InvalidInput:
        return
    options = re2.Options()
    options.log_errors = False
    for word in ("", "a", "b", "ab", "ba", "aa", "|", "x"):
        assert pattern.meets(word) is (re2.compile(text, options).search(word) is not None)
