"""Applications as a check needs them: all of them in memory, found by host, loaded by plain SQL.

What reads the database here is a generator that yields statements and is sent their rows, so that one text serves a
database that is asked in line (SQLite) and one that is awaited (PostgreSQL).
"""

import json
from collections.abc import Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ostiary.access.authorize import ApplicationRules
from ostiary.access.header_plan import HeaderPlan, header_plan, removal
from ostiary.access.machine_plan import MachinePlan, machine_plan
from ostiary.access.open_doors import OpenDoors, open_doors
from ostiary.kit.errors import InvalidInput
from ostiary.kit.expressions import Compiler, TextExpression
from ostiary.kit.urls import canonical_path, parse_origin
from ostiary.mappings import evaluate as mappings
from ostiary.mappings.evaluate import Mapped
from ostiary.policies.engine import Kind, Rule, wants_standing
from ostiary.policies.types import PolicyCompiler
from ostiary.sessions.app_sessions import app_cookie, domain_cookie
from ostiary.sessions.cookie import Cookie

T = TypeVar("T")
Rows = list[tuple[Any, ...]]
Load = Generator[tuple[str, tuple[Any, ...]], Rows, T]
"""Yields (SQL with ``?`` for each parameter, parameters), is sent rows, returns ``T``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_MET = 4096

_PROVIDERS = """
SELECT v.id, v.uuid, v.name, v.authentication_flow, v.invalidation_flow, p.mode, p.handoff, p.external_host, p.host_key,
       p.path, p.cookie_domain, p.session_seconds, a.id, a.slug, a.name, a.contact, a.enabled, a.access,
       a.policy_engine_mode, p.header_authentication, p.jwt_issuers, p.signed_identity,
       p.header_style, p.header_names, p.group_filter, p.additional_headers, p.basic_auth_enabled,
       p.basic_auth_user_attribute, p.basic_auth_password_attribute, p.open_paths, p.skip_path_regex, p.cors_preflight
FROM proxy_providers p JOIN providers v ON v.id = p.id LEFT JOIN applications a ON a.provider_id = p.id
"""
BINDINGS = """
SELECT b.application_id, b.id, b."order", b.user_id, b.group_id, b.policy_id, b.negate, b.enabled, b.expires,
       u.username, g.name, y.name, y.expression, y.type, y.config
FROM policy_bindings b JOIN applications a ON a.id = b.application_id
LEFT JOIN users u ON u.id = b.user_id LEFT JOIN groups g ON g.id = b.group_id LEFT JOIN policies y ON y.id = b.policy_id
"""
_MAPPINGS = """
SELECT p.provider_id, m.name, m.header, m.expression
FROM provider_mappings p JOIN property_mappings m ON m.id = p.mapping_id AND m.managed IS NULL
"""


def moment(microseconds: int) -> datetime:
    """A stored moment."""
    return _EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True, eq=False)
class Served:
    """One proxy provider with the application behind it; ``rules`` is None for a provider that serves none.

    ``origin`` is the canonical external address, ``cookie`` what opens it, ``secure`` whether its configured scheme is
    https. Two of them are the same only if they are the same object: a change makes a new one.
    """

    provider_id: int
    provider_uuid: str
    provider_name: str
    authentication_flow: str | None
    invalidation_flow: str
    is_domain: bool
    in_place: bool
    origin: str
    host_key: str
    path: str
    cookie_domain: str
    session_seconds: int
    signed_identity: bool
    contact: str
    rules: ApplicationRules | None
    cookie: Cookie
    secure: bool
    cookie_prefix: bytes
    """The cookie's name and equals sign, as they stand in a Cookie header."""
    cookie_only: bool
    """Whether nothing but its cookie opens it, so that without one the answer needs no thought."""
    headers: HeaderPlan
    doors: OpenDoors
    removal: bytes
    """What ends an allowing answer to a proxy that takes off the headers we list: that line, and an empty one."""
    machines: MachinePlan | None
    """Which credentials of machines it takes; None: an Authorization header is the application's own business."""

    @property
    def answers_authorization(self) -> bool:
        """Whether a proxy may have been told to set the Authorization header of our answer."""
        return self.machines is not None or self.headers.basic is not None

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"{self.origin}{self.path}/"


class Ambiguous(Exception):
    """A host's applications are told apart by path, and this path has more than one reading."""


@dataclass(frozen=True)
class Doors:
    """The applications of a host of which at least one has a path, longest path first."""

    doors: tuple[Served, ...]

    def find(self, path: str) -> Served | None:
        """The application of a canonical path: the longest of theirs at a segment boundary."""
        for served in self.doors:
            if path == served.path or path.startswith(served.path + "/"):
                return served
        return None


