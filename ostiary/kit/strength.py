"""How hard a password is to guess, by zxcvbn (D. Wheeler, USENIX Security 2016): from 0, at once, to 4, very hard.

Its word lists take 16 MB and are loaded with the first question. What it costs grows fast with the length of text full
of signs that could stand for letters – 2 s for 72 of them – so it judges the beginning alone: 24 signs, 0.15 s at most.
"""

from typing import Final

_JUDGED: Final = 24


def score(password: str) -> int:
    """The score. Call it in a thread, one at a time: it holds the interpreter's lock while it thinks."""
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has no types of its own

    return int(zxcvbn(password[:_JUDGED])["score"]) if password else 0
