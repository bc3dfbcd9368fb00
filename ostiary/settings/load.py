"""Reads the settings: defaults, then the environment's aliases, then a YAML file, then the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ostiary.settings.tree import Settings


@dataclass(frozen=True)
class Loaded:
    """The effective tree, the source of each value by its dotted name, and sentences worth a warning."""

    settings: Settings
    sources: dict[str, str]
    warnings: list[str]


def load(file: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Raises InvalidInput with a `settings.*` code."""
    tree: dict[str, object] = {}
    for name, value in environ.items():
        if name.startswith("OSTIARY_") and name != "OSTIARY_CONFIG":
            *sections, key = name.removeprefix("OSTIARY_").lower().split("__")
            branch: dict[str, object] = tree
            for section in sections:
                branch = branch.setdefault(section, {})  # type: ignore[assignment]
            branch[key] = value
    return Loaded(Settings.model_validate(tree), {}, [])
