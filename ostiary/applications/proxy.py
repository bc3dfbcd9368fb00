"""What a proxy provider's fields may hold, read from the names that authentik's clients use.

Whatever has no effect is refused, never stored: somebody would rely on it.
"""

import dataclasses
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ostiary.applications.header_fields import (
    STYLES,
    additional_headers,
    check_distinct,
    group_filter,
    header_names,
)
from ostiary.applications.machine_fields import attribute, jwt_issuers
from ostiary.applications.open_paths import check_reach, open_paths, plain_path, skip_path_regex
from ostiary.applications.values import boolean, invalid, one_of, text, texts
from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput
from ostiary.kit.given import refuse_effect
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
    "open_paths",
    "skip_path_regex",
    "cors_preflight",
    "header_style",
    "header_names",
    "group_filter",
    "additional_headers",
    "property_mappings",
    "signed_identity",
    "basic_auth_enabled",
    "basic_auth_user_attribute",
    "basic_auth_password_attribute",
    "header_authentication",
    "jwt_issuers",
)


@dataclass(frozen=True)
class ProxySettings:
    """Checked fields. ``session_seconds`` is the longest life of an application's session.

    ``session_validity`` is the text that said so, which is given back as it was written; empty if a number did.
    ``property_mappings`` are names; whether they exist, and which headers they make, is for whoever can look.
    """

    origin: Origin
    path: str = ""
    mode: str = "forward_single"
    handoff: str = "callback"
    cookie_domain: str = ""
    session_seconds: int = 86_400
    session_validity: str = ""
    authentication_flow: str | None = None
    authorization_flow: str = AUTHORIZATION_FLOW
    invalidation_flow: str = INVALIDATION_FLOW
    open_paths: tuple[str, ...] = ()
    skip_path_regex: str = ""
    cors_preflight: bool = False
    header_style: str = "authentik"
    header_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    group_filter: str = ""
    additional_headers: tuple[str, ...] = ()
    property_mappings: tuple[str, ...] = ()
    signed_identity: bool = True
    basic_auth_enabled: bool = False
    basic_auth_user_attribute: str = ""
    basic_auth_password_attribute: str = ""
    header_authentication: bool = False
    jwt_issuers: tuple[dict[str, Any], ...] = ()


def proxy_settings(values: Mapping[str, Any], before: ProxySettings | None = None) -> ProxySettings:
    """The settings that these fields make, over those of ``before``. Raises `provider.*` and `duration.invalid`."""
    _refuse_what_does_nothing(values)
    if "external_host" in values:
        origin, path = external_address(values["external_host"])
    elif before is not None:
        origin, path = before.origin, before.path
    else:
        raise invalid("external_host", "it is needed; write an address such as https://hello.example.com.")
    base = before or ProxySettings(origin)
    given = {"mode": base.mode, "handoff": base.handoff, "cookie_domain": base.cookie_domain, **values}
    seconds, validity = base.session_seconds, base.session_validity
    if "access_token_validity" in values:
        seconds, validity = _validity(values["access_token_validity"])
    made = ProxySettings(
        origin=origin,
        path=path,
        mode=_mode(given["mode"]),
        handoff=one_of("handoff", given["handoff"], HANDOFFS),
        cookie_domain=text("cookie_domain", given["cookie_domain"]),
        session_seconds=seconds,
        session_validity=validity,
        authentication_flow=_flow("authentication_flow", values, base),
        authorization_flow=_flow("authorization_flow", values, base) or AUTHORIZATION_FLOW,
        invalidation_flow=_flow("invalidation_flow", values, base) or INVALIDATION_FLOW,
    )
    return _with_credentials(
        _with_headers(_with_open_doors(_with_domain(made), values, base), values, base), values, base
    )


def external_address(value: Any) -> tuple[Origin, str]:
    """The canonical address and the path below it, "" for the whole host. Raises `provider.external_host_invalid`."""
    address = text("external_host", value)
    scheme, separator, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    try:
        origin = parse_origin(scheme + separator + host, "external_host")
    except InvalidInput as error:
        raise invalid("external_host", "write scheme and host, such as https://hello.example.com.") from error
    return origin, plain_path("external_host", slash + path) if path else ""


