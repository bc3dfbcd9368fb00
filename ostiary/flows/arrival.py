"""Who has come to run a flow, and whether they may; the same for people's pages and for programs."""

from dataclasses import dataclass
from urllib.parse import urlencode

from ostiary.flows.executor import Denied, Executor
from ostiary.flows.intent import HOME, Intent, Intents
from ostiary.flows.plan import Admission, Plan, admission
from ostiary.flows.run import Visitor
from ostiary.sessions.cookie import DEVICE, SETUP, single
from ostiary.web.address import Address
from ostiary.web.visits import Visit

_NOT_ALLOWED = "Only administrators may go on here."
_SIGNED_IN = "You are signed in already."


@dataclass(frozen=True)
class Away:
    """The flow is not for this visitor: they go to a path of ours, or are told why not."""

    to: str = ""
    message: str = ""


class Arrivals:
    """Reads visitors."""

    def __init__(self, *, executor: Executor, intents: Intents, address: Address) -> None:
        self._executor = executor
        self._intents = intents
        self._address = address

    async def visitor(self, visit: Visit, *, own_wish: bool) -> Visitor:
        """What stages may know of a visit."""
        base_url = await self._address.base_url()
        return Visitor(
            client_ip=visit.client.ip or None,
            own_ip=visit.client.visitor,
            user_agent=visit.request.headers.get("user-agent", ""),
            shared_peer=visit.client.undeclared is not None,
            session=visit.session,
            device=single(visit.cookies, DEVICE.name(visit.secure)),
            setup_code=single(visit.cookies, SETUP.name(visit.secure)),
            address=base_url or f"{visit.client.scheme}://{visit.client.host}",
            address_settled=base_url is not None,
            own_wish=own_wish,
        )

    async def away(self, visit: Visit, plan: Plan, intent: Intent, *, here: str, began: bool) -> Away | None:
        """Where a visitor goes who does not meet what the flow asks for, or has what it gives; None for one who may
        run it. ``here`` is the page that they come back to after a sign-in; ``began`` says that they are answering.
        """
        session = visit.session
        superuser = False
        if session is not None and plan.authentication == "require_superuser":
            superuser = await self._executor.is_superuser(session.user_id)
        match admission(plan.authentication, signed_in=session is not None, superuser=superuser):
            case Admission.SIGN_IN_FIRST:
                there = urlencode({"intent": self._intents.seal(Intent(resume=here))})
                return Away(f"/if/flow/{visit.look.authentication}/?{there}")
            case Admission.SIGNED_IN_ALREADY:
                return Away(message=_SIGNED_IN) if plan.denied_action == "message" else Away(intent.resume)
            case Admission.NOT_ALLOWED:
                return after_denial(Denied(plan, intent, _NOT_ALLOWED, at_once=True), visit)
        if not began and plan.designation == "authentication" and session is not None:
            return None if intent.prompt == "login" else Away(intent.resume)
        return None


def after_denial(denied: Denied, visit: Visit) -> Away:
    """Where a flow's ``denied_action`` sends a visitor whom it did not let in.

    A stranger at a sign-in flow is always told: where they were going would send them back here, for ever.
    """
    action, resume = denied.plan.denied_action, denied.intent.resume
    would_circle = denied.plan.designation == "authentication" and visit.session is None
    goes_on = action == "continue" or (action == "message_continue" and resume != HOME)
    if denied.at_once and goes_on and not would_circle:
        return Away(resume)
    return Away(message=denied.message)
