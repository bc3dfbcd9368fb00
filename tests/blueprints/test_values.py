"""What each tag stands for."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from ostiary.blueprints.document import BlueprintInvalid
from ostiary.blueprints.entries import read
from ostiary.blueprints.values import Outside, Values

HEAD = """\
version: 1
context:
  foo: bar
  sequence: [foo, bar]
  mapping: {key1: value, key2: 2}
  nested: !Context foo
  itself: !Context itself
entries:
- model: authentik_core.group
  identifiers: {name: x}
  attrs:
    value: """


async def find(line: int, model: str, pairs: Sequence[tuple[str, Any]], whole: bool) -> Any:
    if pairs != [("slug", "there")]:
        return None
    return {"pk": "7", "title": "There"} if whole else "7"


async def value(text: str, *, outside: Outside | None = None, notes: list[str] | None = None, **context: Any) -> Any:
    blueprint = read("a.yaml", (HEAD + text + "\n").encode())
    entry = blueprint.entries[0]
    values = Values(
        file="a.yaml",
        context=blueprint.context,
        outside=outside or Outside(),
        find=find,
        more_context=context,
        keys={"earlier": "42"},
    )
    found = await values.of(entry.attrs)
    if notes is not None:
        notes += [note.sentence for note in values.notes]
    return found["value"]


async def refused(text: str, outside: Outside | None = None) -> str:
    with pytest.raises(BlueprintInvalid) as caught:
        await value(text, outside=outside)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("!KeyOf earlier", "42"),
        ("!Context foo", "bar"),
        ("!Context [missing, fallback]", "fallback"),
        ("!Context nested", "bar"),
        ('!Format ["foo-%s-%s", !Context foo, qux]', "foo-bar-qux"),
        ('!Format ["100%% of %d, %05.1f, %x"]'.replace("]", ", 3, 2.5, 255]"), "100% of 3, 002.5, ff"),
        ("!Find [authentik_flows.flow, [slug, there]]", "7"),
        ("!Find [authentik_flows.flow, [slug, gone]]", None),
        ("!AtIndex [!FindObject [authentik_flows.flow, [slug, there]], title]", "There"),
        ("!If [!Context foo]", True),
        ("!If [null]", False),
        ("!If [!Context foo, yes, text]", True),
        ("!If [!Condition [AND, false], !KeyOf nobody, [list, !Context foo]]", ["list", "bar"]),
        ("!Condition [AND, a, 1]", True),
        ("!Condition [nand, a, 1]", False),
        ("!Condition [OR, a, null]", True),
        ("!Condition [NOR, a, null]", False),
        ("!Condition [XOR, a, 1, 1]", True),
        ("!Condition [XNOR, a, 1, 1]", False),
        ("!Condition [NOR, '']", True),
        ("!Enumerate [!Context sequence, SEQ, !Format ['%s-%s', !Index 0, !Value 0]]", ["0-foo", "1-bar"]),
        (
            "!Enumerate [!Context mapping, MAP, [!Format ['p-%s', !Index 0], !Value 0]]",
            {"p-key1": "value", "p-key2": 2},
        ),
        ("!Enumerate [!Context sequence, map, {all: [!Value 0]}]", {"all": ["foo", "bar"]}),
        (
            "!Enumerate [!Context sequence, MAP, [!Index 0, !Enumerate [!Value 1, SEQ, LETTER]]]".replace(
                "LETTER", "!Format ['%s: %d %s', !Value 1, !Index 0, !Value 0]"
            ),
            {"0": ["foo: 0 f", "foo: 1 o", "foo: 2 o"], "1": ["bar: 0 b", "bar: 1 a", "bar: 2 r"]},
        ),
        ("!AtIndex [!Context sequence, 0]", "foo"),
        ("!AtIndex [!Context sequence, 100, none]", "none"),
        ("!AtIndex [!Context mapping, key2]", 2),
        ("!AtIndex [!Context mapping, key3, none]", "none"),
        ("""!ParseJSON '{"foo": ["bar", 1]}'""", {"foo": ["bar", 1]}),
    ],
)
async def test_tags_mean_what_they_mean_in_authentik(text: str, wanted: Any) -> None:
    assert await value(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!KeyOf nobody", "!KeyOf nobody: no entry above this one has that id and an object."),
        ("!Context itself", "!Context itself: it is made of itself."),
        ("!Format ['%s']", "!Format: there are fewer arguments than %s in the text."),
        ("!Format ['%s', a, b]", "!Format: there are more arguments than %s in the text."),
        ("!Format ['%d', a]", "!Format: %d does not take this value."),
        ("!Format ['%(x)s', a]", "!Format: the text holds a % that is neither"),
        ("!Format ['50% off']", "!Format: the text holds a % that is neither"),
        ("!Format ['%9999999s', a]", "!Format: the text holds a % that is neither"),
        ("!Condition [MAYBE, a]", "!Condition: MAYBE is none of AND, NAND, OR, NOR, XOR, XNOR."),
        ("!Enumerate [!Value 0, SEQ, x]", "!Enumerate: depth 0 is this tag itself"),
        ("!Enumerate [7, SEQ, x]", "!Enumerate: the first argument is a list, a mapping or a text."),
        ("!Enumerate [ab, SET, x]", "!Enumerate: the second argument is SEQ or MAP."),
        ("!Enumerate [ab, MAP, x]", "!Enumerate: for MAP each item is a pair of key and value, or a mapping."),
        ("!Value 0", "!Value: there is no !Enumerate around it at depth 0."),
        ("!Index x", "!Index: write a depth, 0 for the innermost !Enumerate."),
        ("!AtIndex [!Context sequence, 5]", "!AtIndex: there is nothing at 5."),
        ("!AtIndex [text, 5]", "!AtIndex: the first argument is a list or a mapping."),
        ("!ParseJSON '{'", "!ParseJSON: this is not JSON."),
        ("!ParseJSON '[NaN]'", "!ParseJSON: this is not JSON."),
        ("""!ParseJSON '["\\ud800"]'""", "!ParseJSON: a text holds a character that no text may hold."),
        ("!Find [authentik_flows.flow, slug]", "!Find: after the model come pairs such as [name, staff]."),
    ],
)
async def test_what_stands_for_nothing_is_refused_with_its_line(text: str, said: str) -> None:
    line = 7 if "itself" in text else 12
    assert f"a.yaml:{line}: {said}" in await refused(text)


async def test_enumerations_within_enumerations_end() -> None:
    text = '"' + "a" * 400 + '"'
    for _ in range(4):
        text = f'!Enumerate ["{"a" * 400}", SEQ, {text}]'
    assert "What the tags expand to is too much." in await refused(text)


async def test_a_value_that_is_enumerated_counts_with_all_that_it_holds() -> None:
    times = f"[{', '.join('1' * 100)}]"
    text = times
    for _ in range(4):
        text = f"!Enumerate [[{text}], SEQ, !Enumerate [{times}, SEQ, !Value 1]]"
    assert "What the tags expand to is too much." in await refused(text)
    with pytest.raises(BlueprintInvalid, match="too much"):
        await value(f"!Enumerate [{times}, SEQ, !Context large]", large=[list(range(1000))] * 100)


async def test_the_environment_is_read_where_there_is_one() -> None:
    outside = Outside(environment={"HERE": "value", "EMPTY": ""})
    assert await value("!Env HERE", outside=outside) == "value"
    assert await value("!Env [GONE, 5]", outside=outside) == 5
    assert await value("!Env [EMPTY, x]", outside=outside) == "x"
    notes: list[str] = []
    assert await value("!Env GONE", outside=outside, notes=notes) is None
    assert notes == ["!Env GONE: the variable is not set, so this is null."]
    assert "!Env is read at the command line only" in await refused("!Env HERE")


async def test_files_are_read_from_the_blueprints_own_directory_alone(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "key").write_text(" text\n")
    (tmp_path / "secret").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "large").write_bytes(b"x" * (1 << 21))
    (inside / "bytes").write_bytes(b"\xff")
    outside = Outside(directory=inside)
    assert await value("!File key", outside=outside) == "text"
    assert await value(f"!File {inside}/key", outside=outside) == "text"
    assert await value("!File [gone, x]", outside=outside) == "x"
    for name in ("../secret", f"{tmp_path}/secret", "link", "/etc/passwd"):
        assert "outside of the blueprint's directory" in await refused(f"!File {name}", outside)
        assert "outside of the blueprint's directory" in await refused(f"!File [{name}, x]", outside)
    assert "larger than 1024 KiB" in await refused("!File large", outside)
    assert "not UTF-8" in await refused("!File bytes", outside)
    assert "!File is read for files at the command line only." in await refused("!File key")


async def test_the_context_given_stands_over_the_files_own() -> None:
    assert await value("!Context foo", foo=["other"]) == ["other"]


def test_the_form_is_told_whole() -> None:
    text = """\
        version: 2
        metdata: {}
        entries:
        - model: authentik_core.group
          identifers: {name: a}
        - identifiers: {name: b}
          id: [x]
        - model: a.b
          attrs: [1]
          id: same
        - model: a.b
          id: same
        """
    with pytest.raises(BlueprintInvalid) as caught:
        read("a.yaml", dedent(text).encode())
    assert caught.value.message.split("\n") == [
        "a.yaml:1: version: Write 1, the only one there is.",
        "a.yaml:2: metdata: It is unknown; metadata is meant?",
        "a.yaml:5: entry 1, identifers: It is unknown; identifiers is meant?",
        "a.yaml:6: entry 2, model: It is missing.",
        "a.yaml:9: entry 3, attrs: It is a mapping.",
        "a.yaml:11: entry 4, id: same is the id of entry 3 already.",
    ]
