"""What administrators can set for the whole installation: each setting's type, default and effect, in one table."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput
from ostiary.system.avatars import check_modes

FLAGS: Final[Mapping[str, bool]] = {
    "core_default_app_access": True,
    "enterprise_audit_include_expanded_diff": False,
    "flows_continuous_login": False,
    "flows_refresh_others": False,
}
"""authentik's flags, with what they are here by default."""

_WITH_EFFECT: Final = "core_default_app_access"
_SHORTEST_KEY, _LONGEST_KEY = 43, 255
_MOST_LINKS = 20
_LARGEST_PAGE = 1_000
_LOWEST, _HIGHEST = -2_147_483_648, 2_147_483_647
_HREF: Final = re.compile(r"(https?://|mailto:)[^\s\"'<>\\]{1,500}|/[^\s\"'<>\\/][^\s\"'<>\\]{0,500}")


@dataclass(frozen=True)
class SystemSettings:
    """The settings in force. ``event_retention`` is None where the configuration decides."""

    avatars: str = "initials"
    default_user_change_name: bool = True
    default_user_change_email: bool = False
    default_user_change_username: bool = False
    event_retention: str | None = None
    reputation_lower_limit: int = -5
    reputation_upper_limit: int = 5
    footer_links: list[dict[str, Any]] = field(default_factory=list)
    gdpr_compliance: bool = False
    impersonation: bool = True
    impersonation_require_reason: bool = True
    default_token_duration: str = "minutes=30"  # noqa: S105 - a length of time
    default_token_length: int = 60
    pagination_default_page_size: int = 20
    pagination_max_page_size: int = 100
    flags: dict[str, bool] = field(default_factory=lambda: dict(FLAGS))

    @property
    def default_app_access(self) -> bool:
        """Whether an application that the API makes without a word about access is everyone's."""
        return self.flags.get(_WITH_EFFECT, FLAGS[_WITH_EFFECT])

    @property
    def token_seconds(self) -> int:
        """How long a token lasts whose maker names no end."""
        return parse_duration(self.default_token_duration)


EFFECTS: Final[Mapping[str, str]] = {
    "avatars": "A person's picture in answers of the API: `initials` draws them, `attributes.<path>` takes the address "
    "that stands there in the person's attributes, `none` has none; of several, parted by commas, the first that gives "
    "one. `gravatar` is refused: it tells another company who your people are.",
    "base_url": "The address under which people reach Ostiary. Where the setting `web.base_url` is configured, that "
    "one counts and no other is taken here.",
    "default_user_change_name": "Whether people may change their own display name; the attribute "
    "`goauthentik.io/user/can-change-name` of a person overrides it.",
    "default_user_change_email": "The same for the e-mail address (`goauthentik.io/user/can-change-email`).",
    "default_user_change_username": "The same for the username (`goauthentik.io/user/can-change-username`).",
    "event_retention": "How long audit events are kept; it overrides the setting `events.retention`.",
    "reputation_lower_limit": "Failed sign-ins lower a reputation to this and no further.",
    "reputation_upper_limit": "Successful sign-ins raise a reputation to this and no further.",
    "footer_links": "Links below every page: a list of `{name, href}`, with `https`, `http` or `mailto` addresses or "
    "paths of ours; without `href` it is text.",
    "gdpr_compliance": "Whether the events that a person caused are deleted with the person. Off unless you set it: "
    "whoever may delete people could else delete their traces.",
    "impersonation": "Whether administrators may act as another person.",
    "impersonation_require_reason": "Whether they have to say why.",
    "default_token_duration": "How long a token lasts that the API makes without naming an end.",
    "default_token_length": "How many characters a token's key has; not fewer than 43, which are 256 bits.",
    "pagination_default_page_size": "How many objects a page of the API holds where the client does not say.",
    "pagination_max_page_size": "The most that a client can ask for; 1,000 at most.",
    "flags": "`core_default_app_access`: whether an application without a word about access is everyone's, as "
    "authentik has it, or closed until something is bound. The other flags of authentik have no effect and stay false.",
}


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """These settings in the form in which they are stored. Raises `system.*` and `duration.invalid`."""
    return {name: _CHECKS[name](name, value) for name, value in values.items() if name in _CHECKS}


