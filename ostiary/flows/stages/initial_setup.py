"""Makes the first administrator, for whoever holds the set-up code."""

from ostiary.directory.bootstrap import USERNAME
from ostiary.directory.setup import Setup
from ostiary.events.record import Actor
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Deny, Effects, Next, Pending, Question, Run, Visitor
from ostiary.kit.errors import Conflict, InvalidInput
from ostiary.kit.urls import parse_origin


class InitialSetup:
    """Stage type ``initial_setup``."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks while nobody has completed it; afterwards this flow is closed for good."""
        if run.pending is not None:
            return None
        if not await self._setup.is_open():
            raise Conflict("setup.completed", "This installation is set up already; sign in instead.")
        return Question(
            "flows/initial_setup.html",
            {
                "has_code": bool(visitor.setup_code),
                "address": visitor.address,
                "address_settled": visitor.address_settled,
                "username": USERNAME,
            },
            "ak-stage-prompt",
            {"fields": _prompts(visitor)},
        )

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again | Deny:
        """Checks every field, then does it all in one transaction."""
        code = fields.get("code", "").strip() or visitor.setup_code
        password, repeated = fields.get("password", ""), fields.get("password_repeat", "")
        base_url = visitor.address if visitor.address_settled else fields.get("base_url", "").strip()
        errors = {}
        if not code:
            errors["code"] = "Enter the set-up code."
        if not password:
            errors["password"] = "Choose a password."  # noqa: S105 - a sentence
        elif password != repeated:
            errors["password_repeat"] = "The two passwords differ. Type the same one twice."  # noqa: S105 - a sentence
        if errors:
            return Again(errors)
        by = Actor(None, None, visitor.client_ip)
        email = fields.get("email", "").strip()
        try:
            user = await self._setup.complete(code=code, email=email, password=password, base_url=base_url, by=by)
        except InvalidInput as error:
            return Again({error.field or "": error.beside_field()})
        # Until now any address would do; from now on there is one.
        moved = None if visitor.address_settled else str(parse_origin(base_url))
        return Next(Pending.proven(user, "setup", user.username), Effects(base_url=moved))


def _prompts(visitor: Visitor) -> list[dict[str, object]]:
    """The fields of the form, as authentik describes prompts."""
    fields = [
        ("code", "Set-up code", "text", not visitor.setup_code, ""),
        ("base_url", "Address", "text", not visitor.address_settled, visitor.address),
        ("email", "E-mail", "email", True, ""),
        ("password", "Password", "password", True, ""),
        ("password_repeat", "Password again", "password", True, ""),
    ]
    return [
        {
            "field_key": key,
            "label": label,
            "type": kind,
            "required": required,
            "placeholder": "",
            "initial_value": value,
            "order": order,
            "sub_text": "",
        }
        for order, (key, label, kind, required, value) in enumerate(fields)
    ]
