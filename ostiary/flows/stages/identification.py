"""Asks who a person is and, with a ``password_stage`` in its configuration, for the password in the same form.

Both fields in one form is what password managers fill in.
"""

from collections.abc import Mapping
from typing import Any, Final

from ostiary.directory.credentials import Attempt, Credentials
from ostiary.directory.naming import EMAIL, USERNAME, Naming
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Deny, Next, Pending, Question, Run, Visitor
from ostiary.flows.stage_fields import Option, StageFields, boolean, reference, some_of
from ostiary.kit.errors import Refused, Unavailable

FIELDS: Final = StageFields(
    options={
        "user_fields": Option(some_of((EMAIL, USERNAME), later=("upn",)), [EMAIL, USERNAME]),
        "password_stage": Option(reference, None),
        "case_insensitive_matching": Option(boolean, default=True),
        # authentik shows whom a typed name means unless told otherwise; that tells strangers who has an account.
        "show_matched_user": Option(boolean, default=False),
        "pretend_user_exists": Option(boolean, default=True),
    },
    without_effect={
        "captcha_stage": (None,),
        "enrollment_flow": (None,),
        "recovery_flow": (None,),
        "passwordless_flow": (None,),
        "webauthn_stage": (None,),
        "sources": ([], None),
        "show_source_labels": (False, None),
        "enable_remember_me": (False, None),
    },
    references={"password_stage": "password"},
)
_LABELS: Final[Mapping[tuple[bool, bool], str]] = {
    (True, True): "Username or e-mail",
    (True, False): "Username",
    (False, True): "E-mail",
}
_MISSING: Final[Mapping[tuple[bool, bool], str]] = {
    (True, True): "Enter your username or e-mail address.",
    (True, False): "Enter your username.",
    (False, True): "Enter your e-mail address.",
}


class Identification:
    """Stage type ``identification``."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Always asks, unless the person is named already."""
        if run.pending is not None:
            return None
        config = FIELDS.whole(stage.config)
        return Question(
            "flows/identification.html",
            {
                "hint": run.intent.login_hint,
                "password": bool(config["password_stage"]),
                "label": _LABELS[_by(config)],
            },
            "ak-stage-identification",
            {
                "user_fields": config["user_fields"],
                "password_fields": bool(config["password_stage"]),
                "allow_show_password": bool(config["password_stage"]) and bool(stage.config.get("allow_show_password")),
                "flow_designation": run.plan.designation,
                "primary_action": "Log in" if config["password_stage"] else "Continue",
                "application_pre": run.intent.application_name or None,
                "pending_user_identifier": run.intent.login_hint or None,
                "sources": [],
                "show_source_labels": False,
                "enable_remember_me": False,
                "enroll_url": None,
                "recovery_url": None,
                "passwordless_url": None,
                "captcha_stage": None,
                "passkey_challenge": None,
            },
        )

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again | Deny:
        """Names the person. A name that nobody has goes on like any other, unless the stage is told to say so."""
        if run.pending is not None:
            return Next(run.pending)
        config = FIELDS.whole(stage.config)
        typed = fields.get("uid_field", "").strip()
        password = fields.get("password", "")
        errors = {}
        if not typed:
            errors["uid_field"] = _MISSING[_by(config)]
        if config["password_stage"] and not password:
            errors["password"] = "Enter your password."  # noqa: S105 - a sentence
        if errors:
            return Again(errors)
        naming = Naming(tuple(config["user_fields"]), config["case_insensitive_matching"])
        attempt = Attempt(visitor.client_ip, visitor.shared_peer, visitor.device)
        try:
            if config["password_stage"]:
                user = await self._credentials.check(typed, password, attempt, naming)
                return Next(Pending.proven(user, "password", typed))
            if config["pretend_user_exists"] and not config["show_matched_user"]:
                return Next(Pending(typed, naming=naming))
            matched = await self._credentials.named(typed, attempt, naming)
        except (Refused, Unavailable) as error:
            return Again({"": error.message}, error.status)
        if matched is None and not config["pretend_user_exists"]:
            return Again({"uid_field": "Nobody of that name has an account here."})
        known_as = matched.username if matched is not None and config["show_matched_user"] else ""
        return Next(Pending(typed, naming=naming, known_as=known_as))


def _by(config: Mapping[str, Any]) -> tuple[bool, bool]:
    return USERNAME in config["user_fields"], EMAIL in config["user_fields"]
