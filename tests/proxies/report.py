"""The table of docs/proxies/README.md: what came of each case on each proxy, as the tests of this run saw it.

Every cell is held against the page; ``--write-matrix`` writes what was seen into the page instead, for those proxies
that ran. It is a plugin, since with several test processes only the one that hands out tests sees all of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "proxies" / "README.md"
_TABLE = re.compile(r"(?<=<!-- matrix -->\n).*?(?=<!-- /matrix -->)", re.DOTALL)
Cell = Callable[[str], None]
"""Says what came of a case; a difference to the page fails."""

_seen = pytest.StashKey[dict[tuple[str, str], str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-matrix", action="store_true", help="write what the proxies did into docs/proxies")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_seen] = {}
    config.pluginmanager.register(_Collector(config), "matrix")


class _Collector:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for key, value in report.user_properties:
            if key == "matrix" and report.when == "call" and report.passed:
                case, proxy, outcome = map(str, cast("list[object]", value))
                self._config.stash[_seen][case, proxy] = outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        seen = self._config.stash[_seen]
        if self._config.getoption("--write-matrix") and seen and not hasattr(session.config, "workerinput"):
            # Imported here: a run that does not ask for proxies does not start them to learn their versions.
            from tests.proxies.stands import STANDS

            write(cases(), [stand.title for stand in STANDS], committed() | seen)


def cases() -> list[str]:
    """The rows: the sentences below the tests that fill a cell, in their order."""
    from tests.proxies import test_matrix, test_spoofing

    return [
        value.__doc__
        for module in (test_matrix, test_spoofing)
        for name, value in vars(module).items()
        if name.startswith("test_") and "cell" in value.__annotations__ and value.__doc__
    ]


def committed() -> dict[tuple[str, str], str]:
    """The cells of the page, by (case, proxy)."""
    found = _TABLE.search(PAGE.read_text())
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()] if found else []
    if len(rows) < 2:
        return {}
    proxies = rows[0][1:]
    return {(row[0], proxy): cell for row in rows[2:] for proxy, cell in zip(proxies, row[1:], strict=True)}


def write(cases: Sequence[str], proxies: Sequence[str], cells: Mapping[tuple[str, str], str]) -> None:
    """Puts the table into the page."""
    lines = [["", *proxies], ["---"] * (len(proxies) + 1)]
    lines += [[case, *(cells.get((case, proxy), "") for proxy in proxies)] for case in cases]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    PAGE.write_text(_TABLE.sub(lambda _: table, PAGE.read_text()))
