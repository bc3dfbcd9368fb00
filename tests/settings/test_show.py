"""What is printed of the settings."""

from pathlib import Path

from ostiary.settings.load import load
from ostiary.settings.show import MASK, markdown, shown
from ostiary.settings.sources import LEAVES, variable

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_secrets_are_masked() -> None:
    secret = "s" * 32
    settings = load(
        None,
        {
            "OSTIARY_SECRET_KEY": secret,
            "OSTIARY_FORWARD_AUTH__PATH_SECRETS": secret,
            "OSTIARY_BOOTSTRAP__PASSWORD": secret,
            "OSTIARY_DATABASE__URL": f"postgresql://user:{secret}@db/name?password={secret}",
        },
    ).settings
    values = shown(settings)
    assert secret not in repr(values)
    assert values["secret_key"] == MASK
    assert values["database.url"] == f"postgresql://user:{MASK}@db/name?password={MASK}"


def test_values_are_shown_as_they_are_written() -> None:
    values = shown(load(None, {}).settings)
    assert values["sessions.idle"] == "hours=8"
    assert values["events.retention"] == "days=365"
    assert values["proxies"] == "127.0.0.0/8=any, ::1/128=any"
    assert values["web.base_url"] == "not set"


def test_the_page_documents_every_setting_and_is_up_to_date() -> None:
    page = PAGE.read_text()
    for path in LEAVES:
        assert f"`{variable(path)}`" in page
    assert page == markdown(), "run: ostiary settings --markdown > docs/settings.md"
