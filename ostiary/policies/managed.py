"""The Python that authentik's own default policies hold, and what each says in CEL.

A blueprint or a tool that brings one of them along gets what it means. All other Python is refused. They are recognised
by their statements: comments, empty lines and spaces around lines do not count.
"""

from collections.abc import Mapping
from typing import Final

_PASSWORD_STAGE: Final = """
flow_plan = request.context.get("flow_plan")
if not flow_plan:
return True
return not hasattr(flow_plan.context.get("pending_user"), "backend")
""".strip()

DEFAULTS: Final[Mapping[str, str]] = {
    "return True": "true",
    "return False": "false",
    "return request.user.is_authenticated": "user.id > 0",
    "return request.user.is_active": "user.id > 0",
    "return request.user.is_superuser": "user.is_superuser",
    "return not request.user.is_authenticated": "user.id == 0",
    # Nobody comes from another identity provider yet.
    "return ak_is_sso_flow": "false",
    "return not ak_is_sso_flow": "true",
    # Whether the password was shown already, the stage itself knows.
    _PASSWORD_STAGE: "true",
}


def translated(text: str) -> str | None:
    """The CEL of a recognised default; None for everything else."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return DEFAULTS.get("\n".join(line for line in lines if line))
