"""What a check comes to, and in which words. Pure: every branch but one denies."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ostiary.policies.engine import Decision


class Verdict(StrEnum):
    """The five verdicts, and one for what is no question."""

    ALLOW = "allow"
    SIGN_IN = "sign_in"
    FORBIDDEN = "forbidden"
    UNKNOWN_HOST = "unknown_host"
    UNDECIDABLE = "undecidable"
    REFUSED = "refused"
    """The question could be read in two ways, or came from nobody we know: nobody's permission."""


def refusal(decision: Decision, path: str | None) -> str | None:
    """Why a known person may not enter, as a stable code; None if they may. ``path`` is the canonical one."""
    if decision.allowed is not True:
        return "not_allowed"
    if decision.volatile and path is None:
        # A rule that may have looked at the path has allowed one that servers read differently.
        return "ambiguous_path"
    return None


SENTENCES: Final[Mapping[str, str]] = {
    "not_allowed": "Your account may not open this application.",
    "ambiguous_path": "This address can be read in two ways, and the application's rules depend on it.",
    "group_name": "One of your groups has a name that cannot be passed on to the application.",
    "headers_unreadable": "What this application is told of people is set up in a way that cannot be read.",
    "mapping_failed": "Something that this application is told of people could not be found out about you.",
    "additional_headers": "What is noted about you for applications is not in a form that can be passed on.",
    "identity_too_large": "Your account's groups are too many to be passed on to the application.",
    "no_cookie": "Your browser sent no sign-in cookie for this application.",
    "bad_cookie": "Your browser sent a sign-in cookie for this application that we did not issue.",
    "session_ended": "The sign-in that your browser's cookie stands for has ended.",
    "session_expired": "The sign-in that your browser's cookie stands for has expired.",
    "session_idle": "The sign-in that your browser's cookie stands for was not used for too long.",
    "other_application": "The sign-in cookie that your browser sent belongs to another application.",
}
"""Code → one public sentence: what a refused person reads."""
