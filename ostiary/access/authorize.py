"""The one function that says who may use an application: every check, hand-off, bind, grant and launch calls it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.policies.engine import Decision, Question, Reason, Result, Rule, Subject, decide


@dataclass(frozen=True, slots=True)
class ApplicationRules:
    """What decides about one application."""

    id: str
    slug: str
    name: str
    enabled: bool
    access: str
    mode: str
    rules: Sequence[Rule] = ()
    wants_standing: bool = False
    """Whether one of the rules asks for the person's reputation; see `wants_standing` of the engine."""


def authorize(application: ApplicationRules, subject: Subject, question: Question) -> Decision:
    """May this subject use this application now? Denies unless every step says otherwise.

    Expiry of sessions and tokens is the caller's: by then there is a subject. Superusers pass no door unasked.
    """
    if subject.is_active is not True:
        return _denied("The account is disabled.")
    if application.enabled is not True:
        return _denied("The application is disabled.")
    return decide(application.access, application.mode, application.rules, subject, question)


def _denied(text: str) -> Decision:
    return Decision(allowed=False, reasons=(Reason(None, Result.AGAINST, text),))
