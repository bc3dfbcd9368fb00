"""The commands `ostiary flow …`, as a person types them."""

from tests.cli.typed import Ostiary, done, refused


def test_flows_are_listed_and_shown_with_their_stages_and_users(ostiary: Ostiary) -> None:
    rows = [line.split() for line in done(ostiary("flow", "list")).splitlines()]
    assert ["default-authentication-flow", "authentication", "Sign", "in", "3"] in rows
    shown = done(ostiary("flow", "show", "default-authentication-flow"))
    assert "designation   authentication\n" in shown
    assert "  10  identification  default-authentication-identification\n" in shown
    assert "      user_fields: email, username\n" in shown
    assert "      pretend_user_exists: yes\n" in shown
    assert shown.index("  20  password  ") < shown.index(" 100  user_login  ")
    assert "used by Ostiary's sign-in page" in shown
    refused(ostiary("flow", "show", "none"), "flow.not_found")