class Rules:
    """Every provider and application. ``by_host`` and ``by_path`` are keyed by the host key's bytes, the latter for
    hosts with applications below paths; ``domains`` by cookie domain."""

    def __init__(self, base_url: str | None) -> None:
        self._configured = base_url
        self.base_url: str | None = base_url
        self.by_host: dict[bytes, Served] = {}
        self.by_path: dict[bytes, Doors] = {}
        self.domains: dict[str, Served] = {}
        self.met: dict[bytes, Served] = {}
        """Other spellings of hosts, and hosts below cookie domains, at which somebody was allowed."""
        self.group_names: Mapping[str, str] = {}
        self.superuser_groups: frozenset[str] = frozenset()
        self.group_parents: Mapping[str, set[str]] = {}
        self.group_attributes: Mapping[str, Mapping[str, Any]] = {}
        """Of groups that have any."""
        self.path_secrets: tuple[tuple[str, datetime | None], ...] = ()
        """Keyed hashes of the stored path secrets, each with its end; whoever compares looks at the clock."""
        self._served: dict[int, Served] = {}
        self._own_names: frozenset[str] = frozenset()
        self._policies = PolicyCompiler()
        self._texts: dict[str, TextExpression | None] = {}
        self._removals: dict[tuple[str, ...], bytes] = {}
        """By the names that are set: most applications are told the same, and all of them may be loaded at once."""
        self._text_compiler = Compiler(mappings.VOCABULARY)

    def find(self, host_key: str, target: bytes | None) -> Served | None:
        """The most specific match: the host's own entry, there the longest path, else the longest cookie domain at a
        label boundary. Raises `Ambiguous`, also where a path decides and the proxy told none.
        """
        key = host_key.encode()
        doors = self.by_path.get(key)
        if doors is not None:
            path = None if target is None else canonical_path(target)
            if path is None:
                raise Ambiguous
            return doors.find(path)
        served = self.by_host.get(key)
        return served if served is not None or not self.domains else self._of_domain(host_key)

    def at(self, host_key: str) -> tuple[Served, ...]:
        """Everything that answers at a host, whatever the path."""
        key = host_key.encode()
        doors = self.by_path.get(key)
        if doors is not None:
            return doors.doors
        served = self.by_host.get(key) or self._of_domain(host_key)
        return () if served is None else (served,)

    def _of_domain(self, host_key: str) -> Served | None:
        name = host_key.partition(":")[0]
        if name in self._own_names:
            # At another port, which most proxies overlook when they choose an application: not the domain's to open.
            return None
        while name:
            served = self.domains.get(name)
            if served is not None:
                return served
            name = name.partition(".")[2]
        return None

    def meet(self, host: bytes, served: Served) -> None:
        """Remembers what a host, as a proxy spelled it, led to."""
        if len(self.met) >= _MOST_MET:
            self.met.clear()
        self.met[host] = served

    def of_slug(self, slug: str) -> Served | None:
        return next((s for s in self._served.values() if s.rules is not None and s.rules.slug == slug), None)

    def of_provider(self, provider_id: int) -> Served | None:
        return self._served.get(provider_id)

    def load_all(self) -> Load[None]:
        """Reads everything anew."""
        stored = yield "SELECT base_url FROM installation WHERE id = 1", ()
        groups = yield "SELECT id, name, is_superuser, attributes FROM groups", ()
        edges = yield "SELECT group_id, parent_id FROM group_parents", ()
        path_secrets = yield "SELECT secret_hash, expires FROM path_secrets", ()
        providers = yield _PROVIDERS, ()
        bindings = yield BINDINGS, ()
        mapped = yield _MAPPINGS, ()
        parents: dict[str, set[str]] = {}
        for group_id, parent_id in edges:
            parents.setdefault(group_id, set()).add(parent_id)
        self.group_names = {row[0]: row[1] for row in groups}
        self.superuser_groups = frozenset(row[0] for row in groups if row[2])
        self.group_parents = parents
        attributes = {row[0]: json.loads(row[3]) if isinstance(row[3], str | bytes) else row[3] for row in groups}
        self.group_attributes = {key: value for key, value in attributes.items() if value}
        self.path_secrets = tuple((row[0], None if row[1] is None else moment(row[1])) for row in path_secrets)
        if self._configured is None:
            self.base_url = stored[0][0] if stored else None
        self._served, self._removals = {}, {}
        self._put(providers, bindings, mapped)
        self._index()
        self._policies.keep({self._policies.key(row[13], row[12], row[14]) for row in bindings})
        used = {row[3] for row in mapped}
        self._texts = {text: value for text, value in self._texts.items() if text in used}

    def load_some(self, applications: AbstractSet[str], providers: AbstractSet[int]) -> Load[None]:
        """Reads again what belongs to these applications and providers."""
        stale = set(providers)
        stale.update(s.provider_id for s in self._served.values() if s.rules is not None and s.rules.id in applications)
        for application_id in applications:
            rows = yield "SELECT provider_id FROM applications WHERE id = ?", (application_id,)
            stale.update(row[0] for row in rows if row[0] is not None)
        for provider_id in stale:
            found = yield _PROVIDERS + " WHERE p.id = ?", (provider_id,)
            bindings = yield BINDINGS + " WHERE a.provider_id = ?", (provider_id,)
            mapped = yield _MAPPINGS + " WHERE p.provider_id = ?", (provider_id,)
            self._served.pop(provider_id, None)
            self._put(found, bindings, mapped)
        self._index()

    def _put(self, providers: Rows, bindings: Rows, mapped: Rows) -> None:
        rules: dict[str, list[Rule]] = {}
        for row in bindings:
            rules.setdefault(row[0], []).append(self.rule(row))
        said: dict[int, list[Mapped]] = {}
        for provider_id, name, header, text in sorted(mapped, key=lambda entry: entry[1]):
            said.setdefault(provider_id, []).append(Mapped(name, header, self._text(text)))
        for row in providers:
            headers = header_plan(row[22], row[23], row[24], row[25], row[26:29], said.get(row[0], []))
            if headers.names not in self._removals:
                self._removals[headers.names] = removal(headers)
            served = _served(row, rules.get(row[12], []), headers, self._removals[headers.names])
            self._served[served.provider_id] = served

    def _index(self) -> None:
        own = None if self.base_url is None else parse_origin(self.base_url).key
        self.met.clear()
        served = self._served.values()
        # Our own host is never an application; a domain provider may have its sign-in there.
        at: dict[bytes, list[Served]] = {}
        for s in served:
            if s.is_domain or s.host_key != own:
                at.setdefault(s.host_key.encode(), []).append(s)
        self.by_host = {key: found[0] for key, found in at.items() if not any(s.path for s in found)}
        self.by_path = {
            key: Doors(tuple(sorted(found, key=lambda s: len(s.path), reverse=True)))
            for key, found in at.items()
            if key not in self.by_host
        }
        self._own_names = frozenset(key.decode().partition(":")[0] for key in at)
        self.domains = {s.cookie_domain: s for s in served if s.is_domain and s.cookie_domain}

    def rule(self, row: Sequence[Any]) -> Rule:
        """A row of ``BINDINGS``, compiled."""
        _, binding_id, order, user_id, group_id, policy_id, negate, enabled, expires, *names, text, type_, config = row
        kind, key = (
            (Kind.USER, str(user_id))
            if user_id is not None
            else (Kind.GROUP, group_id)
            if group_id is not None
            else (Kind.POLICY, policy_id)
            if policy_id is not None
            else (Kind.LOST, "")
        )
        return Rule(
            binding_id=binding_id,
            order=order,
            kind=kind,
            key=key,
            name=next((name for name in names if name is not None), ""),
            negate=bool(negate),
            enabled=bool(enabled),
            expires=None if expires is None else moment(expires),
            expression=self._policies.ready(type_, text, config) if kind is Kind.POLICY else None,
        )

    def _text(self, text: str) -> TextExpression | None:
        if text not in self._texts:
            try:
                self._texts[text] = self._text_compiler.compile_text(text)
            except InvalidInput:
                # Likewise: its mapping fails, and so nobody is named by it.
                self._texts[text] = None
        return self._texts[text]


