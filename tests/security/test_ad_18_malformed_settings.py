"""AD-18: whatever stands in a settings file or variable, the answer is a plain refusal or a whole tree."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.kit.errors import InvalidInput
from ostiary.settings.load import load
from ostiary.settings.sources import LEAVES, variable

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
keys = st.sampled_from(sorted({part for path in LEAVES for part in path})) | st.text(max_size=8)
trees = st.dictionaries(keys, values | st.dictionaries(keys, values, max_size=4), max_size=5)


def _loads_or_refuses(text: str) -> None:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "ostiary.yaml"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            load(file, {})
        except InvalidInput as refusal:
            assert refusal.code.startswith("settings.")


@settings(max_examples=150, deadline=None)
@given(trees)
def test_ad_18_any_tree_is_loaded_or_refused(tree: dict[str, Any]) -> None:
    _loads_or_refuses(yaml.safe_dump(tree, allow_unicode=True))


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.text(alphabet="{}[]:-&*!|>'\"%@` \nab", max_size=40)
)
def test_ad_18_any_text_is_loaded_or_refused(text: str) -> None:
    _loads_or_refuses(text)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([variable(path) for path in LEAVES]), st.text(alphabet=st.characters(exclude_characters="\0")))
def test_ad_18_any_variable_is_loaded_or_refused(name: str, value: str) -> None:
    try:
        load(None, {name: value})
    except InvalidInput as refusal:
        assert refusal.code.startswith("settings.")
