"""Both palettes can be read: WCAG 2.2 success criteria 1.4.3 (text) and 1.4.11 (what marks a control)."""

import re

import pytest

from tests.house import PACKAGE

STYLE = (PACKAGE / "static" / "style.css").read_text()


def palette(block: str) -> dict[str, tuple[int, int, int]]:
    return {
        name: (int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16))
        for name, value in re.findall(r"--([\w-]+): #([0-9a-f]{6});", block)
    }


def luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (
        (c / 12.92) if (c := part / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


LIGHT = palette(STYLE.split("@media")[0])
DARK = palette(STYLE.split("@media (prefers-color-scheme: dark)")[1].split("@media")[0].split("*, *::before")[0])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        ("text", "card", 7),
        ("text", "ground", 7),
        ("text", "note-ground", 7),
        ("quiet", "card", 4.5),
        ("quiet", "ground", 4.5),
        ("quiet", "note-ground", 4.5),
        ("accent", "card", 4.5),
        ("accent", "note-ground", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("danger", "card", 4.5),
        ("danger", "danger-ground", 4.5),
        ("field", "card", 3),
        ("accent", "ground", 3),
    ],
)
def test_it_can_be_read(colours: dict[str, tuple[int, int, int]], front: str, back: str, least: float) -> None:
    assert contrast(colours[front], colours[back]) >= least
