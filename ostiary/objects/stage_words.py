"""What each stage type is called."""

from collections.abc import Mapping
from typing import Final

from ostiary.objects.kind import Words

WORDS: Final[Mapping[str, Words]] = {
    "identification": Words(
        "authentik_stages_identification.identificationstage",
        "Identification Stage",
        "Identification Stages",
        "ak-stage-identification-form",
    ),
    "password": Words(
        "authentik_stages_password.passwordstage", "Password Stage", "Password Stages", "ak-stage-password-form"
    ),
    "user_login": Words(
        "authentik_stages_user_login.userloginstage",
        "User Login Stage",
        "User Login Stages",
        "ak-stage-user-login-form",
    ),
    "user_logout": Words(
        "authentik_stages_user_logout.userlogoutstage",
        "User Logout Stage",
        "User Logout Stages",
        "ak-stage-user-logout-form",
    ),
    "deny": Words("authentik_stages_deny.denystage", "Deny Stage", "Deny Stages", "ak-stage-deny-form"),
    # Ours alone, and nobody makes another one.
    "initial_setup": Words("ostiary_flows.initialsetupstage", "Initial Setup Stage", "Initial Setup Stages"),
}
"""Type → its words."""
DESCRIPTIONS: Final[Mapping[str, str]] = {
    "identification": "Asks who a person is.",
    "password": "Asks for a person's password.",
    "user_login": "Begins a login.",
    "user_logout": "Ends the login.",
    "deny": "Ends the flow and says why.",
}
"""Type → what it does, of those that can be made."""
