"""The commands `ostiary role …`, as a person types them."""

from tests.cli.typed import Ostiary, done, refused

RESET = "authentik_core.reset_user_password"


def test_a_role_from_the_first_day_to_the_last(ostiary: Ostiary) -> None:
    done(ostiary("group", "create", "support"))
    done(ostiary("user", "create", "jane"))
    assert done(ostiary("role", "create", "help-desk")) == "help-desk is created.\n"
    refused(ostiary("role", "create", "help-desk"), "role.name_taken")
    done(ostiary("role", "permit", "help-desk", RESET, "authentik_core.view_user"))
    done(ostiary("role", "create", "other"))
    other = done(ostiary("role", "show", "other")).split()[3]
    done(ostiary("role", "permit", "help-desk", "authentik_rbac.change_role", "--object", other))
    refused(
        ostiary("role", "permit", "help-desk", "authentik_rbac.change_role", "--object", "7"),
        "permission.object_unknown",
    )
    refused(ostiary("role", "permit", "help-desk", "authentik_flows.change_flow"), "permission.superusers_only")
    refused(ostiary("role", "permit", "nobody", RESET), "role.not_found")
    added = done(ostiary("role", "add", "help-desk", "--user", "jane", "--group", "support"))
    assert added == "jane has the role now.\nsupport has the role now.\n"
    assert done(ostiary("role", "add", "help-desk", "--user", "jane")) == "jane had the role already.\n"
    refused(ostiary("role", "add", "help-desk", "--user", "jane", "--group", "nobody"), "group.not_found")
    refused(ostiary("role", "add", "help-desk"), "role.nobody")
    shown = done(ostiary("role", "show", "help-desk"))
    assert f"permits     authentik_rbac.change_role  (object {other})\n" in shown
    assert f"permits     {RESET}\n" in shown
    assert "group       support\nuser        jane\n" in shown
    assert done(ostiary("role", "list")).splitlines()[1].split() == ["help-desk", "3", "support", "jane"]
    told = done(ostiary("role", "forbid", "help-desk", RESET, "authentik_rbac.change_role"))
    assert told.splitlines() == [
        f"{RESET} is not permitted any more.",
        "authentik_rbac.change_role was not permitted so.",
    ]
    done(ostiary("role", "rename", "help-desk", "desk"))
    told = done(ostiary("role", "remove", "desk", "--user", "jane", "--group", "support", "--user", "jane"))
    assert told.splitlines() == [
        "jane has the role no more.",
        "jane did not have the role.",
        "support has the role no more.",
    ]
    done(ostiary("role", "delete", "desk", "--yes"))
    assert "desk" not in done(ostiary("role", "list"))


def test_all_permissions_can_be_listed_and_searched(ostiary: Ostiary) -> None:
    listed = done(ostiary("role", "permissions", "PASSWORD"))
    assert RESET in listed
    assert "impersonate" not in listed
    assert "impersonate" in done(ostiary("role", "permissions"))
