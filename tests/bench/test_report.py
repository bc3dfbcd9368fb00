"""The table says what was promised and whether it was kept."""

import json
from pathlib import Path

from bench.report import Line, Report


def report() -> Report:
    found = Report()
    found.add(Line("check", "nginx", 8.7, "µs"))
    found.add(Line("check", "allowed", 17.4, "µs", "nginx", 2.0, 2.5))
    found.add(Line("check", "sign in", 26.1, "µs", "nginx", 3.0, 2.5))
    found.add(Line("sign-ins", "browsers", 40.0, "/s", "Argon2", 0.9, 0.8, at_least=True))
    found.add(Line("start", "first page", 1.5, "s", promised=2.0))
    return found


def test_bounds_are_of_the_ratio_where_there_is_one() -> None:
    assert [line.kept for line in report().lines] == [None, True, False, True, True]


def test_the_table_is_markdown() -> None:
    lines = report().table().splitlines()
    assert lines[1].startswith("|---")
    assert "| check: allowed     | 17.4 µs  | 2.00 × nginx  | ≤ 2.5    | kept   |" in lines
    assert "| check: sign in     | 26.1 µs  | 3.00 × nginx  | ≤ 2.5    | missed |" in lines
    assert len({len(line) for line in lines}) == 1


def test_the_file_holds_every_number(tmp_path: Path) -> None:
    report().write(tmp_path / "numbers.json")
    lines = json.loads((tmp_path / "numbers.json").read_text())["lines"]
    assert lines[1] == {
        "section": "check", "name": "allowed", "value": 17.4, "unit": "µs", "beside": "nginx", "ratio": 2.0,
        "promised": 2.5, "at_least": False, "kept": True,
    }  # fmt: skip
