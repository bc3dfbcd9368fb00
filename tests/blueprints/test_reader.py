"""YAML is read within limits, and every fault has its line."""

import time
from textwrap import dedent

import pytest

from ostiary.blueprints.document import BlueprintInvalid, Listed, Mapped, Scalar, Tag
from ostiary.blueprints.reader import Limits, read_tree

SMALL = Limits(size=10_000, values=1_000, depth=20)


def tree(text: str, limits: Limits = SMALL) -> Mapped:
    found = read_tree("a.yaml", dedent(text).encode(), limits)
    assert isinstance(found, Mapped)
    return found


def refused(text: str | bytes, limits: Limits = SMALL) -> str:
    data = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(BlueprintInvalid) as caught:
        read_tree("a.yaml", data, limits)
    return caught.value.message


def test_scalars_are_what_yaml_says_and_dates_stay_texts() -> None:
    found = tree("{a: 1, b: yes, c: null, d: 1.5, e: 2026-01-01, f: '1', g: =, 7: h}")
    values = {name: node.value for name, node in found.items.items() if isinstance(node, Scalar)}
    assert values == {"a": 1, "b": True, "c": None, "d": 1.5, "e": "2026-01-01", "f": "1", "g": "=", "7": "h"}


def test_every_value_and_key_knows_its_line() -> None:
    found = tree(
        """\
        one: 1
        two:
          - !Env HOME
          - three: 3
        """
    )
    two = found.items["two"]
    assert isinstance(two, Listed)
    assert (found.lines["two"], two.line, [node.line for node in two.items]) == (2, 3, [3, 4])
    assert two.items[0] == Tag(3, "Env", Scalar(3, "HOME"))


def test_anchors_and_merge_keys_are_followed() -> None:
    found = tree(
        """\
        base: &base {a: 1, b: 2}
        more:
          <<: *base
          b: 3
        """
    )
    more = found.items["more"]
    assert isinstance(more, Mapped)
    assert {name: node.value for name, node in more.items.items() if isinstance(node, Scalar)} == {"a": 1, "b": 3}


def test_a_thousand_million_laughs_are_not_told() -> None:
    jokes = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        jokes.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    assert refused("\n".join(jokes)) == "a.yaml:3: The file holds more than 1,000 values once aliases are followed."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "1: *a stands within itself."),
        ("a: *b", "1: *b names nothing above it."),
        ("a: 0x" + "f" * 5_000, "1: This cannot be read as int."),
        ("a: 1" + ":1" * 2_000, "1: This cannot be read as int."),
        ("[" * 30 + "]" * 30, "1: Values are nested deeper than 20 levels."),
        ("a: 1\nb: [", "3: This is not YAML: did not find expected node content."),
        ("a: 1\n\tb: 2", "2: This is not YAML: found "),
        ("a: 1\nb: 2\na: 3", "3: a stands twice, before in line 1."),
        ("a: 1\n---\nb: 2", "2: There is a second document; put it into a file of its own."),
        ("", "1: The file is empty."),
        ("# only this", "1: The file is empty."),
        ("a: !Find x", "1: !Find takes a list."),
        ("a: !KeyOf [x]", "1: !KeyOf takes one plain value."),
        ("a: !If [x, y]", "1: !If takes 1 or 3 arguments, not 2."),
        ("a: !Env {x: y}", "1: !Env does not take a mapping."),
        ("a: !Enumerate [x, SEQ]", "1: !Enumerate takes 3 arguments, not 2."),
        ("a: !python/object:os.system x", "1: The tag !python/object:os.system is unknown; there are !KeyOf, "),
        ("a: !!python/object/apply:os.system [x]", "1: The tag tag:yaml.org,2002:python/object/apply:os.system is "),
        ("a: !!binary aGFsbG8=", "1: The tag tag:yaml.org,2002:binary is not read."),
        ("a: .inf", "1: A number must be finite."),
        ("a: !!int nonsense", "1: This cannot be read as int."),
        ('a: "\\0"', "1: A text may not hold NUL or half of a surrogate pair."),
        ("? [a]\n: b", "1: A key is a plain value."),
        (b"a: \xff", "1: The file is not UTF-8."),
        (b"a: 1\nb: \x01", "2: This is not YAML: it holds a character that no text may hold."),
        ("%TAG !a! x\n---\na: 1", "1: %TAG directives are not read; write tags in full."),
        ("a: " + "x" * 10_000, "1: The file is larger than 9 KiB."),
        ("a: " + "1" * 5_000, "1: This cannot be read as int."),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str | bytes, said: str) -> None:
    assert refused(text).startswith(f"a.yaml:{said}")


@pytest.mark.parametrize("text", ["{" * 500_000, "[" * 500_000, "- " * 250_000, "? " * 250_000])
def test_depth_is_refused_before_it_costs(text: str) -> None:
    began = time.process_time()
    refused(text, Limits(size=1 << 20, values=1_000_000, depth=20))
    assert time.process_time() - began < 1
