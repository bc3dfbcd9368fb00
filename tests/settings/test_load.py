"""Where values come from, which one wins, and what is said about wrong ones."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ostiary.settings.load import Loaded, load
from ostiary.settings.problems import InvalidSettings, Problem
from ostiary.settings.sources import is_service_link

KEY = "k" * 32


def refused(environ: Mapping[str, str], file: Path | None = None) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSettings) as caught:
        load(file, environ)
    return caught.value.problems


@pytest.fixture
def yaml_file(tmp_path: Path) -> Path:
    return tmp_path / "ostiary.yaml"


def test_defaults_stand_alone() -> None:
    loaded = load(None, {"PATH": "/bin"})
    assert loaded.settings.database.url == "sqlite:////var/lib/ostiary/ostiary.sqlite3"
    assert loaded.settings.sessions.idle == 8 * 3600
    assert [proxy.cidr for proxy in loaded.settings.proxies] == ["127.0.0.0/8", "::1/128"]
    assert set(loaded.sources.values()) == {"default"}
    assert loaded.warnings == []


def test_ours_wins_over_the_file_and_the_file_over_the_alias(yaml_file: Path) -> None:
    environ = {"AUTHENTIK_LOG_LEVEL": "error", "AUTHENTIK_WEB__BASE_URL": "https://one.example"}
    assert load(None, environ).settings.log.level == "error"
    yaml_file.write_text("log:\n  level: debug\n")
    from_file = load(yaml_file, environ)
    assert from_file.settings.log.level == "debug"
    assert from_file.sources["log.level"] == f"{yaml_file} line 2"
    assert from_file.settings.web.base_url == "https://one.example"
    from_ours = load(yaml_file, {**environ, "OSTIARY_LOG__LEVEL": "trace"})
    assert from_ours.settings.log.level == "trace"
    assert from_ours.sources["log.level"] == "OSTIARY_LOG__LEVEL"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(None, {"OSTIARY_WEB__BASE_URL": "", "AUTHENTIK_SECRET_KEY": ""}).settings.web.base_url is None


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("AUTHENTIK_SECRET_KEY", KEY + ",x", "secret_key", [KEY + ",x"]),
        ("AUTHENTIK_LISTEN__HTTP", "[::]:9001", "listen.http", "[::]:9001"),
        ("AUTHENTIK_LISTEN__METRICS", "127.0.0.1:9301", "listen.metrics", "127.0.0.1:9301"),
        ("AUTHENTIK_LOG_LEVEL", "warning", "log.level", "warning"),
        ("AUTHENTIK_WEB__BASE_URL", "https://id.example.com/", "web.base_url", "https://id.example.com"),
        ("AUTHENTIK_BOOTSTRAP_PASSWORD", "secret", "bootstrap.password", "secret"),
        ("AUTHENTIK_BOOTSTRAP_PASSWORD_HASH", "argon2$x", "bootstrap.password_hash", "argon2$x"),
        ("AUTHENTIK_BOOTSTRAP_TOKEN", "token", "bootstrap.token", "token"),
        ("AUTHENTIK_BOOTSTRAP_EMAIL", "me@example.com", "bootstrap.email", "me@example.com"),
    ],
)
def test_aliases_mean_the_same(name: str, value: str, field: str, expected: object) -> None:
    loaded = load(None, {name: value})
    found: object = loaded.settings
    for part in field.split("."):
        found = getattr(found, part)
    assert found == expected
    assert loaded.sources[field] == name


def test_the_alias_of_trusted_proxies_trusts_any_kind() -> None:
    loaded = load(None, {"AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS": "10.0.0.0/8, fe80::/10"})
    assert [(one.cidr, one.kind) for one in loaded.settings.proxies] == [("10.0.0.0/8", "any"), ("fe80::/10", "any")]


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"HOST": "db"}, "postgresql://authentik@db:5432/authentik"),
        (
            {"HOST": "db", "PORT": "6432", "NAME": "a/b", "USER": "u@x", "PASSWORD": "p:/?#@"},
            "postgresql://u%40x:p%3A%2F%3F%23%40@db:6432/a%2Fb",
        ),
        ({"HOST": "fd00::7"}, "postgresql://authentik@[fd00::7]:5432/authentik"),
        ({"HOST": "/run/pg"}, "postgresql://authentik@/authentik?host=%2Frun%2Fpg"),
        (
            {"HOST": "db", "SSLMODE": "verify-full", "SSLROOTCERT": "/ca.pem"},
            "postgresql://authentik@db:5432/authentik?sslmode=verify-full&sslrootcert=%2Fca.pem",
        ),
    ],
)
def test_authentiks_database_becomes_one_url(parts: dict[str, str], url: str) -> None:
    loaded = load(None, {f"AUTHENTIK_POSTGRESQL__{name}": value for name, value in parts.items()})
    assert loaded.settings.database.url == url


def test_settings_without_effect_share_one_warning() -> None:
    loaded = load(
        None,
        {
            "AUTHENTIK_REDIS__HOST": "redis",
            "AUTHENTIK_WEB__WORKERS": "2",
            "AUTHENTIK_WORKER__THREADS": "2",
            "AUTHENTIK_ERROR_REPORTING__ENABLED": "true",
            "AUTHENTIK_POSTGRESQL__PASSWORD": "no host, no effect",
        },
    )
    assert len(loaded.warnings) == 1
    for name in ("AUTHENTIK_REDIS__HOST", "WEB__WORKERS", "WORKER__THREADS", "ENABLED", "Redis is not needed"):
        assert name in loaded.warnings[0]
    assert loaded.settings.web.workers == 1
    assert loaded.settings.database.url.startswith("sqlite:")


def test_postgresql_without_a_configured_key_is_worth_a_warning() -> None:
    environ = {"OSTIARY_DATABASE__URL": "postgresql://u@db/name"}
    (warning,) = load(None, environ).warnings
    assert "secret_key" in warning
    assert load(None, {**environ, "OSTIARY_SECRET_KEY": KEY}).warnings == []


def test_values_that_ask_for_what_is_not_there_are_refused() -> None:
    problems = refused({"AUTHENTIK_WEB__PATH": "/auth/", "AUTHENTIK_POSTGRESQL__DEFAULT_SCHEMA": "other"})
    assert [problem.code for problem in problems] == ["settings.not_supported"] * 2
    assert load(None, {"AUTHENTIK_WEB__PATH": "/"}).warnings == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OSTIARY_SERVICE_HOST", "10.0.0.1"),
        ("OSTIARY_SERVICE_PORT", "9000"),
        ("OSTIARY_SERVICE_PORT_HTTP", "9000"),
        ("OSTIARY_PORT", "tcp://10.0.0.1:9000"),
        ("OSTIARY_PORT_9000_TCP", "tcp://10.0.0.1:9000"),
        ("OSTIARY_PORT_9000_TCP_ADDR", "10.0.0.1"),
        ("OSTIARY_OUTPOST_SERVICE_HOST", "10.0.0.1"),
        ("AUTHENTIK_POSTGRESQL_PORT", "tcp://10.0.0.2:5432"),
        ("AUTHENTIK_SERVER_PORT_9000_TCP_PROTO", "tcp"),
    ],
)
def test_kubernetes_service_links_are_ignored(name: str, value: str) -> None:
    assert load(None, {name: value}) == load(None, {})


def test_a_setting_is_never_taken_for_a_service_link() -> None:
    assert not is_service_link("AUTHENTIK_POSTGRESQL__PORT", "tcp://10.0.0.2:5432")
    assert not is_service_link("OSTIARY_PORT", "9000")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("OSTIARY_WEB_BASE_URL", "OSTIARY_WEB__BASE_URL"),
        ("OSTIARY_PROXYS", "OSTIARY_PROXIES"),
        ("OSTIARY_log__level", "OSTIARY_LOG__LEVEL"),
        ("AUTHENTIK_SECRETKEY", "AUTHENTIK_SECRET_KEY"),
        ("AUTHENTIK_POSTGRES__HOST", "AUTHENTIK_POSTGRESQL__HOST"),
    ],
)
def test_an_unknown_variable_names_the_nearest(name: str, nearest: str) -> None:
    (problem,) = refused({name: "x"})
    assert problem.code == "settings.unknown_key"
    assert name in str(problem)
    assert f"did you mean {nearest}?" in str(problem)


def test_an_unknown_key_in_the_file_names_its_line_and_the_nearest(yaml_file: Path) -> None:
    yaml_file.write_text("web:\n  title: x\n  basurl: https://x\n")
    (problem,) = refused({}, yaml_file)
    assert (problem.code, problem.field) == ("settings.unknown_key", "web.basurl")
    assert f"{yaml_file} line 3" in str(problem)
    assert "web.base_url" in problem.sentence


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("web: [", "settings.file_invalid", 1),
        ("- a\n", "settings.wrong_type", 1),
        ("log:\n  level: info\nlog:\n  level: info\n", "settings.duplicate_key", 3),
        ("web: ostiary\n", "settings.wrong_type", 1),
        ("web:\n  title: 7\n", "settings.wrong_type", 2),
        ("web:\n  workers: [1]\n", "settings.not_a_number", 2),
        ("proxies:\n  - {kind: nginx}\n", "settings.missing", 2),
        ("proxies:\n  - {cidr: 10.0.0.0/8, colour: red}\n", "settings.unknown_key", 2),
        ("proxies: 7\n", "settings.wrong_type", 1),
        ("secret_key: 7\n", "settings.wrong_type", 1),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(yaml_file: Path, text: str, code: str, line: int) -> None:
    yaml_file.write_text(text)
    (problem,) = refused({}, yaml_file)
    assert problem.code == code
    assert problem.source == f"{yaml_file} line {line}"


def test_an_empty_file_and_empty_keys_say_nothing(yaml_file: Path) -> None:
    yaml_file.write_text("web:\n  title:\nlog:\n")
    assert load(yaml_file, {}).settings == load(None, {}).settings
    yaml_file.write_text("")
    assert load(yaml_file, {}).settings == load(None, {}).settings


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (problem,) = refused({}, tmp_path / "nowhere.yaml")
    assert problem.code == "settings.file_unreadable"


def test_a_file_with_merged_keys_is_read_as_yaml_means_it(yaml_file: Path) -> None:
    yaml_file.write_text("log: &log {level: debug}\nweb:\n  title: Door\n")
    assert load(yaml_file, {}).settings.log.level == "debug"


def test_references_are_followed_everywhere(tmp_path: Path, yaml_file: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(KEY + "\n")
    yaml_file.write_text(f"secret_key: [file://{secret}, 'env://OLD?{'o' * 32}']\nweb: {{title: 'env://TITLE'}}\n")
    loaded = load(yaml_file, {"TITLE": "Front door", "AUTHENTIK_LOG_LEVEL": "env://LEVEL?debug"})
    assert loaded.settings.secret_key == [KEY, "o" * 32]
    assert loaded.settings.web.title == "Front door"
    assert loaded.sources["web.title"] == f"{yaml_file} line 2 through env://TITLE"
    assert loaded.settings.log.level == "debug"


@pytest.mark.parametrize("reference", ["env://NOT_THERE", "file:///not/there"])
def test_a_reference_to_nothing_is_refused(reference: str) -> None:
    (problem,) = refused({"OSTIARY_SECRET_KEY": reference})
    assert (problem.code, problem.field) == ("settings.reference_missing", "secret_key")
    assert f"{reference}?default" in problem.sentence


def test_lists_in_variables_are_written_with_commas_or_as_yaml() -> None:
    def proxies(text: str) -> list[tuple[str, str]]:
        return [(one.cidr, one.kind) for one in load(None, {"OSTIARY_PROXIES": text}).settings.proxies]

    expected = [("10.42.0.0/16", "nginx"), ("192.0.2.7", "any")]
    assert proxies("10.42.0.0/16=nginx, 192.0.2.7") == expected
    assert proxies("[{cidr: 10.42.0.0/16, kind: nginx}, 192.0.2.7]") == expected
    (problem,) = refused({"OSTIARY_PROXIES": "[{"})
    assert problem.code == "settings.wrong_type"


def test_several_problems_are_reported_together() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(None, {"OSTIARY_WEB__WORKERS": "many", "OSTIARY_LOG__LEVEL": "loud", "OSTIARY_NO": "x"})
    assert caught.value.code == "settings.invalid"
    assert {problem.code for problem in caught.value.problems} == {
        "settings.not_a_number",
        "settings.not_one_of",
        "settings.unknown_key",
    }
    for source in ("OSTIARY_WEB__WORKERS", "OSTIARY_LOG__LEVEL", "OSTIARY_NO"):
        assert source in caught.value.message


def test_no_secret_reaches_a_message_or_a_repr() -> None:
    secret = "hunter2-hunter2"
    environ = {
        "OSTIARY_SECRET_KEY": secret,
        "OSTIARY_FORWARD_AUTH__PATH_SECRETS": secret,
        "OSTIARY_BOOTSTRAP__PASSWORD": secret,
        "OSTIARY_BOOTSTRAP__PASSWORD_HASH": secret,
        "OSTIARY_DATABASE__URL": f"mysql://u:{secret}@h/d",
    }
    with pytest.raises(InvalidSettings) as caught:
        load(None, environ)
    assert len(caught.value.problems) == 4
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.problems)
    loaded: Loaded = load(
        None,
        {
            "OSTIARY_SECRET_KEY": secret * 3,
            "OSTIARY_BOOTSTRAP__TOKEN": secret,
            "OSTIARY_DATABASE__URL": f"postgresql://u:{secret}@h/d",
        },
    )
    assert secret not in repr(loaded)
