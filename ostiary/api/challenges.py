"""The challenges of flows, for the schema. Each says by ``component`` which it is; authentik's own schema does not,
which is why its clients cannot parse any.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class ErrorDetail(BaseModel):
    """What was wrong with an answer."""

    string: str
    code: str


class ContextualFlowInfo(BaseModel):
    """About the flow."""

    title: str
    background: str
    cancel_url: str
    layout: Literal["stacked"]


class Challenge(BaseModel):
    """What all challenges have."""

    flow_info: ContextualFlowInfo
    response_errors: dict[str, list[ErrorDetail]] | None = None


class PersonChallenge(Challenge):
    """A challenge that says who is running the flow."""

    pending_user: str
    pending_user_avatar: str


class IdentificationChallenge(Challenge):
    """Asks for a name."""

    component: Literal["ak-stage-identification"]
    user_fields: list[str] | None
    pending_user_identifier: str | None = None
    password_fields: bool
    allow_show_password: bool = False
    application_pre: str | None = None
    flow_designation: str
    captcha_stage: None = None
    enroll_url: str | None = None
    recovery_url: str | None = None
    passwordless_url: str | None = None
    primary_action: str
    sources: list[dict[str, Any]] = []
    show_source_labels: bool
    enable_remember_me: bool = False
    passkey_challenge: None = None


class PasswordChallenge(PersonChallenge):
    """Asks for a password."""

    component: Literal["ak-stage-password"]
    recovery_url: str | None = None
    allow_show_password: bool = False


class UserLoginChallenge(PersonChallenge):
    """Asks whether to stay signed in."""

    component: Literal["ak-stage-user-login"]


class SessionEndChallenge(PersonChallenge):
    """Asks whether to sign out."""

    component: Literal["ak-stage-session-end"]
    brand_name: str
    overview_url: str | None = None


class StagePrompt(BaseModel):
    """A field to fill in."""

    field_key: str
    label: str
    type: str
    required: bool
    placeholder: str
    initial_value: str
    order: int
    sub_text: str


class PromptChallenge(Challenge):
    """Asks for the fields of the first administrator."""

    component: Literal["ak-stage-prompt"]
    fields: list[StagePrompt]


class AccessDeniedChallenge(PersonChallenge):
    """The end without success."""

    component: Literal["ak-stage-access-denied"]
    error_message: str | None = None


class RedirectChallenge(Challenge):
    """The end, or another place to begin at."""

    component: Literal["xak-flow-redirect"]
    to: str
    final_redirect: bool = False


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class IdentificationAnswer(_Answer):
    """Names a person."""

    component: Literal["ak-stage-identification"]
    uid_field: str | None = None
    password: str | None = None


class PasswordAnswer(_Answer):
    """Shows a password."""

    component: Literal["ak-stage-password"]
    password: str


class UserLoginAnswer(_Answer):
    """Whether to stay signed in."""

    component: Literal["ak-stage-user-login"]
    remember_me: bool


class SessionEndAnswer(_Answer):
    """Signs out."""

    component: Literal["ak-stage-session-end"]


class PromptAnswer(_Answer):
    """Fills in fields, each under its ``field_key``."""

    component: Literal["ak-stage-prompt"]


ChallengeTypes = Annotated[
    IdentificationChallenge
    | PasswordChallenge
    | UserLoginChallenge
    | SessionEndChallenge
    | PromptChallenge
    | AccessDeniedChallenge
    | RedirectChallenge,
    Field(discriminator="component"),
]
ANSWERS: Final = TypeAdapter[Any](
    Annotated[
        IdentificationAnswer | PasswordAnswer | UserLoginAnswer | SessionEndAnswer | PromptAnswer,
        Field(discriminator="component"),
    ]
)


def answers_schema() -> dict[str, Any]:
    """The body of an answer, as OpenAPI describes it."""
    whole = ANSWERS.json_schema()
    return {"oneOf": list(whole["$defs"].values()), "discriminator": {"propertyName": "component"}}
