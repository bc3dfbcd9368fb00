"""The commands `ostiary app`, `ostiary access` and `ostiary policy`, as a person types them."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ostiary.cli.main import main


@dataclass(frozen=True)
class Shown:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Typed text that looks like a person."""

    def isatty(self) -> bool:
        return True


Ostiary = Callable[..., Shown]


@pytest.fixture
def ostiary(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ostiary:
    """Runs a command against a database in which bob is in staff and alice in nothing."""
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        for statement in (
            (
                "INSERT INTO users (id, uuid, username, name, email, is_active, type, path, attributes, created)"
                " VALUES (1, 'u1', 'bob', 'Bob', 'bob@example.com', 1, 'internal', 'users', '{\"level\": 3}', 0),"
                " (2, 'u2', 'alice', '', '', 1, 'internal', 'users', '{}', 0)"
            ),
            "INSERT INTO groups (id, name, is_superuser, attributes) VALUES ('g1', 'staff', 0, '{}')",
            "INSERT INTO memberships (user_id, group_id) VALUES (1, 'g1')",
        ):
            connection.execute(text(statement))
    engine.dispose()
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)

    def command(*arguments: str, typed: str = "", terminal: bool = False) -> Shown:
        monkeypatch.setattr("sys.argv", ["ostiary", *arguments])
        monkeypatch.setattr("sys.stdin", (Terminal if terminal else io.StringIO)(typed))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capfd.readouterr()
        return Shown(int(ended.value.code or 0), shown.out, shown.err)

    return command


def refused(shown: Shown, code: str) -> None:
    assert shown.status == 2
    assert shown.out == ""
    assert f"[{code}]" in shown.err
    assert len(shown.err.splitlines()) == 1


HELLO = ("app", "add", "hello", "--host", "https://hello.example.com")


def test_one_command_protects_an_application(ostiary: Ostiary) -> None:
    added = ostiary(*HELLO, "--group", "staff")
    assert added.status == 0
    assert "hello guards https://hello.example.com." in added.out
    assert "Access: whoever meets any of these.\n   0  group staff\n" in added.out
    assert "auth-url: http://ostiary.ostiary.svc.cluster.local:9000/ostiary/auth/nginx?host=$host\n" in added.out
    assert "auth-signin: https://hello.example.com/ostiary/start\n" in added.out
    assert ostiary("app", "list").out.splitlines()[1].split() == [
        "hello",
        "hello",
        "https://hello.example.com",
        "bound",
        "enabled",
    ]
    assert ostiary("access", "explain", "bob", "hello").out.startswith("bob may open hello.\n")
    assert ostiary("access", "explain", "alice", "hello").out.splitlines() == [
        "alice may not open hello.",
        "One rule has to speak for it.",
        "  against   0  The person is not in group staff.",
    ]


