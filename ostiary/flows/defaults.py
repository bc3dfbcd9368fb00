"""The flows of a new installation, in authentik's names and order."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.stages.types import TYPES
from ostiary.flows.start import AUTHENTICATION, INVALIDATION, SETUP
from ostiary.storage.models import Installation
from ostiary.storage.session import Writing


@dataclass(frozen=True)
class DefaultStage:
    """A stage and its place."""

    order: int
    name: str
    type: str
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DefaultFlow:
    """A flow and its stages."""

    slug: str
    name: str
    title: str
    designation: str
    authentication: str
    stages: tuple[DefaultStage, ...]


_PASSWORD = "default-authentication-password"  # noqa: S105 - a stage's name
_LOGIN = DefaultStage(100, "default-authentication-login", "user_login")

DEFAULTS = (
    DefaultFlow(
        AUTHENTICATION,
        "Welcome",
        "Sign in",
        "authentication",
        "none",
        (
            DefaultStage(
                10,
                "default-authentication-identification",
                "identification",
                {"password_stage": _PASSWORD},
            ),
            DefaultStage(20, _PASSWORD, "password"),
            _LOGIN,
        ),
    ),
    DefaultFlow(
        INVALIDATION,
        "Sign out",
        "Sign out",
        "invalidation",
        "none",
        (DefaultStage(0, "default-invalidation-logout", "user_logout"),),
    ),
    DefaultFlow(
        "default-provider-authorization-implicit-consent",
        "Authorize application",
        "Going on to the application",
        "authorization",
        "require_authenticated",
        (),
    ),
    DefaultFlow(
        "default-provider-invalidation-flow",
        "Sign out of an application",
        "You have left the application",
        "invalidation",
        "none",
        (),
    ),
    DefaultFlow(
        SETUP,
        "Initial setup",
        "Welcome",
        "stage_configuration",
        "none",
        (DefaultStage(10, "initial-setup", "initial_setup"), _LOGIN),
    ),
)


async def ensure(w: Writing) -> None:
    """Adds the default flows that are missing. One that exists is left as it is: an administrator may have changed
    it.
    """
    # Servers that start together queue here.
    await w.execute(select(Installation.id).with_for_update())
    for default in DEFAULTS:
        if await w.scalar(select(Flow.id).where(Flow.slug == default.slug)) is not None:
            continue
        flow = Flow(
            slug=default.slug,
            name=default.name,
            title=default.title,
            designation=default.designation,
            authentication=default.authentication,
        )
        w.add(flow)
        await w.flush()
        # The last first, so that those that others refer to are there already.
        for wanted in reversed(default.stages):
            stage = await w.scalar(select(Stage).where(Stage.name == wanted.name))
            if stage is None:
                stage = Stage(name=wanted.name, type=wanted.type, config=await _config(w, wanted))
                w.add(stage)
                await w.flush()
            w.add(StageBinding(flow_id=flow.id, stage_id=stage.id, order=wanted.order))
        await w.flush()


async def _config(w: Writing, wanted: DefaultStage) -> dict[str, Any]:
    """What its type stores: a name of another stage becomes that stage's id."""
    if wanted.type not in TYPES:
        return dict(wanted.config)
    named = TYPES[wanted.type].references.keys() & wanted.config.keys()
    ids = {option: await w.scalar(select(Stage.id).where(Stage.name == wanted.config[option])) for option in named}
    return TYPES[wanted.type].made({**wanted.config, **ids})
