"""The types of policies: which fields each has, and how a stored one becomes something that can be asked."""

import json
from collections.abc import Mapping
from typing import Any, Final

from ostiary.kit.errors import InvalidInput
from ostiary.kit.expressions import Compiler
from ostiary.policies import event_matcher, password, reputation
from ostiary.policies.engine import VOCABULARY, Asked
from ostiary.policies.event_matcher import EventMatcher
from ostiary.policies.fields import Fields
from ostiary.policies.managed import translated
from ostiary.policies.password import PasswordPolicy
from ostiary.policies.reputation import ReputationPolicy

EXPRESSION: Final = "expression"
REPUTATION: Final = "reputation"
EVENT_MATCHER: Final = "event_matcher"

CONFIGURED: Final[Mapping[str, Fields]] = {
    "password": password.FIELDS,
    REPUTATION: reputation.FIELDS,
    EVENT_MATCHER: event_matcher.FIELDS,
}
"""The types that have a configuration instead of an expression."""

TYPES: Final = (EXPRESSION, *CONFIGURED)

WRITTEN: Final = "written"
"""The entry of an expression policy's configuration that holds what was given in place of its CEL."""


# Of what nobody calls `keep` for, such as the policies of pages.
_MOST = 10_000


class PolicyCompiler:
    """Makes stored policies ready; two that read alike are the same object, as long as ``keep`` names them."""

    def __init__(self) -> None:
        self._expressions = Compiler(VOCABULARY)
        self._queries: Compiler | None = None
        self._made: dict[tuple[str, str, str], Asked | None] = {}

    def expression(self, text: str) -> tuple[str, dict[str, Any]]:
        """What is stored of a given expression: its CEL, and the configuration. Raises `expression.*`."""
        cel = translated(text)
        if cel is not None:
            return cel, {WRITTEN: text}
        return self._expressions.compile(text).text, {}

    def ready(self, type_: str | None, expression: str | None, config: Any) -> Asked | None:
        """A stored policy; None for one that cannot be read, whose rule errs and so denies."""
        key = self.key(type_, expression, config)
        if key not in self._made:
            if len(self._made) >= _MOST:
                self._made.clear()
            try:
                self._made[key] = self._make(*key)
            except (AttributeError, InvalidInput, KeyError, TypeError, ValueError):
                # Stored by another release or by hand.
                self._made[key] = None
        return self._made[key]

    @staticmethod
    def key(type_: str | None, expression: str | None, config: Any) -> tuple[str, str, str]:
        """Of what a policy is told from others."""
        text = config if isinstance(config, str) else json.dumps(config or {}, sort_keys=True)
        return type_ or "", expression or "", text

    def keep(self, keys: set[tuple[str, str, str]]) -> None:
        """Forgets all others."""
        self._made = {key: made for key, made in self._made.items() if key in keys}

    def _make(self, type_: str, expression: str, config: str) -> Asked | None:
        if type_ == EXPRESSION:
            return self._expressions.compile(expression)
        read = json.loads(config)
        if type_ == "password":
            return PasswordPolicy()
        if type_ == REPUTATION:
            return ReputationPolicy.read(CONFIGURED[type_].checked(read))
        if type_ == EVENT_MATCHER:
            if self._queries is None:
                self._queries = Compiler(event_matcher.VOCABULARY)
            return EventMatcher.read(read, self._queries)
        return None
