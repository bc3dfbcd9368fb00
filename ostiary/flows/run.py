"""A flow under way: what it knows, what a stage may ask, and what a stage may answer.

A run is never a login. It names who claims to be signing in and what they have proved so far, and no page, check or
protocol accepts it for anything but its own next stage.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from ostiary.directory.models import User
from ostiary.directory.naming import ANY_NAME, Naming
from ostiary.flows.intent import Intent
from ostiary.flows.plan import Plan, PlannedStage
from ostiary.sessions.lifecycle import LiveSession


@dataclass(frozen=True)
class Pending:
    """Who is signing in. ``user_id`` is None for a name that nobody has: such a run goes on, and never arrives.

    ``proved`` lists what the person has shown so far; ``epoch`` is their password's age in microseconds when they did.
    ``naming`` says by what the typed name may name somebody, ``known_as`` what a page calls them.
    """

    typed: str
    user_id: int | None = None
    proved: tuple[str, ...] = ()
    epoch: int = 0
    naming: Naming = ANY_NAME
    known_as: str = ""

    @property
    def shown(self) -> str:
        """What a page calls the person: what they typed, unless it may say more."""
        return self.known_as or self.typed

    @classmethod
    def proven(cls, user: User, proof: str, typed: str) -> "Pending":
        """A person who has just shown ``proof``, such as ``password``."""
        return cls(typed, user.id, (proof,), epoch(user), known_as=user.username)


@dataclass(frozen=True)
class Run:
    """``position`` is the stage whose turn it is; ``id`` the stored row's, None before the first successful post.

    ``left_out`` are the stages (by position) that policies left out when it began, ``failures`` the wrong answers so
    far.
    """

    plan: Plan
    intent: Intent
    began: datetime
    position: int = 0
    pending: Pending | None = None
    id: str | None = None
    left_out: tuple[int, ...] = ()
    failures: int = 0

    @property
    def stage(self) -> PlannedStage | None:
        """The stage whose turn it is; None at the end."""
        return self.plan.stages[self.position] if self.position < len(self.plan.stages) else None


@dataclass(frozen=True)
class Visitor:
    """What a stage may know of the browser that runs the flow; nothing of HTTP.

    ``shared_peer`` says that many visitors may hide behind ``client_ip``; ``own_ip`` is the visitor's own address,
    empty where it is not known. ``device`` is the known-device cookie, ``setup_code`` the set-up code's. ``address`` is
    where the visitor seems to reach us, or our own address once that
    is ``address_settled``. ``own_wish`` says that the person themself asked for this flow, not a page elsewhere.
    """

    client_ip: str | None = None
    user_agent: str = ""
    shared_peer: bool = False
    session: LiveSession | None = None
    device: str = ""
    setup_code: str = ""
    address: str = ""
    address_settled: bool = False
    own_wish: bool = False
    own_ip: str = ""


@dataclass(frozen=True)
class Question:
    """What to show. People get the template of a stage type and its values; programs get a challenge, in authentik's
    words: its ``component`` and the fields that this stage fills.
    """

    template: str
    values: dict[str, Any] = field(default_factory=dict)
    component: str = ""
    challenge: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Again:
    """The answer was not good enough: one sentence for each field, or ``""`` for the whole form.

    ``status`` is HTTP's word for it, for those who speak HTTP. A run ends at the ``most``-th wrong answer.
    """

    errors: dict[str, str]
    status: int = 400
    most: int | None = None


@dataclass(frozen=True)
class Deny:
    """The flow ends here, and the visitor is told so."""

    message: str


@dataclass(frozen=True)
class Effects:
    """What the browser has to be told: cookie values to set, and a destination that overrules the intent's.

    ``login`` is a new login's cookie value; ``signed_out`` says that the login has ended. ``login_seconds`` is how long
    the browser keeps the cookie, None for as long as it runs; ``device_seconds`` likewise.
    """

    login: str | None = None
    login_seconds: int | None = None
    device: str | None = None
    device_seconds: int | None = None
    signed_out: bool = False
    base_url: str | None = None

    def joined(self, later: "Effects") -> "Effects":
        """Both, the later one winning."""
        login, device = later if later.login else self, later if later.device else self
        return Effects(
            login=login.login,
            login_seconds=login.login_seconds,
            device=device.device,
            device_seconds=device.device_seconds,
            signed_out=later.signed_out or self.signed_out,
            base_url=later.base_url or self.base_url,
        )


@dataclass(frozen=True)
class Next:
    """The stage is content. ``pending`` is what the run now knows of the person."""

    pending: Pending | None
    effects: Effects = Effects()


class Stage(Protocol):
    """A stage type. Stages do not know each other, nor the order in which a flow runs them."""

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """What to show, or None if there is nothing to ask: then ``act`` runs at once, with no fields."""

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again | Deny:
        """Judges the answer. Without fields it may only do what needs no answer."""


def epoch(user: User) -> int:
    """The moment of a person's password, as a number: what was proved with another password is proved no longer."""
    return 0 if user.password_changed is None else int(user.password_changed.timestamp() * 1_000_000)


def advanced(run: Run, pending: Pending | None) -> Run:
    """The run at its next stage, not yet stored."""
    return replace(run, position=run.position + 1, pending=pending, id=None)
