"""No number on the page is typed by hand."""

from pathlib import Path

from bench.peers.rows import Row
from bench.report import Line
from bench.requested import REQUESTED
from bench.results import PAGE, Run, filled, store, stored


def test_the_page_shows_the_stored_runs() -> None:
    page = PAGE.read_text()
    for part in REQUESTED:
        assert f"<!-- run: {part} -->" in page
        assert stored(part).part == part
    assert filled(page) == page


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = Run("peers", rows=(Row("nginx", 1.0), Row("theirs", missing="not built")), machine="Here.")
    lines = Run("growth", lines=(Line("growth", "memory", 1.0, "MB", promised=2.0),), machine="There.")
    for run in (rows, lines):
        store(run, tmp_path)
        assert stored(run.part, tmp_path) == run


def test_only_the_tables_change(tmp_path: Path) -> None:
    store(Run("growth", lines=(Line("growth", "memory", 1.0, "MB"),), machine="There."), tmp_path)
    page = filled("Before.\n\n<!-- run: growth -->\nold\n<!-- end -->\n\nAfter.\n", tmp_path)
    assert page.startswith("Before.\n\n<!-- run: growth -->\n| what")
    assert page.endswith("\n\nThere.\n<!-- end -->\n\nAfter.\n")
    assert filled(page, tmp_path) == page
