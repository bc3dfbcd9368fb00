"""What a proxy provider's fields may hold, read from the names that authentik's clients use.

Whatever has no effect is refused, never stored: somebody would rely on it.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput
from ostiary.kit.urls import Origin, below_domain, fold_domain, is_public_suffix, parse_origin

MODES: Final = ("forward_single", "forward_domain")
HANDOFFS: Final = ("callback", "in_place")
AUTHORIZATION_FLOW: Final = "default-provider-authorization-implicit-consent"
INVALIDATION_FLOW: Final = "default-provider-invalidation-flow"

_SLUG: Final = re.compile(r"[-a-zA-Z0-9_]{1,50}")
_SHORTEST, _LONGEST = 60, 365 * 86_400
_NUMBERS_ONLY: Final = re.compile(r"\d+(\.\d+)*")

# Field → the values that ask for nothing. Anything else would promise what does not exist yet.
_WITHOUT_EFFECT: Final[Mapping[str, tuple[Any, ...]]] = {
    "internal_host": ("", None),
    "internal_host_ssl_validation": (True, None),
    "certificate": (None, ""),
    "property_mappings": ([], None),
    "skip_path_regex": ("", None),
    "basic_auth_enabled": (False, None),
    "basic_auth_user_attribute": ("", None),
    "basic_auth_password_attribute": ("", None),
    "intercept_header_auth": (True, None),
    "jwt_federation_sources": ([], None),
    "jwt_federation_providers": ([], None),
    "refresh_token_validity": ("days=30", None),
}
_KNOWN: Final = (
    "external_host",
    "mode",
    "handoff",
    "cookie_domain",
    "access_token_validity",
    "authentication_flow",
    "authorization_flow",
    "invalidation_flow",
)


@dataclass(frozen=True)
class ProxySettings:
    """Checked fields. ``session_seconds`` is the longest life of an application's session."""

    origin: Origin
    mode: str = "forward_single"
    handoff: str = "callback"
    cookie_domain: str = ""
    session_seconds: int = 86_400
    authentication_flow: str | None = None
    authorization_flow: str = AUTHORIZATION_FLOW
    invalidation_flow: str = INVALIDATION_FLOW


def proxy_settings(values: Mapping[str, Any], before: ProxySettings | None = None) -> ProxySettings:
    """The settings that these fields make, over those of ``before``. Raises `provider.*` and `duration.invalid`."""
    _refuse_what_does_nothing(values)
    if "external_host" in values:
        origin = external_origin(values["external_host"])
    elif before is not None:
        origin = before.origin
    else:
        raise _invalid("external_host", "it is needed; write an address such as https://hello.example.com.")
    base = before or ProxySettings(origin)
    given = {"mode": base.mode, "handoff": base.handoff, "cookie_domain": base.cookie_domain, **values}
    seconds = _seconds(values["access_token_validity"]) if "access_token_validity" in values else base.session_seconds
    made = ProxySettings(
        origin=origin,
        mode=_mode(given["mode"]),
        handoff=_one_of("handoff", given["handoff"], HANDOFFS),
        cookie_domain=_text("cookie_domain", given["cookie_domain"]),
        session_seconds=seconds,
        authentication_flow=_flow("authentication_flow", values, base),
        authorization_flow=_flow("authorization_flow", values, base) or AUTHORIZATION_FLOW,
        invalidation_flow=_flow("invalidation_flow", values, base) or INVALIDATION_FLOW,
    )
    return _with_domain(made)


def external_origin(text: Any) -> Origin:
    """The canonical address. Raises `provider.path_not_supported_yet`, `provider.external_host_invalid`."""
    address = _text("external_host", text)
    host, slash, path = address.partition("://")[2].partition("/")
    if host and slash and path.strip("/"):
        raise InvalidInput(
            "provider.path_not_supported_yet",
            "external_host: applications below a path are not supported yet; give the host alone, such as"
            " https://hello.example.com.",
            field="external_host",
        )
    try:
        return parse_origin(address, "external_host")
    except InvalidInput as error:
        raise _invalid("external_host", "write scheme and host, such as https://hello.example.com.") from error


def _with_domain(made: ProxySettings) -> ProxySettings:
    if made.mode == "forward_single":
        if made.cookie_domain:
            raise _invalid("cookie_domain", "it belongs to mode forward_domain; leave it empty or change the mode.")
        return made
    if not made.cookie_domain:
        raise _invalid("cookie_domain", "mode forward_domain needs it; write the domain that all its hosts share.")
    try:
        domain = fold_domain(made.cookie_domain, "cookie_domain")
    except InvalidInput as error:
        raise _invalid("cookie_domain", "write a domain without scheme and port, such as example.com.") from error
    if "[" in domain or _NUMBERS_ONLY.fullmatch(domain):
        raise _invalid("cookie_domain", "an address has no domain; browsers keep its cookies to itself.")
    if is_public_suffix(domain):
        raise InvalidInput(
            "provider.cookie_domain_public",
            f"cookie_domain: anyone may register names below {domain}, so no cookie may span it.",
            field="cookie_domain",
        )
    if not below_domain(made.origin.host, domain):
        raise InvalidInput(
            "provider.cookie_domain_elsewhere",
            f"cookie_domain: external_host {made.origin.host} is not below {domain}; its cookie would never be sent.",
            field="cookie_domain",
        )
    return ProxySettings(**{**vars(made), "cookie_domain": domain})


def _refuse_what_does_nothing(values: Mapping[str, Any]) -> None:
    for field, value in values.items():
        if field in _WITHOUT_EFFECT:
            if not any(value == nothing and type(value) is type(nothing) for nothing in _WITHOUT_EFFECT[field]):
                raise InvalidInput(
                    "provider.not_supported_yet",
                    f"{field}: it has no effect yet, so it is not stored; leave it out.",
                    field=field,
                )
        elif field not in _KNOWN:
            near = difflib.get_close_matches(field, [*_KNOWN, *_WITHOUT_EFFECT], n=1)
            advice = f"did you mean {near[0]}?" if near else f"it has {', '.join(_KNOWN)}."
            raise InvalidInput(
                "provider.field_unknown", f"{field}: a proxy provider has no such field; {advice}", field=field
            )


def _mode(value: Any) -> str:
    if value == "proxy":
        raise InvalidInput(
            "provider.not_supported_yet",
            "mode: passing requests on ourselves is not supported yet; use forward_single behind your ingress.",
            field="mode",
        )
    return _one_of("mode", value, MODES)


def _seconds(value: Any) -> int:
    seconds = (
        value
        if isinstance(value, int)
        else parse_duration(_text("access_token_validity", value), field="access_token_validity")
    )
    if not _SHORTEST <= seconds <= _LONGEST:
        raise _invalid("access_token_validity", "a session there lasts one minute to 365 days, such as hours=24.")
    return seconds


def _flow(field: str, values: Mapping[str, Any], base: ProxySettings) -> str | None:
    value = values.get(field, getattr(base, field))
    if value is None or value == "":
        return None
    text = _text(field, value)
    if not _SLUG.fullmatch(text):
        raise _invalid(field, f"give a flow's slug, such as {AUTHORIZATION_FLOW}.")
    return text


def _one_of(field: str, value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        raise _invalid(field, f"it is one of {', '.join(words)}.")
    return str(value)


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 2_000:
        raise _invalid(field, "a text of at most 2,000 characters is needed.")
    return value.strip()


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"provider.{field}_invalid", f"{field}: {fault}", field=field)
