"""The commands `ostiary user`, `group`, `token`, `events` and `setup-code`, as a person types them."""

import json
import re

import pytest

from tests.cli.typed import Ostiary, done, refused


def test_a_user_from_the_first_day_to_the_last(ostiary: Ostiary) -> None:
    done(ostiary("group", "create", "staff"))
    made = done(
        ostiary(
            "user", "create", "Jane", "--email", "jane@example.com", "--group", "staff", "--attributes", '{"pin": 1}'
        )
    )
    assert made.splitlines()[0] == "jane is created."
    assert "ostiary user set-password jane" in made
    done(ostiary("user", "set-password", "jane", typed="a good password\n"))
    done(ostiary("user", "set", "jane", "--name", "Jane [bold]Doe[/]"))
    done(ostiary("user", "rename", "jane", "jane.doe"))
    shown = done(ostiary("user", "show", "JANE.DOE"))
    assert "name        Jane [bold]Doe[/]" in shown
    assert "password    set" in shown
    assert "groups      staff" in shown
    assert "attributes  pin" in shown
    listed = done(ostiary("user", "list", "--group", "staff")).splitlines()
    assert [line.split()[0] for line in listed] == ["USERNAME", "jane.doe"]
    assert "disabled" in done(ostiary("user", "disable", "jane.doe"))
    done(ostiary("user", "unlock", "jane.doe"))
    done(ostiary("user", "enable", "jane.doe"))
    refused(ostiary("user", "delete", "jane.doe"), "command.not_confirmed")
    done(ostiary("user", "delete", "jane.doe", "--yes"))
    refused(ostiary("user", "show", "jane.doe"), "user.not_found")


def test_the_password_of_a_new_user_comes_from_standard_input(ostiary: Ostiary) -> None:
    refused(ostiary("user", "create", "jane", "--password", typed="short\n"), "password.too_short")
    refused(ostiary("user", "create", "jane", "--password", typed="x" * 20_000), "password.too_long")
    assert done(ostiary("user", "create", "jane", "--password", typed="a good password\n")) == "jane is created.\n"


def test_groups_stand_above_each_other(ostiary: Ostiary) -> None:
    done(ostiary("group", "create", "company"))
    done(ostiary("group", "create", "team", "--parent", "company"))
    done(ostiary("user", "create", "jane"))
    assert done(ostiary("group", "add", "team", "jane")) == "jane is a member now.\n"
    assert done(ostiary("group", "add", "team", "jane")) == "jane was a member already.\n"
    assert "member      jane  (through a group below)" in done(ostiary("group", "show", "company"))
    refused(ostiary("group", "set", "company", "--parent", "team"), "group.circle")
    refused(ostiary("group", "add", "team", "jane", "nobody.here"), "user.not_found")
    refused(ostiary("group", "set", "team"), "group.nothing_to_change")
    done(ostiary("group", "set", "team", "--no-parents", "--name", "crew"))
    listed = done(ostiary("group", "list")).splitlines()
    assert [line.split() for line in listed[1:]] == [
        ["authentik", "Admins", "-", "yes"],
        ["company", "-", "-"],
        ["crew", "-", "-"],
    ]
    assert done(ostiary("group", "remove", "crew", "jane")) == "jane is no direct member any more.\n"
    done(ostiary("group", "delete", "crew", "--yes"))


def test_the_last_superuser_goes_by_force_only(ostiary: Ostiary) -> None:
    refused(ostiary("user", "disable", "akadmin"), "user.last_superuser")
    refused(ostiary("user", "delete", "akadmin", "--yes"), "user.last_superuser")
    refused(ostiary("group", "remove", "authentik Admins", "akadmin"), "user.last_superuser")
    refused(ostiary("group", "set", "authentik Admins", "--no-superuser"), "user.last_superuser")
    done(ostiary("user", "disable", "akadmin", "--force"))


def test_the_key_of_a_token_is_all_that_standard_output_holds(ostiary: Ostiary) -> None:
    done(ostiary("user", "create", "jane"))
    made = ostiary("token", "create", "ci", "--user", "jane", "--description", "for CI")
    assert made.status == 0
    assert re.fullmatch(r"[\w-]{60}\n", made.out)
    assert made.err == "This key is not shown again:\n"
    rotated = ostiary("token", "rotate", "ci")
    assert re.fullmatch(r"[\w-]{60}\n", rotated.out)
    assert rotated.out != made.out
    listed = done(ostiary("token", "list", "--user", "jane")).splitlines()
    assert listed[1].split()[:4] == ["ci", "jane", "the", "API"]
    assert made.out.strip() not in "\n".join(listed)
    refused(ostiary("token", "create", "mail", "--user", "jane", "--app", "mail"), "application.not_found")
    refused(ostiary("token", "create", "late", "--user", "jane", "--expires", "tomorrow"), "token.expires_invalid")
    refused(ostiary("token", "create", "ci", "--user", "jane", "--expires", "never"), "token.identifier_taken")
    done(ostiary("token", "delete", "ci", "--yes"))
    refused(ostiary("token", "delete", "ci", "--yes"), "token.not_found")