def test_in_place_needs_no_route_on_the_application_s_host(ostiary: Ostiary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_WEB__BASE_URL", "https://auth.example.com")
    added = ostiary(*HELLO, "--everyone", "--handoff", "in-place")
    assert "auth-signin: https://auth.example.com/ostiary/start?attempt=$authHeader0\n" in added.out
    assert "auth-response-headers: X-Ostiary-Attempt,Set-Cookie," in added.out
    assert "The path /ostiary" not in added.out


def test_without_a_choice_of_access_nothing_is_made(ostiary: Ostiary) -> None:
    refused(ostiary(*HELLO), "application.access_missing")
    refused(ostiary(*HELLO, "--everyone", "--group", "staff"), "application.access_contradicts")
    assert ostiary("app", "list").out.splitlines() == ["SLUG  NAME  HOST  ACCESS  STATE"]


@pytest.mark.parametrize(("answer", "access"), [("staff\n", "bound"), ("*\n", "everyone")])
def test_a_person_at_a_terminal_is_asked(ostiary: Ostiary, answer: str, access: str) -> None:
    assert ostiary(*HELLO, typed=answer, terminal=True).status == 0
    assert access in ostiary("app", "list").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("app", "add", "hello"), "provider.external_host_invalid"),
        (("app", "add", "hello", "--everyone", "--host", "hello"), "provider.external_host_invalid"),
        (
            ("app", "add", "hello", "--everyone", "--host", "https://h.example.com/?"),
            "provider.external_host_invalid",
        ),
        ((*HELLO, "--group", "crew"), "group.not_found"),
        ((*HELLO, "--everyone", "--domain", "com"), "provider.cookie_domain_public"),
        ((*HELLO, "--everyone", "--launch-url", "javascript:alert(1)"), "application.launch_url_invalid"),
        ((*HELLO, "--everyone", "--session", "long"), "duration.invalid"),
        ((*HELLO, "--everyone", "--match", "most"), "application.policy_engine_mode_invalid"),
        ((*HELLO, "--everyone", "--provider", "skip_path_regex=/public"), "provider.skip_path_regex_unanchored"),
        ((*HELLO, "--everyone", "--provider", "mode=proxy"), "provider.not_supported_yet"),
        (
            (*HELLO, "--everyone", "--provider", "basic_auth_enabled=true"),
            "provider.basic_auth_password_attribute_invalid",
        ),
        ((*HELLO, "--everyone", "--provider", "colour=red"), "provider.field_unknown"),
        ((*HELLO, "--everyone", "--provider", "mode"), "provider.field_invalid"),
        ((*HELLO, "--everyone", "--provider", "open_paths=[1"), "provider.open_paths_invalid"),
        ((*HELLO, "--everyone", "--provider", "jwt_issuers=x"), "provider.jwt_issuers_invalid"),
        ((*HELLO, "--everyone", "--open-path", "public"), "provider.open_paths_invalid"),
        ((*HELLO, "--everyone", "--header", "username"), "provider.header_names_invalid"),
        ((*HELLO, "--everyone", "--header", "name=X-A", "--header", "name=X-B"), "provider.header_names_invalid"),
        ((*HELLO, "--everyone", "--header", "username=Cookie"), "header.name_reserved"),
        ((*HELLO, "--everyone", "--headers", "mine"), "provider.header_style_invalid"),
        ((*HELLO, "--everyone", "--jwt-issuer", "{"), "provider.jwt_issuers_invalid"),
        ((*HELLO, "--everyone", "--jwt-issuer", "@/none"), "provider.jwt_issuers_invalid"),
        ((*HELLO, "--everyone", "--mapping", "none"), "mapping.not_found"),
        (("mapping", "add", "team"), "header.name_invalid"),
        (("mapping", "add", "team", "--header", "X-Team"), "mapping.expression_missing"),
        (("mapping", "add", "team", "--header", "X-Team", "-e", "1"), "expression.not_text"),
        (("mapping", "show", "none"), "mapping.not_found"),
        (("app", "show", "nothing"), "application.not_found"),
        (("app", "set", "nothing", "--name", "x"), "application.not_found"),
        (("app", "set", "nothing"), "application.nothing_to_change"),
        (("app", "delete", "nothing"), "command.not_confirmed"),
        (("app", "bind", "nothing"), "binding.target_missing"),
        (("app", "bind", "x", "--user", "bob", "--expires", "2030-01-01T00:00"), "binding.expires_invalid"),
        (("app", "bind", "x", "--user", "bob", "--expires", "soon"), "binding.expires_invalid"),
        (("access", "explain", "bob", "nothing"), "application.not_found"),
        (("policy", "add", "p"), "policy.expression_missing"),
        (("policy", "add", "p", "-e", "true", "-f", "x"), "policy.expression_twice"),
        (("policy", "add", "p", "-f", "/nowhere"), "policy.file_unreadable"),
        (("policy", "add", "p", "-e", "user.nam == 'x'"), "expression.unknown_name"),
        (("policy", "test", "p", "bob"), "policy.not_found"),
        (("policy", "test", "p", "bob", "--event", "[]"), "policy.event_invalid"),
        (("policy", "add", "p", "--type", "geoip"), "policy.type_unknown"),
        (("policy", "add", "p", "--type", "password", "-e", "true"), "policy.field_unknown"),
        (("policy", "add", "p", "--type", "password", "--with", "length_min"), "policy.field_invalid"),
        (("policy", "add", "p", "--type", "password", "--with", "length_min=long"), "policy.field_invalid"),
    ],
)
def test_bad_input_is_one_sentence_with_its_code(ostiary: Ostiary, arguments: tuple[str, ...], code: str) -> None:
    refused(ostiary(*arguments), code)


