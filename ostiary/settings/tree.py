"""The settings, each with its type, default and meaning. Frozen; secrets stay out of every ``repr``."""

import ipaddress
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput

DATABASE_FILE: Final = "ostiary.sqlite3"
_SECRET: Final[JsonDict] = {"secret": True}


def wrong(code: str, message: str) -> PydanticCustomError:
    """A refused value. ``code`` is completed to ``settings.<code>``; the sentence must not hold a secret."""
    # The sentence goes in as a value: braces in what a person wrote are not placeholders.
    return PydanticCustomError(code, "{sentence}", {"sentence": message})


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except InvalidInput as error:
            raise wrong("duration_invalid", error.message) from error
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong("duration_invalid", f"{value} has no unit; write for example 'minutes={value}'.")
    return value


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _one(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    host = host or "0.0.0.0"  # noqa: S104 - what an address without a host means to every server
    plain = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(plain)
    except ValueError:
        known = False
    else:
        known = (":" in plain) == host.startswith("[")
    if not known or not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
        raise wrong(
            "address_invalid",
            f"{value!r} is no address to listen on; write an IP address and a port, as '0.0.0.0:9000' or '[::]:9000'.",
        )
    return f"{host}:{int(port)}"


def split_address(address: str) -> tuple[str, int]:
    """Host (without brackets) and port of a checked ``listen`` value."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _base_url(value: str) -> str:
    wanted = "write scheme and host alone, as 'https://id.example.com'."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong("url_invalid", f"{value!r} is not a URL; {wanted}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise wrong("url_invalid", f"{value!r} is not an http or https URL; {wanted}")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong("url_invalid", f"The URL holds more than scheme, host and port; {wanted}")
    host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port in (None, 80 if parts.scheme == "http" else 443) else f":{port}")


def _contact(value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+|https?://\S+", value):
        raise wrong("contact_invalid", f"{value!r} is neither an e-mail address nor a link; write one of the two.")
    return value


def _database_url(value: str) -> str:
    if value.startswith("postgres://"):
        value = "postgresql://" + value.removeprefix("postgres://")
    if not re.match(r"sqlite:///.|postgresql://.", value):
        raise wrong(
            "database_unsupported",
            "The database is neither SQLite nor PostgreSQL; write 'sqlite:////path/to/file' (four slashes) "
            "or 'postgresql://user:password@host:5432/name'.",
        )
    return value


def _secret_keys(value: list[str]) -> list[str]:
    for key in value:
        if len(key) < 32:
            raise wrong(
                "secret_key_short",
                f"A secret key has {len(key)} characters, it needs at least 32; make one with 'openssl rand -hex 32'.",
            )
    if len(set(value)) != len(value):
        raise wrong("secret_key_twice", "The same secret key stands there twice; list each key once, the newest first.")
    return value


def _path_secrets(value: list[str]) -> list[str]:
    for secret in value:
        if not re.fullmatch(r"[A-Za-z0-9_-]{32,128}", secret):
            raise wrong(
                "path_secret_invalid",
                "A path secret needs 32 to 128 characters of A-Z a-z 0-9 _ -; make one with 'openssl rand -hex 32'.",
            )
    return value


Duration = Annotated[int, BeforeValidator(_duration)]


def _between(low: str, high: str) -> Callable[[int], int]:
    def check(seconds: int) -> int:
        if not parse_duration(low) <= seconds <= parse_duration(high):
            raise wrong("out_of_range", f"It must lie between '{low}' and '{high}'.")
        return seconds

    return check


class Section(BaseModel):
    """One branch of the tree: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DatabaseSettings(Section):
    url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="",
        repr=False,
        description=f"SQLite (`sqlite:////path/file`) or PostgreSQL (`postgresql://user:password@host/name`). "
        f"Without it, the file `{DATABASE_FILE}` in the data directory.",
    )


class WebSettings(Section):
    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        default=None,
        description="The address under which people reach Ostiary, scheme and host alone. Links and redirects "
        "are built from it, never from a request. Unset, the set-up page asks for it.",
    )
    contact: Annotated[str, AfterValidator(_contact)] | None = Field(
        default=None, description="An e-mail address or a link that a refused person is told to turn to."
    )
    title: str = Field(default="Ostiary", min_length=1, max_length=80, description="The name on the sign-in pages.")
    workers: int = Field(default=1, ge=1, le=64, description="Worker processes that serve requests.")


class ListenSettings(Section):
    http: Annotated[str, AfterValidator(_address)] = Field(
        default="0.0.0.0:9000", description="Where pages and checks are answered. Port 0 lets the system choose."
    )
    metrics: Annotated[str, AfterValidator(_address)] = Field(
        default="0.0.0.0:9300", description="Where metrics are served, without authentication."
    )
    grpc: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None,
        description="Where Envoy's gRPC checks (`ext_authz`) are answered, as `0.0.0.0:9001`, without TLS. "
        "Unset, nothing listens and no part of gRPC is loaded.",
    )


