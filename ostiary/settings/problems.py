"""What is wrong with the settings, said for each value: where it came from, what is wrong, what would be right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ostiary.kit.errors import InvalidInput


@dataclass(frozen=True)
class Problem:
    """One refused value. ``code`` is stable, ``field`` the dotted name, ``source`` a variable or a line of the file."""

    code: str
    field: str
    source: str
    sentence: str

    def __str__(self) -> str:
        subject = self.field if self.field == self.source else f"{self.field} (from {self.source})"
        return f"{subject}: {self.sentence}"


class InvalidSettings(InvalidInput):
    """All problems together. Alone, a problem lends its code and field; several share `settings.invalid`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(problems[0].code, str(problems[0]), field=problems[0].field)
        else:
            lines = "".join(f"\n  {problem} [{problem.code}]" for problem in self.problems)
            super().__init__("settings.invalid", f"{len(self.problems)} settings cannot be used:{lines}")


def unknown_key(name: str, source: str, known: Iterable[str]) -> Problem:
    """A name that nothing reads, with the nearest one that something does."""
    choices = {choice.lower(): choice for choice in sorted(known)}
    near = get_close_matches(name.lower(), choices, n=1, cutoff=0.6)
    advice = f"did you mean {choices[near[0]]}?" if near else f"known here are {', '.join(choices.values())}."
    return Problem("settings.unknown_key", name, source, f"There is no such setting; {advice}")