def test_the_life_of_an_application(ostiary: Ostiary) -> None:
    ostiary(*HELLO, "--nobody", "--contact", "help@example.com")
    assert "Access: nobody" in ostiary("app", "show", "hello").out
    assert ostiary("app", "bind", "hello", "--user", "alice", "--expires", "days=1").status == 0
    assert "may open hello" in ostiary("access", "explain", "alice", "hello").out
    ostiary("app", "bind", "hello", "--user", "alice", "--disable")
    assert "alice may not open hello" in ostiary("access", "explain", "alice", "hello").out
    ostiary("app", "bind", "hello", "--user", "alice", "--enable", "--negate")
    assert "alice may not open hello" in ostiary("access", "explain", "alice", "hello").out
    assert "bob may open hello" in ostiary("access", "explain", "bob", "hello").out
    ostiary("app", "disable", "hello")
    assert "The application is disabled." in ostiary("access", "explain", "bob", "hello").out
    ostiary("app", "enable", "hello")
    assert "Access: nobody" in ostiary("app", "unbind", "hello", "--user", "alice").out
    changed = ostiary("app", "set", "hello", "--slug", "hi", "--name", "[bold]Hi", "--host", "https://hi.example.com")
    assert changed.status == 0
    assert ostiary("app", "set", "hi", "--provider", "authorization_flow=my-flow").status == 0
    shown = ostiary("app", "show", "hi").out
    assert "flows       my-flow, default-provider-invalidation-flow\n" in shown
    assert "name        [bold]Hi\n" in shown
    assert "contact     help@example.com\n" in shown
    assert "host        https://hi.example.com\n" in shown
    assert ostiary("app", "delete", "hi", "--yes").status == 0
    refused(ostiary("app", "show", "hi"), "application.not_found")


def test_policies_with_fields(ostiary: Ostiary) -> None:
    made = ostiary(
        "policy", "add", "long", "--type", "password", "--with", "length_min=12", "--with", "error_message=No"
    )
    assert "judges every new password" in made.out
    assert ostiary("policy", "set", "long", "--with", "amount_digits=1").status == 0
    assert ostiary("policy", "list").out.splitlines()[1].split(maxsplit=3) == [
        "long",
        "password",
        "0",
        "amount_digits=1, length_min=12, error_message=No",
    ]
    assert "check_zxcvbn=false\n" in ostiary("policy", "show", "long").out
    assert "password.policy" in ostiary("user", "set-password", "bob", typed="too short\n").err
    assert ostiary("policy", "add", "signed-in", "--type", "event_matcher", "--with", "action=login").status == 0
    for action, answer in (("login", "true"), ("logout", "false")):
        event = f'{{"action": "{action}"}}'
        said = ostiary("policy", "test", "signed-in", "bob", "--event", event).out
        assert said == f"Policy signed-in answered {answer}.\n"
    assert "nothing has happened" in ostiary("policy", "test", "signed-in", "bob").out
    assert "binding.password_policy" in ostiary(*HELLO, "--policy", "long").err
    assert ostiary("policy", "add", "bad", "--type", "reputation", "--with", "check_ip=false").status == 0
    assert ostiary("policy", "test", "bad", "bob").out == "Policy bad answered false.\n"


def test_the_life_of_a_policy(ostiary: Ostiary, tmp_path: Path) -> None:
    file = tmp_path / "rule.cel"
    file.write_text("user.attributes.level >= 3 &&\n  request.path.startsWith('/')\n")
    assert ostiary("policy", "add", "level", "--file", str(file)).status == 0
    assert ostiary("policy", "add", "piped", "--file", "-", typed="user.username == 'bob'").status == 0
    assert ostiary(*HELLO, "--policy", "level").status == 0
    assert ostiary("policy", "test", "level", "bob").out == "Policy level answered true.\n"
    assert ostiary("policy", "test", "level", "bob", "--path", "x").out == "Policy level answered false.\n"
    assert "failed, so it does not pass" in ostiary("policy", "test", "level", "alice").out
    assert ostiary("policy", "list").out.splitlines()[1].split()[:3] == ["level", "expression", "1"]
    assert ostiary("policy", "show", "piped").out == "user.username == 'bob'\n"
    assert ostiary("policy", "set", "level", "-e", "false", "--name", "never").status == 0
    assert "bob may not open hello" in ostiary("access", "explain", "bob", "hello").out
    assert "1 binding that named it stays" in ostiary("policy", "delete", "never").out
    assert "Access: nobody" in ostiary("app", "show", "hello").out


