"""Stages, each type a kind of its own, and all of them together."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import Field
from sqlalchemy import Select, false, func, select, true

from ostiary.events.record import Actor
from ostiary.flows.models import Flow, StageBinding
from ostiary.flows.models import Stage as StageRow
from ostiary.flows.stage_registry import Stages, referring_to
from ostiary.flows.stages.types import TYPES
from ostiary.objects.flows import Stage, flow_sets, places_of, stage_facts
from ostiary.objects.kind import Caller, Fields, Filter, Integer, Kind, UsedBy, Words, equals
from ostiary.objects.stage_words import WORDS
from ostiary.storage.session import Reading

_ID: Final = 36
UserField = Literal["email", "username", "upn"]
Backend = Literal[
    "authentik.core.auth.InbuiltBackend",
    "authentik.core.auth.TokenBackend",
    "authentik.sources.ldap.auth.LDAPBackend",
    "authentik.sources.kerberos.auth.KerberosBackend",
]
NetworkBinding = Literal["no_binding", "bind_asn", "bind_asn_network", "bind_asn_network_ip"]
GeoipBinding = Literal["no_binding", "bind_continent", "bind_continent_country", "bind_continent_country_city"]


class StageRequest(Fields):
    """What a client may set of a stage without options."""

    name: str


class UserLogoutStageRequest(StageRequest):
    """What a client may set."""


class IdentificationStageRequest(StageRequest):
    """What a client may set."""

    user_fields: list[UserField] = Field(default=["email", "username"])
    password_stage: str | None = None
    captcha_stage: str | None = None
    case_insensitive_matching: bool = True
    show_matched_user: bool = False
    enrollment_flow: str | None = None
    recovery_flow: str | None = None
    passwordless_flow: str | None = None
    sources: list[str] = Field(default=[])
    show_source_labels: bool = False
    pretend_user_exists: bool = True
    enable_remember_me: bool = False
    webauthn_stage: str | None = None


class PasswordStageRequest(StageRequest):
    """What a client may set."""

    backends: list[Backend]
    configure_flow: str | None = None
    failed_attempts_before_cancel: int = 5
    allow_show_password: bool = False


class UserLoginStageRequest(StageRequest):
    """What a client may set."""

    session_duration: str = "seconds=0"
    terminate_other_sessions: bool = False
    remember_me_offset: str = "seconds=0"
    network_binding: NetworkBinding = "no_binding"
    geoip_binding: GeoipBinding = "no_binding"
    remember_device: str = "days=90"


class DenyStageRequest(StageRequest):
    """What a client may set."""

    deny_message: str = ""


class IdentificationStage(Stage):
    """What a client receives."""

    user_fields: list[UserField]
    password_stage: str | None
    captcha_stage: str | None
    case_insensitive_matching: bool
    show_matched_user: bool
    enrollment_flow: str | None
    recovery_flow: str | None
    passwordless_flow: str | None
    sources: list[str]
    show_source_labels: bool
    pretend_user_exists: bool
    enable_remember_me: bool
    webauthn_stage: str | None


class PasswordStage(Stage):
    """What a client receives."""

    backends: list[Backend]
    configure_flow: str | None
    failed_attempts_before_cancel: int
    allow_show_password: bool


class UserLoginStage(Stage):
    """What a client receives."""

    session_duration: str
    terminate_other_sessions: bool
    remember_me_offset: str
    network_binding: NetworkBinding
    geoip_binding: GeoipBinding
    remember_device: str


class UserLogoutStage(Stage):
    """What a client receives."""


class DenyStage(Stage):
    """What a client receives."""

    deny_message: str


class StageKind(Kind):
    """Base of the kinds of stages. ``type`` is the stage type; nothing is of every type."""

    type: ClassVar[str] = ""
    table = StageRow
    pk = StageRow.id
    key = StageRow.id
    search = (StageRow.name,)
    ordering: ClassVar = {"name": StageRow.name}
    identifiers: ClassVar = {"name": StageRow.name}
    superusers_only = True

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def every(self) -> Select[Any]:
        query = select(StageRow)
        return query.where(StageRow.type == self.type) if self.type else query

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        sets = await flow_sets(r, rows)
        return [{**stage_facts(row, sets[row.id]), **self._options(row)} for row in rows]

    def _options(self, row: StageRow) -> dict[str, Any]:
        if not self.type:
            return {}
        options = TYPES[self.type]
        nothing = {name: values[0] for name, values in options.without_effect.items()}
        config = options.whole(row.config)
        # A name that a release before this one wrote, and no stage has.
        dangling = {name: None for name in options.references if len(config[name] or "") != _ID}
        return {**nothing, **config, **dangling}

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        options = {name: value for name, value in values.items() if name != "name"}
        return (await self._stages.create(self.type, values["name"], options, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        options = {name: value for name, value in values.items() if name != "name"}
        await self._stages.update(row.name, options, new_name=values.get("name"), by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._stages.delete(row.name, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        places = await places_of(r, StageBinding.stage_id == row.id, Flow.slug)
        referring = [
            UsedBy(WORDS[other.type].app, WORDS[other.type].model, other.id, other.name, "set_null")
            for other, _ in await referring_to(r, row)
        ]
        return [*places, *referring]


class AllStages(StageKind):
    """Kind of all stages. None is made or changed here, for each type has its own options."""

    words = Words("authentik_flows.stage", "Stage", "Stages")
    fields = StageRequest
    shown = Stage
    filters: ClassVar[Mapping[str, Filter]] = {"name": equals(StageRow.name)}


def _filters(type_: str, **without_effect: Any) -> Mapping[str, Filter]:
    """By name, by every option that is one value, and by those that nobody has: name → the type of the parameter."""
    made = {"name": equals(StageRow.name), "stage_uuid": equals(StageRow.id)}
    fields = TYPES[type_]
    for name, option in fields.options.items():
        if not isinstance(option.default, list):
            made[name] = _by_option(name, option.default)
    for name, parameter in without_effect.items():
        made[name] = _by_nothing(fields.without_effect[name], parameter)
    return made


def _by_option(name: str, default: Any) -> Filter:
    column = StageRow.config[name]
    if isinstance(default, bool):
        return equals(func.coalesce(column.as_boolean(), default), bool)
    if isinstance(default, int):
        return equals(func.coalesce(column.as_integer(), default), Integer)
    return equals(column.as_string() if default is None else func.coalesce(column.as_string(), default))


def _by_nothing(nothing: Sequence[Any], parameter: Any) -> Filter:
    return Filter(parameter, lambda value: true() if value in nothing else false())


class IdentificationStages(StageKind):
    """Kind of stages that ask for a name."""

    type = "identification"
    words = WORDS["identification"]
    fields = IdentificationStageRequest
    shown = IdentificationStage
    filters = _filters(
        "identification",
        captcha_stage=str,
        enrollment_flow=str,
        passwordless_flow=str,
        recovery_flow=str,
        webauthn_stage=str,
        show_source_labels=bool,
    )


class PasswordStages(StageKind):
    """Kind of stages that ask for a password."""

    type = "password"
    words = WORDS["password"]
    fields = PasswordStageRequest
    shown = PasswordStage
    filters = _filters("password", configure_flow=str)


class UserLoginStages(StageKind):
    """Kind of stages that begin a login."""

    type = "user_login"
    words = WORDS["user_login"]
    fields = UserLoginStageRequest
    shown = UserLoginStage
    filters = _filters("user_login", network_binding=NetworkBinding, geoip_binding=GeoipBinding)


class UserLogoutStages(StageKind):
    """Kind of stages that end the login."""

    type = "user_logout"
    words = WORDS["user_logout"]
    fields = UserLogoutStageRequest
    shown = UserLogoutStage
    filters = _filters("user_logout")


class DenyStages(StageKind):
    """Kind of stages that deny."""

    type = "deny"
    words = WORDS["deny"]
    fields = DenyStageRequest
    shown = DenyStage
    filters = _filters("deny")