def made(given: Mapping[str, Any]) -> SystemSettings:
    """The settings in force for what is stored; what a newer release stored besides is passed over."""
    return SystemSettings(**{name: value for name, value in given.items() if name in _CHECKS})


def agreed(settings: SystemSettings) -> SystemSettings:
    """The same settings. Raises `system.*` if one contradicts another."""
    if settings.pagination_default_page_size > settings.pagination_max_page_size:
        raise invalid("pagination_default_page_size", "it is larger than pagination_max_page_size.")
    return settings


def as_given(settings: SystemSettings) -> dict[str, Any]:
    """By name."""
    return asdict(settings)


def invalid(name: str, sentence: str) -> InvalidInput:
    """A refused value of a setting."""
    return InvalidInput("system.setting_invalid", f"{name}: {sentence}", field=name)


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise invalid(name, "write true or false.")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(name, "write a text.")
    return value.strip()


def _number(low: int, high: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise invalid(name, f"write a whole number from {low:,} to {high:,}.")
        return value

    return check


def _duration(low: str, high: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        text = _text(name, value)
        if not parse_duration(low) <= parse_duration(text, field=name) <= parse_duration(high):
            raise invalid(name, f"it lies between {low} and {high}.")
        return text

    return check


def _footer_links(name: str, value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST_LINKS or not all(isinstance(one, dict) for one in value):
        raise invalid(name, f'write a list of at most {_MOST_LINKS} links: [{{"name": "Help", "href": "https://…"}}].')
    links = []
    for one in value:
        unknown = sorted(set(one) - {"name", "href"})
        if unknown:
            raise invalid(name, "a link has a name and a href and nothing else.")
        label, href = one.get("name"), one.get("href")
        if not isinstance(label, str) or not 1 <= len(label.strip()) <= 100 or not label.strip().isprintable():
            raise invalid(name, "a link's name is one line of 1 to 100 visible characters.")
        if href is not None and (not isinstance(href, str) or not _HREF.fullmatch(href)):
            raise invalid(name, "a link's href begins with https://, http://, mailto: or /.")
        links.append({"name": label.strip(), "href": href})
    return links


def _flags(name: str, value: Any) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise invalid(name, f"write an object of {', '.join(FLAGS)}.")
    unknown = sorted(str(one) for one in set(value) - set(FLAGS))
    if unknown:
        raise invalid(name, f"there is no flag {unknown[0][:50]!r}; the flags are {', '.join(FLAGS)}.")
    flags = {**FLAGS, **{flag: _boolean(name, one) for flag, one in value.items()}}
    for flag, one in flags.items():
        if one and flag != _WITH_EFFECT:
            raise InvalidInput(
                "system.not_supported_yet", f"{name}: {flag} has no effect yet; leave it false.", field=name
            )
    return flags


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "avatars": lambda name, value: check_modes(name, _text(name, value)),
    "default_user_change_name": _boolean,
    "default_user_change_email": _boolean,
    "default_user_change_username": _boolean,
    "event_retention": _duration("days=1", "days=3650"),
    "reputation_lower_limit": _number(_LOWEST, 0),
    "reputation_upper_limit": _number(0, _HIGHEST),
    "footer_links": _footer_links,
    "gdpr_compliance": _boolean,
    "impersonation": _boolean,
    "impersonation_require_reason": _boolean,
    "default_token_duration": _duration("minutes=1", "days=3650"),
    "default_token_length": _number(_SHORTEST_KEY, _LONGEST_KEY),
    "pagination_default_page_size": _number(1, _LARGEST_PAGE),
    "pagination_max_page_size": _number(1, _LARGEST_PAGE),
    "flags": _flags,
}


def page() -> str:
    """docs/system-settings.md."""
    defaults = {**as_given(SystemSettings()), "event_retention": "`events.retention`", "flags": "as said"}

    def shown(name: str) -> str:
        value = defaults.get(name, "")
        return value if name in ("event_retention", "flags") else f"`{json.dumps(value)}`" if value != "" else ""

    rows = "\n".join(f"| `{name}` | {shown(name)} | {effect} |" for name, effect in EFFECTS.items())
    return f"""# System settings

What an administrator sets while Ostiary runs, for the whole installation: `/api/v3/admin/settings/`, in authentik's
names. Each has an effect; a value that would have none is refused. What belongs to a server rather than to the
installation is in the [configuration](settings.md).

| setting | default | |
|---|---|---|
{rows}
"""