def test_every_field_has_an_option_and_is_shown(ostiary: Ostiary, tmp_path: Path) -> None:
    assert ostiary("mapping", "add", "desk", "--header", "X-Desk", "-e", "user.attributes.desk").status == 0
    issuer = tmp_path / "issuer.json"
    issuer.write_text('{"issuer": "https://ci.example.com", "audience": "x", "jwks_uri": "https://ci.example.com/k"}')
    added = ostiary(
        *("app", "add", "grafana", "--host", "https://apps.example.com/grafana", "--everyone"),
        *("--open-path", "/grafana/public", "--open-path", "/grafana/img", "--skip-path-regex", "^/grafana/health$"),
        *("--cors-preflight", "--header", "username=X-WEBAUTH-USER", "--header", "groups=X-WEBAUTH-GROUPS"),
        *("--group-filter", "grafana-.*", "--additional-header", "X-Team", "--mapping", "desk"),
        *("--no-signed-identity", "--basic-auth", "login:app_password", "--header-authentication"),
        *("--jwt-issuer", f"@{issuer}"),
    )
    assert added.status == 0, added.err
    assert "grafana guards https://apps.example.com/grafana." in added.out
    assert "headers on: X-WEBAUTH-USER, X-WEBAUTH-GROUPS, X-Team, X-Desk, X-Ostiary-Jwt-Assertion\n" in added.out
    shown = ostiary("app", "show", "grafana").out
    for line in (
        "host        https://apps.example.com/grafana\n",
        "open        /grafana/public, /grafana/img, ^/grafana/health$\n",
        "preflight   passes unasked\n",
        "headers     own username=X-WEBAUTH-USER, groups=X-WEBAUTH-GROUPS\n",
        "passed on   X-WEBAUTH-USER, X-WEBAUTH-GROUPS, X-Team, X-Desk, X-Ostiary-Jwt-Assertion\n",
        "groups      grafana-.*\n",
        "additional  X-Team\n",
        "mappings    desk\n",
        "signed      no\n",
        "basic       login:app_password\n",
        "machines    app passwords, tokens of https://ci.example.com\n",
    ):
        assert line in shown
    assert "https://apps.example.com/grafana" in ostiary("app", "list").out
    refused(ostiary("mapping", "delete", "desk"), "mapping.in_use")
    changed = ostiary(
        *("app", "set", "grafana", "--open-path", "", "--skip-path-regex", "", "--no-cors-preflight"),
        *("--headers", "remote", "--group-filter", "", "--additional-header", "", "--mapping", ""),
        *("--signed-identity", "--basic-auth", "", "--no-header-authentication"),
    )
    assert changed.status == 0, changed.err
    labels = [line.split()[0] for line in ostiary("app", "show", "grafana").out.splitlines()]
    assert labels[: labels.index("Access:")] == [
        "slug",
        "name",
        "state",
        "host",
        "hand-off",
        "session",
        "flows",
        "headers",
        "passed",
    ]
    assert ostiary("mapping", "delete", "desk").status == 0


def test_fields_without_an_option_of_their_own_are_lists_and_json_too(ostiary: Ostiary) -> None:
    more = ("--provider", "open_paths=/a, /b", "--provider", 'additional_headers=["X-A"]')
    own = ("--provider", "header_style=own", "--provider", 'header_names={"username": "X-User"}')
    assert ostiary(*HELLO, "--everyone", *more, *own, "--provider", "cors_preflight=true").status == 0
    shown = ostiary("app", "show", "hello").out
    for line in ("open        /a, /b\n", "additional  X-A\n", "headers     own username=X-User\n", "preflight "):
        assert line in shown


def test_mappings_are_listed_changed_and_deleted(ostiary: Ostiary) -> None:
    assert ostiary("mapping", "add", "team", "--header", "X-Team", "-e", "user.attributes.team").status == 0
    assert ostiary("mapping", "test", "team", "bob").out.startswith("Mapping team failed, so bob is refused")
    assert ostiary("mapping", "set", "team", "--expression", "user.groups + [user.name]").status == 0
    assert ostiary("mapping", "test", "team", "bob").out == "X-Team: staff|Bob\n"
    assert ostiary("mapping", "set", "team", "--name", "crew", "--file", "-", typed="'x'").status == 0
    assert ["crew", "X-Team", "0", "'x'"] in [row.split() for row in ostiary("mapping", "list").out.splitlines()]
    assert ostiary("mapping", "show", "crew").out == "'x'\n"
    assert ostiary("mapping", "delete", "crew").status == 0
