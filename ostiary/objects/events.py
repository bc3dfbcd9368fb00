"""Events: seen, and added by programs; never changed and never deleted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, false, or_, select

from ostiary.applications.models import Application
from ostiary.events.catalog import Action, recorded_as
from ostiary.events.custom import CustomEvents
from ostiary.events.models import Event as Row
from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput, Refused
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, Words, equals
from ostiary.storage.session import Reading

# What our events call an object, by authentik's label; of any other, the room is the app.
_LABELS: Final[Mapping[str, str]] = {
    "application": "authentik_core.application",
    "certificate": "authentik_crypto.certificatekeypair",
    "brand": "authentik_brands.brand",
    "flow": "authentik_flows.flow",
    "group": "authentik_core.group",
    "outpost": "authentik_outposts.outpost",
    "policy": "authentik_policies_expression.expressionpolicy",
    "policy_binding": "authentik_policies.policybinding",
    "reputation": "authentik_policies_reputation.reputation",
    "property_mapping": "authentik_providers_oauth2.scopemapping",
    "proxy_provider": "authentik_providers_proxy.proxyprovider",
    "role": "authentik_rbac.role",
    "service_connection": "authentik_outposts.outpostserviceconnection",
    "token": "authentik_core.token",
    "user": "authentik_core.user",
}
_NAMES: Final = ("name", "username", "slug", "identifier", "application")


class EventRequest(Fields):
    """What a program may tell. ``user``, ``client_ip``, ``expires`` and ``brand`` are not for it to say."""

    user: dict[str, Any] = Field(default_factory=dict)
    action: str
    app: str
    context: dict[str, Any] = Field(default_factory=dict)
    client_ip: str | None = None
    expires: datetime | None = None
    brand: dict[str, Any] = Field(default_factory=dict)


class Event(Shown):
    """What a client receives."""

    pk: str
    user: dict[str, Any]
    action: str
    app: str
    context: dict[str, Any]
    client_ip: str | None
    created: datetime
    expires: datetime | None
    brand: dict[str, Any]


def _text(name: str) -> ColumnElement[str]:
    return cast(Row.context[name].as_string(), String)


def _recorded(names: list[str]) -> ColumnElement[bool]:
    """By authentik's names, or by ours."""
    return Row.action.in_({own for name in names for own in [name, *recorded_as(name)]})


def _of_model(part: int, value: str) -> ColumnElement[bool]:
    wanted = value.lower()
    own = [name for name, label in _LABELS.items() if label.split(".")[part] == wanted]
    return or_(_text("model").in_(own), _text("model") == wanted) if part else _text("model").in_(own)


def _opened(value: str) -> ColumnElement[bool]:
    slug = select(Application.slug).where(Application.id == value.lower())
    return _text("application").in_([value]) | _text("application").in_(slug)


class EventKind(Kind):
    """Kind of events."""

    words = Words("authentik_events.event", "Event", "Events")
    table = Row
    pk = Row.uuid
    key = Row.uuid
    fields = EventRequest
    shown = Event
    search = (Row.action, Row.room, Row.client_ip, cast(Row.user, String), cast(Row.context, String))
    ordering: ClassVar = {
        "created": Row.id,
        "action": Row.action,
        "app": Row.room,
        "client_ip": Row.client_ip,
        "user": cast(Row.user["username"].as_string(), String),
    }
    default_order = "-created"
    filters: ClassVar[Mapping[str, Filter]] = {
        "action": Filter(str, lambda value: _recorded([value])),
        "actions": Filter(list[str], _recorded),
        "username": Filter(str, lambda value: cast(Row.user["username"].as_string(), String) == value),
        "client_ip": equals(Row.client_ip),
        "brand_name": Filter(str, lambda _: false()),
        "context_authorized_app": Filter(str, _opened),
        "context_device": Filter(str, lambda _: false()),
        "context_model_app": Filter(str, lambda value: _of_model(0, value)),
        "context_model_name": Filter(str, lambda value: _of_model(1, value)),
        "context_model_pk": Filter(str, lambda value: _text("pk") == value),
    }

    def __init__(self, custom: CustomEvents) -> None:
        self._custom = custom

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                "pk": row.uuid,
                "user": row.user,
                "action": name_of(row.action),
                "app": row.room,
                "context": _context(row),
                "client_ip": row.client_ip,
                "created": row.created,
                "expires": None,
                "brand": {},
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        if values["action"] != Action.CUSTOM:
            raise InvalidInput(
                "event.action_reserved",
                f"action: only {Action.CUSTOM} can be told; the others tell what Ostiary did itself.",
                field="action",
            )
        for name in ("user", "client_ip", "expires", "brand"):
            if values.get(name):
                raise InvalidInput(
                    "event.field_reserved", f"{name}: Ostiary says this itself; leave it out.", field=name
                )
        return await self._custom.tell(values["app"], values.get("context", {}), by=by)

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        raise _immutable()

    async def delete(self, row: Any, by: Actor) -> None:
        raise _immutable()


def name_of(action: str) -> str:
    """authentik's name; of an action that only a newer release knows, ``custom_``."""
    try:
        return Action(action).in_the_api
    except ValueError:
        return str(Action.CUSTOM)


def _context(row: Row) -> dict[str, Any]:
    """As authentik's readers expect it: the object under ``model``, an opened application under
    ``authorized_application``. What stands there besides is ours.
    """
    context = dict(row.context)
    if name_of(row.action) != row.action:
        context["action"] = row.action
    model = context.get("model")
    name = next((str(context[one]) for one in _NAMES if context.get(one)), "")
    if isinstance(model, str) and row.action != Action.CUSTOM:
        app, _, word = _LABELS.get(model, f"ostiary_{row.room}.{model}").partition(".")
        context["model"] = {"app": app, "model_name": word, "pk": str(context.get("pk", name)), "name": name}
    if row.action == Action.AUTHORIZE_APPLICATION and context.get("application"):
        context["authorized_application"] = application(str(context["application"]))
    return context


def application(slug: str) -> dict[str, str]:
    """An application as events show it. It may be gone, so nothing is looked up."""
    return {"app": "authentik_core", "model_name": "application", "pk": slug, "name": slug}


def _immutable() -> Refused:
    return Refused("event.immutable", "An event cannot be changed or deleted; old ones end with the retention.")
