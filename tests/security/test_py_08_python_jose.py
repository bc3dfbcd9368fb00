"""PY-08: python-jose, with its confusion of algorithms, never enters a lock."""

import re

from tests.lint.rules import ROOT


def test_py_08_python_jose_is_in_no_lock() -> None:
    locks = [*ROOT.glob("*.lock"), *ROOT.glob("scripts/*.lock")]
    assert locks
    for lock in locks:
        assert not re.search(r"^python[-_.]jose\b", lock.read_text(), re.MULTILINE | re.IGNORECASE)
