"""The repository as a whole: sizes, locks, and pages that say what is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.lint.rules import BANNED_NAMES, LONGEST_FILE, PACKAGE, ROOT

LOCKS = tuple(sorted(file.name for file in ROOT.glob("*.lock"))) + ("scripts/demo.lock",)


def tracked() -> list[Path]:
    """Every file that is part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    for file in PACKAGE.rglob("*.py"):
        if "migrations" not in file.parts:
            lines = file.read_text().count("\n")
            assert lines <= LONGEST_FILE, f"{file.relative_to(ROOT)} has {lines} lines; it holds more than one thing"


def test_no_folder_is_named_after_nothing() -> None:
    for file in tracked():
        assert not BANNED_NAMES & set(file.relative_to(ROOT).with_suffix("").parts), file


def problems_of_lock(text: str) -> list[str]:
    """What a lock file must not hold: a place to fetch from, or a package without its hashes."""
    found = [line for line in text.splitlines() if re.search(r"://|--(?:extra-)?index|--find-links|--trusted", line)]
    for block in re.split(r"\n(?=\S)", text.strip()):
        if not re.match(r"[a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?==\S+", block) or "--hash=sha256:" not in block:
            found.append(block.split("\n")[0])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_hashes_and_no_place_to_fetch_from(lock: str) -> None:
    assert problems_of_lock((ROOT / lock).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--extra-index-url index",
        "--find-links wheels",
        "six @ https://files.example/six.whl --hash=sha256:00",
        "six==1.17.0",
    ],
)
def test_a_bad_lock_is_caught(line: str) -> None:
    assert problems_of_lock(f"idna==3.1 \\\n    --hash=sha256:00\n{line}\n")


def test_the_locks_hold_what_the_project_asks_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for lock, wanted in (
        ("requirements.lock", project["project"]["dependencies"]),
        ("requirements-dev.lock", project["project"]["dependencies"] + project["dependency-groups"]["dev"]),
    ):
        locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
        for requirement in wanted:
            name = re.split(r"[\[<>=~! ]", requirement)[0].lower()
            assert name in locked, f"{name} is not in {lock}"


def test_no_page_or_program_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com", "deb.debian" + ".org")
    for file in tracked():
        if file.suffix not in (".png", ".ico", ".woff2"):
            text = file.read_text(encoding="utf-8", errors="replace")
            assert not [host for host in hosts if host in text], file


def test_the_readmes_tree_lists_every_room() -> None:
    readme = (ROOT / "README.md").read_text()
    for entry in PACKAGE.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            assert f"{entry.name}/" in readme, f"README.md does not say what {entry.name}/ is for"
        elif entry.suffix == ".py" and not entry.name.startswith("__"):
            assert entry.name in readme, f"README.md does not say what {entry.name} is for"


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [file for file in tracked() if file.suffix == ".md"]
    assert pages
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_page_and_decision_is_listed() -> None:
    for folder, index in (("docs", "index.md"), ("docs/decisions", "README.md")):
        listed = (ROOT / folder / index).read_text()
        for page in (ROOT / folder).glob("*.md"):
            assert page.name == index or f"({page.name})" in listed, f"{folder}/{index} does not list {page.name}"
