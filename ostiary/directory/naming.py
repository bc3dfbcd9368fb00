"""By what a person may be named who signs in."""

from dataclasses import dataclass
from typing import Final

USERNAME: Final = "username"
EMAIL: Final = "email"


@dataclass(frozen=True)
class Naming:
    """``by`` is of username and email. Without ``any_case`` a name counts only as it is stored."""

    by: tuple[str, ...] = (USERNAME, EMAIL)
    any_case: bool = True


ANY_NAME: Final = Naming()
"""By either, in any case."""