def _served(row: tuple[Any, ...], rules: list[Rule], headers: HeaderPlan, removed: bytes) -> Served:
    provider_id, uuid, name, authentication, invalidation, mode, handoff = row[:7]
    external_host, host_key, path, domain, seconds = row[7:12]
    application_id, slug, application_name, contact, enabled, access, engine_mode = row[12:19]
    machines = machine_plan(*row[19:21])
    signed = row[21]
    doors = open_doors(mode, *row[29:32])
    is_domain = mode == "forward_domain"
    secure = external_host.startswith("https://")
    cookie = domain_cookie(uuid, domain) if is_domain else app_cookie(uuid)
    return Served(
        provider_id=provider_id,
        provider_uuid=uuid,
        provider_name=name,
        authentication_flow=authentication,
        invalidation_flow=invalidation,
        is_domain=is_domain,
        in_place=handoff == "in_place",
        origin=external_host,
        host_key=host_key,
        path=path,
        cookie_domain=domain,
        session_seconds=seconds,
        signed_identity=bool(signed),
        contact=contact or "",
        rules=None
        if application_id is None
        else ApplicationRules(
            id=application_id,
            slug=slug,
            name=application_name,
            enabled=bool(enabled),
            access=access,
            mode=engine_mode,
            rules=tuple(rules),
            wants_standing=wants_standing(rules),
        ),
        cookie=cookie,
        secure=secure,
        cookie_prefix=cookie.name(secure).encode() + b"=",
        cookie_only=handoff != "in_place" and machines is None and not doors,
        machines=machines,
        headers=headers,
        doors=doors,
        removal=removed,
    )
