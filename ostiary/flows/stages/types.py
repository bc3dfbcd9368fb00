"""Every stage type that can be stored, with its options."""

from collections.abc import Mapping
from typing import Final

from ostiary.flows.stage_fields import StageFields
from ostiary.flows.stages import deny, identification, password, user_login

TYPES: Final[Mapping[str, StageFields]] = {
    "identification": identification.FIELDS,
    "password": password.FIELDS,
    "user_login": user_login.FIELDS,
    "user_logout": StageFields(),
    "deny": deny.FIELDS,
}
"""Type → its options. ``initial_setup`` is not among them: nobody makes another one."""
