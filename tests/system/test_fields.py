from pathlib import Path

from ostiary.system.fields import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documented_settings_are_the_ones_that_exist() -> None:
    assert (DOCS / "system-settings.md").read_text() == page(), (
        "run: python -c 'from ostiary.system.fields import page; print(page(), end=\"\")' > docs/system-settings.md"
    )
