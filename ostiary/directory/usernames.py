"""One canonical form for every spelling of a username.

Sign-in, lock-out, sessions, policies and headers all use this form, so another spelling is never another person.
"""

import re
import unicodedata

from ostiary.kit.errors import InvalidInput

LONGEST = 150

# What API clients can parse: letters, digits and underscore of any script, and these four signs.
_ALLOWED = re.compile(r"[\w.@+-]+")

# What proxies and applications show where a name is missing. As a real name it would make nobody into somebody. Names
# in braces, parentheses or with a dollar sign fail by their letters already.
_PLACEHOLDERS = frozenset({"null", "undefined", "none", "nil", "remote_user"})


def canonical(text: str) -> str:
    """The username that ``text`` means: surrounding space cut, NFKC, case folded; at most 150 characters.

    Raises `user.username_invalid`, also for what proxies write in place of a missing name.
    """
    if len(text) > 4 * LONGEST:
        raise _invalid(f"is longer than {LONGEST} characters")
    name = folded(text)
    if not name:
        raise _invalid("is empty")
    if len(name) > LONGEST:
        raise _invalid(f"is longer than {LONGEST} characters")
    if not _ALLOWED.fullmatch(name) or not any(sign.isalnum() for sign in name):
        raise _invalid("holds a character that it may not hold, or no letter or digit at all")
    if name in _PLACEHOLDERS:
        raise _invalid("is a word that programs write where a name is missing")
    return name


def folded(text: str) -> str:
    """NFKC and case folded until neither changes anything (Unicode 3.13, D146), without any check."""
    name = unicodedata.normalize("NFKC", text).strip()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _invalid(fault: str) -> InvalidInput:
    return InvalidInput(
        "user.username_invalid",
        f"username: it {fault}; use letters, digits and any of . @ + - _, such as jane.doe.",
        field="username",
    )