def test_an_app_password_names_its_application(ostiary: Ostiary) -> None:
    done(ostiary("user", "create", "jane"))
    done(ostiary("app", "add", "mail", "--host", "https://mail.example.com", "--everyone"))
    made = ostiary("token", "create", "phone", "--user", "jane", "--app", "mail", "--expires", "never")
    assert re.fullmatch(r"[\w-]{60}\n", made.out)
    assert 'curl -H "Authorization: Bearer $KEY" https://mail.example.com/' in made.err
    assert 'curl -u ":$KEY" https://mail.example.com/' in made.err
    assert "mail takes none yet: ostiary app set mail --header-authentication" in made.err
    done(ostiary("app", "set", "mail", "--header-authentication"))
    assert "takes none" not in ostiary("token", "create", "tv", "--user", "jane", "--app", "mail").err
    done(ostiary("token", "delete", "tv", "--yes"))
    done(ostiary("app", "set", "mail", "--slug", "post"))
    assert done(ostiary("token", "list")).splitlines()[1].split() == ["phone", "jane", "post", "never"]
    done(ostiary("app", "set", "post", "--slug", "mail"))
    assert done(ostiary("token", "list")).splitlines()[1].split() == ["phone", "jane", "mail", "never"]


def test_a_service_account_comes_with_its_key(ostiary: Ostiary) -> None:
    made = done(ostiary("user", "create-service-account", "backup", "--with-group", "--expires", "days=7"))
    assert re.fullmatch(r"[\w-]{60}", made.splitlines()[1])
    shown = done(ostiary("user", "show", "backup"))
    assert "type        service_account" in shown
    assert "groups      backup" in shown
    refused(ostiary("user", "set-password", "backup", typed="a good password"), "user.service_account_password")


def test_events_are_listed_the_newest_last(ostiary: Ostiary) -> None:
    done(ostiary("user", "create", "jane", "--name", "a secret name"))
    done(ostiary("user", "disable", "jane"))
    lines = done(ostiary("events", "--limit", "2")).splitlines()
    assert len(lines) == 2
    assert "user_write" in lines[1]
    assert 'changes={"is_active": [true, false]}' in lines[1]
    assert " cli " in lines[1]
    entries = [json.loads(line) for line in done(ostiary("events", "--json", "--user", "CLI")).splitlines()]
    assert [entry["action"] for entry in entries] == ["user_write", "user_write"]
    assert done(ostiary("events", "--action", "logout")) == ""
    refused(ostiary("events", "--action", "log-out"), "event.unknown_action")


def test_a_set_up_code_is_made_until_set_up_is_done(ostiary: Ostiary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_WEB__BASE_URL", "https://auth.example.com")
    first = done(ostiary("setup-code")).splitlines()
    assert re.fullmatch(r"([0-9a-f]{4}-){7}[0-9a-f]{4}", first[0])
    assert first[1] == f"Open https://auth.example.com/if/flow/initial-setup/?code={first[0]}"
    assert done(ostiary("setup-code")).splitlines()[0] != first[0]


def test_after_a_bootstrap_password_there_is_no_set_up_code(ostiary: Ostiary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHENTIK_BOOTSTRAP_PASSWORD", "a good password")
    monkeypatch.setenv("AUTHENTIK_BOOTSTRAP_EMAIL", "root@example.com")
    refused(ostiary("setup-code"), "setup.completed")
    shown = done(ostiary("user", "show", "akadmin"))
    assert "email       root@example.com" in shown
    assert "superuser   yes" in shown
    assert "password    set" in shown


def test_a_recovery_link_is_printed_and_is_a_token_of_its_person(ostiary: Ostiary) -> None:
    done(ostiary("user", "create", "jane"))
    made = ostiary("user", "recovery-link", "jane", "--lasts", "minutes=5")
    assert made.status == 0
    assert re.fullmatch(r"http://<this server>/if/recovery/\?key=[\w-]{60}\n", made.out)
    assert "a recovery link" in done(ostiary("token", "list"))
    refused(ostiary("user", "recovery-link", "jane", "--lasts", "days=8"), "recovery.lifetime")
    refused(ostiary("user", "recovery-link", "nobody"), "user.not_found")
