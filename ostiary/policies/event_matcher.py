"""A policy that picks out events, in the words of the API's events: for notification rules, and to be tried with
``test``. Where nothing has happened, as when an application is opened, it fails, and what fails does not pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.kit.expressions import Compiler, Expression, Failed, Vocabulary
from ostiary.policies import fields
from ostiary.policies.event_words import ACTIONS, APPS, MODELS
from ostiary.policies.fields import Fields

VOCABULARY: Final = Vocabulary(
    {
        "event.action": "string",
        "event.app": "string",
        "event.client_ip": "string",
        "event.user": "map<string,dyn>",
        "event.context": "map<string,dyn>",
    },
    volatile=("event.",),
)
"""What a matcher's ``query`` may read: CEL, in place of authentik's query language."""


def _query(name: str, value: Any) -> str:
    text = fields.line(2_000)(name, value)
    Compiler(VOCABULARY).compile(text)
    return str(text)


FIELDS: Final = Fields(
    action=(
        None,
        fields.or_nothing(fields.one_of(ACTIONS, "it is one of the actions that GET /events/events/actions/ lists.")),
    ),
    client_ip=(None, fields.or_nothing(fields.address)),
    app=(None, fields.or_nothing(fields.one_of(APPS, f"events here are of one of {', '.join(sorted(APPS))}."))),
    model=(None, fields.or_nothing(fields.one_of(MODELS, f"events here are of one of {', '.join(sorted(MODELS))}."))),
    query=(None, fields.or_nothing(_query)),
)


@dataclass(frozen=True)
class EventMatcher:
    """The policy as something that can be asked. What is None matches every event."""

    action: str | None
    client_ip: str | None
    app: str | None
    model: str | None
    query: Expression | None
    volatile: bool = False
    reads: frozenset[str] = frozenset()

    @classmethod
    def read(cls, config: Mapping[str, Any], compiler: Compiler) -> "EventMatcher":
        """From a stored configuration. Raises `expression.*` for a query that no longer compiles."""
        read = FIELDS.complete(config)
        query = read.pop("query")
        return cls(**read, query=None if query is None else compiler.compile(query))

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Whether everything that is set matches. Raises `Failed` where there is no event."""
        event: Mapping[str, Any] | None = values.get("event")
        if event is None:
            raise Failed("it judges events, and nothing has happened here")
        context = _mapping(event.get("context"))
        changed = _mapping(context.get("model"))
        has = {
            "action": _text(event.get("action")),
            "client_ip": _text(event.get("client_ip")),
            "app": _text(event.get("app")),
            "model": f"{_text(changed.get('app'))}.{_text(changed.get('model_name'))}",
        }
        wanted = {"action": self.action, "client_ip": self.client_ip, "app": self.app, "model": self.model}
        if any(want is not None and has[name] != want for name, want in wanted.items()):
            return False
        if self.query is None:
            return True
        return self.query.evaluate(
            {
                "event.action": has["action"],
                "event.app": has["app"],
                "event.client_ip": has["client_ip"],
                "event.user": _mapping(event.get("user")),
                "event.context": context,
            }
        )


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