def _with_open_doors(made: ProxySettings, values: Mapping[str, Any], base: ProxySettings) -> ProxySettings:
    made = replace(
        made,
        open_paths=open_paths(values.get("open_paths", base.open_paths), made.path),
        skip_path_regex=skip_path_regex(values.get("skip_path_regex", base.skip_path_regex)),
        cors_preflight=_flag("cors_preflight", values, base),
    )
    check_reach(made.skip_path_regex, str(made.origin), is_domain=made.mode == "forward_domain")
    return made


def _with_headers(made: ProxySettings, values: Mapping[str, Any], base: ProxySettings) -> ProxySettings:
    style = one_of("header_style", values.get("header_style", base.header_style), STYLES)
    # Names of its own end with that style.
    kept = base.header_names if style == "own" else {}
    made = replace(
        made,
        header_style=style,
        header_names=header_names(values.get("header_names", kept), style),
        group_filter=group_filter(values.get("group_filter", base.group_filter)),
        additional_headers=additional_headers(values.get("additional_headers", base.additional_headers)),
        property_mappings=tuple(
            sorted(set(texts("property_mappings", values.get("property_mappings", base.property_mappings))))
        ),
        signed_identity=_flag("signed_identity", values, base),
    )
    check_distinct(style, made.header_names, made.additional_headers, ())
    return made


def _with_credentials(made: ProxySettings, values: Mapping[str, Any], base: ProxySettings) -> ProxySettings:
    injects = _flag("basic_auth_enabled", values, base)
    accepts = _flag("header_authentication", values, base)
    names = []
    for name in ("basic_auth_user_attribute", "basic_auth_password_attribute"):
        names.append(attribute(name, values.get(name, getattr(base, name) if injects else "")))
        if names[-1] and not injects:
            raise invalid(name, "it does nothing unless basic_auth_enabled is true.")
    if injects and not names[1]:
        raise invalid("basic_auth_password_attribute", "without it there is no password to give; name an attribute.")
    issuers = jwt_issuers(values.get("jwt_issuers", base.jwt_issuers if accepts else ()))
    if issuers and not accepts:
        raise invalid("jwt_issuers", "they do nothing unless header_authentication is true.")
    return replace(
        made,
        basic_auth_enabled=injects,
        basic_auth_user_attribute=names[0],
        basic_auth_password_attribute=names[1],
        header_authentication=accepts,
        jwt_issuers=issuers,
    )


def _flag(name: str, values: Mapping[str, Any], base: ProxySettings) -> bool:
    value = values.get(name)
    return boolean(name, getattr(base, name) if value is None else value)


def _with_domain(made: ProxySettings) -> ProxySettings:
    if made.path and made.mode == "forward_domain":
        raise invalid("external_host", "mode forward_domain is about whole hosts; give its address without a path.")
    if made.mode == "forward_single":
        if made.cookie_domain:
            raise invalid("cookie_domain", "it belongs to mode forward_domain; leave it empty or change the mode.")
        return made
    if not made.cookie_domain:
        raise invalid("cookie_domain", "mode forward_domain needs it; write the domain that all its hosts share.")
    try:
        domain = fold_domain(made.cookie_domain, "cookie_domain")
    except InvalidInput as error:
        raise invalid("cookie_domain", "write a domain without scheme and port, such as example.com.") from error
    if "[" in domain or _NUMBERS_ONLY.fullmatch(domain):
        raise invalid("cookie_domain", "an address has no domain; browsers keep its cookies to itself.")
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
    return replace(made, cookie_domain=domain)


def _refuse_what_does_nothing(values: Mapping[str, Any]) -> None:
    for field, value in values.items():
        if field in _WITHOUT_EFFECT:
            refuse_effect("provider", field, value, _WITHOUT_EFFECT[field])
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
    return one_of("mode", value, MODES)


def _validity(value: Any) -> tuple[int, str]:
    written = "" if isinstance(value, int) else text("access_token_validity", value)
    seconds = value if isinstance(value, int) else parse_duration(written, field="access_token_validity")
    if not _SHORTEST <= seconds <= _LONGEST:
        raise invalid("access_token_validity", "a session there lasts one minute to 365 days, such as hours=24.")
    return seconds, written


def _flow(field: str, values: Mapping[str, Any], base: ProxySettings) -> str | None:
    value = values.get(field, getattr(base, field))
    if value is None or value == "":
        return None
    slug = text(field, value)
    if not _SLUG.fullmatch(slug):
        raise invalid(field, f"give a flow's slug, such as {AUTHORIZATION_FLOW}.")
    return slug
