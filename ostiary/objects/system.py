"""What the installation says of itself, as a client receives it, and its settings."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ostiary.objects.kind import Fields, Integer, Shown


class SettingsFlags(Shown):
    """authentik's flags; the others than the first have no effect here and stay false."""

    core_default_app_access: bool
    enterprise_audit_include_expanded_diff: bool
    flows_continuous_login: bool
    flows_refresh_others: bool


class Settings(Shown):
    """Every setting."""

    avatars: str
    base_url: str
    default_user_change_name: bool
    default_user_change_email: bool
    default_user_change_username: bool
    event_retention: str
    reputation_lower_limit: int
    reputation_upper_limit: int
    footer_links: list[dict[str, Any]]
    gdpr_compliance: bool
    impersonation: bool
    impersonation_require_reason: bool
    default_token_duration: str
    default_token_length: int
    pagination_default_page_size: int
    pagination_max_page_size: int
    flags: SettingsFlags


class PatchedSettingsRequest(Fields):
    """Those that change; what they may be, the settings' own table says."""

    avatars: str = Field(default="", min_length=1)
    base_url: str = Field(default="", max_length=200)
    default_user_change_name: bool = True
    default_user_change_email: bool = False
    default_user_change_username: bool = False
    event_retention: str = Field(default="", min_length=1)
    reputation_lower_limit: Annotated[Integer, Field(le=0)] = -5
    reputation_upper_limit: Annotated[Integer, Field(ge=0)] = 5
    footer_links: Any = None
    gdpr_compliance: bool = False
    impersonation: bool = True
    impersonation_require_reason: bool = True
    default_token_duration: str = Field(default="", min_length=1)
    default_token_length: Annotated[Integer, Field(ge=1)] = 60
    pagination_default_page_size: Annotated[Integer, Field(ge=1)] = 20
    pagination_max_page_size: Annotated[Integer, Field(ge=1)] = 100
    flags: dict[str, bool] = Field(default_factory=dict)


class SettingsRequest(PatchedSettingsRequest):
    """The same with the flags, which a whole update always names."""

    flags: dict[str, bool]


class SystemInfoRuntime(Shown):
    """What it runs on. ``authentik_version`` is the release of authentik whose API this is."""

    python_version: str
    environment: str
    architecture: str
    platform: str
    uname: str
    openssl_version: str
    openssl_fips_enabled: bool | None
    authentik_version: str


class SystemInfo(Shown):
    """How the request arrived, and where."""

    http_headers: dict[str, str]
    http_host: str
    http_is_secure: bool
    runtime: SystemInfoRuntime
    brand: str
    server_time: datetime
    embedded_outpost_disabled: bool
    embedded_outpost_host: str
    base_url: str


class Version(Shown):
    """The release that runs. Nobody is asked for a newer one."""

    version_current: str
    version_latest: str
    version_latest_valid: bool
    build_hash: str
    outdated: bool
    outpost_outdated: bool


class VersionHistory(Shown):
    """A release that ran."""

    id: int
    timestamp: datetime
    version: str
    build: str


class App(Shown):
    """A part of the installation, or a type of object."""

    name: str
    label: str


class ErrorReportingConfig(Shown):
    """Nothing is reported to anybody."""

    enabled: bool = False
    sentry_dsn: str = ""
    environment: str = ""
    send_pii: bool = False
    traces_sample_rate: float = 0.0


class Config(Shown):
    """What anybody may know before they sign in."""

    model_config = ConfigDict(extra="forbid", title="Config")

    error_reporting: ErrorReportingConfig
    capabilities: list[str]
    cache_timeout: int
    cache_timeout_flows: int
    cache_timeout_policies: int