class TrustedProxy(Section):
    cidr: str = Field(description="An address or network, as `10.42.0.0/16`.")
    kind: Literal["nginx", "traefik", "caddy", "envoy", "haproxy", "any"] = Field(
        default="any", description="Which proxy speaks from there; it limits the dialects that are answered."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            cidr, _, kind = value.partition("=")
            return {"cidr": cidr.strip(), "kind": kind.strip() or "any"}
        return value

    @model_validator(mode="after")
    def _network(self) -> "TrustedProxy":
        try:
            network = ipaddress.ip_network(self.cidr)
        except ValueError:
            raise wrong(
                "proxy_invalid",
                f"{self.cidr!r} is not an address or network; write for example '10.42.0.0/16' or '192.0.2.7', "
                f"with no bits set beyond the prefix.",
            ) from None
        if network.prefixlen == 0:
            raise wrong("proxy_everyone", f"{self.cidr!r} trusts every visitor; name the network of your proxies.")
        return self


class ForwardAuthSettings(Section):
    path_secrets: Annotated[list[str], BeforeValidator(_listed), AfterValidator(_path_secrets)] = Field(
        default=[],
        repr=False,
        json_schema_extra=_SECRET,
        description="Secrets that authenticate a proxy by its URL instead of its address: "
        "`/ostiary/auth/<dialect>~<secret>`. Once one is set, the bare URL refuses.",
    )


class OutgoingSettings(Section):
    private_networks: bool = Field(
        default=False,
        description="Whether what Ostiary fetches itself, such as a trusted issuer's keys, may come from private and "
        "loopback addresses. Link-local ones are never asked.",
    )


class SessionSettings(Section):
    idle: Annotated[Duration, AfterValidator(_between("minutes=1", "days=365"))] = Field(
        default=8 * 3600, description="A login that nobody used for so long has ended."
    )
    absolute: Annotated[Duration, AfterValidator(_between("minutes=1", "days=365"))] = Field(
        default=14 * 86_400, description="A login ends after so long, used or not."
    )


class LockoutSettings(Section):
    attempts: int = Field(default=5, ge=1, le=1000, description="Wrong passwords before an account is locked.")
    window: Annotated[Duration, AfterValidator(_between("seconds=1", "days=7"))] = Field(
        default=900, description="Within what time they count together."
    )
    duration: Annotated[Duration, AfterValidator(_between("seconds=1", "days=7"))] = Field(
        default=900, description="How long the account stays locked; known devices are not affected."
    )


class PasswordSettings(Section):
    min_length: int = Field(default=8, ge=8, le=128, description="The fewest characters of a new password.")


class EventSettings(Section):
    retention: Annotated[Duration, AfterValidator(_between("days=1", "days=3650"))] = Field(
        default=365 * 86_400, description="How long audit events are kept."
    )


class LogSettings(Section):
    level: Literal["trace", "debug", "info", "warning", "error"] = Field(
        default="info", description="`trace` shows each check's inputs and verdict; no level shows a secret."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`auto` is `console` on a terminal and `json` elsewhere."
    )

    @property
    def as_json(self) -> bool:
        """What ``format`` comes to in this process."""
        return self.format == "json" or (self.format == "auto" and not sys.stderr.isatty())


class BootstrapSettings(Section):
    password: str | None = Field(
        default=None, repr=False, json_schema_extra=_SECRET, description="First start only: the password of `akadmin`."
    )
    password_hash: str | None = Field(
        default=None,
        repr=False,
        json_schema_extra=_SECRET,
        description="First start only: its hash instead, `pbkdf2_sha256$…` or `argon2$…`.",
    )
    token: str | None = Field(
        default=None, repr=False, json_schema_extra=_SECRET, description="First start only: an API token of `akadmin`."
    )
    email: str | None = Field(default=None, description="First start only: the e-mail address of `akadmin`.")

    @model_validator(mode="after")
    def _one_password(self) -> "BootstrapSettings":
        if self.password is not None and self.password_hash is not None:
            raise wrong("bootstrap_twice", "Both a password and a password hash are given; keep one of the two.")
        return self


class Settings(Section):
    """Everything that can be set. Lengths of time are whole seconds."""

    data_dir: Path = Field(
        default=Path("/var/lib/ostiary"), description="The one directory that Ostiary writes to: database, secret key."
    )
    secret_key: Annotated[list[str], BeforeValidator(_one), AfterValidator(_secret_keys)] = Field(
        default=[],
        repr=False,
        json_schema_extra=_SECRET,
        description="Protects every secret that is stored. A list: the first encrypts, the others still decrypt. "
        "Without it, one is made at the first start and kept in the data directory; several servers need it set.",
    )
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    listen: ListenSettings = ListenSettings()
    proxies: Annotated[list[TrustedProxy], BeforeValidator(_listed)] = Field(
        default=[TrustedProxy(cidr="127.0.0.0/8"), TrustedProxy(cidr="::1/128")],
        description="The reverse proxies whose forwarded headers count: a list of `{cidr, kind}`, or of `cidr=kind`.",
    )
    forward_auth: ForwardAuthSettings = ForwardAuthSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    sessions: SessionSettings = SessionSettings()
    lockout: LockoutSettings = LockoutSettings()
    passwords: PasswordSettings = PasswordSettings()
    events: EventSettings = EventSettings()
    log: LogSettings = LogSettings()
    bootstrap: BootstrapSettings = BootstrapSettings()

    @model_validator(mode="before")
    @classmethod
    def _own_file(cls, value: Any) -> Any:
        """Without a database URL, the database is a file in the data directory."""
        if not isinstance(value, dict):
            return value
        directory = Path(str(value.get("data_dir", cls.model_fields["data_dir"].default))).absolute()
        value = {**value, "data_dir": directory}
        database = value.get("database", {})
        if isinstance(database, dict) and not database.get("url"):
            value["database"] = {**database, "url": f"sqlite:///{directory / DATABASE_FILE}"}
        return value


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting's value must never be shown."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("secret"))


def is_duration(field: FieldInfo) -> bool:
    """Whether a setting is a length of time."""
    return any(isinstance(one, BeforeValidator) and one.func is _duration for one in field.metadata)
