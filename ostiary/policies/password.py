"""What a password policy says of a new password.

It is in force for the whole house as long as it exists: every password that a person or an administrator sets has to
pass all of them, and the house's own shortest length below them. It needs no binding, and bound to something it never
passes: there is no password to judge there.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.directory.passwords import LONGEST_BYTES
from ostiary.kit.expressions import Failed
from ostiary.policies import fields
from ostiary.policies.fields import Fields

# authentik's: what stands on a keyboard beside letters and digits, and the space.
SYMBOLS: Final = string.punctuation + " "
BEST: Final = 4
"""The highest score of zxcvbn; the lowest is 0."""

FIELDS: Final = Fields(
    password_field=(
        "password",
        fields.only("password", "every new password is judged, whichever page asks for it; leave it at password."),
    ),
    amount_digits=(0, fields.number(high=LONGEST_BYTES)),
    amount_uppercase=(0, fields.number(high=LONGEST_BYTES)),
    amount_lowercase=(0, fields.number(high=LONGEST_BYTES)),
    amount_symbols=(0, fields.number(high=LONGEST_BYTES)),
    length_min=(0, fields.number(high=LONGEST_BYTES)),
    symbol_charset=(SYMBOLS, fields.line(255)),
    error_message=("", fields.line()),
    check_static_rules=(True, fields.flag),
    check_have_i_been_pwned=(False, fields.flag),
    check_zxcvbn=(False, fields.flag),
    hibp_allowed_count=(1, fields.number()),
    zxcvbn_score_threshold=(2, fields.number(high=BEST - 1)),
)


@dataclass(frozen=True)
class PasswordRules:
    """One policy's wishes; ``leaks`` and ``score`` are None where it has none of that kind."""

    digits: int
    uppercase: int
    lowercase: int
    symbols: int
    length: int
    symbol_charset: str
    error_message: str
    leaks: int | None
    """In how many known leaks a password may be."""
    score: int | None
    """The score of zxcvbn that is not enough."""

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "PasswordRules":
        """From a stored configuration."""
        read = FIELDS.complete(config)
        static = read["check_static_rules"]
        return cls(
            digits=read["amount_digits"] if static else 0,
            uppercase=read["amount_uppercase"] if static else 0,
            lowercase=read["amount_lowercase"] if static else 0,
            symbols=read["amount_symbols"] if static else 0,
            length=read["length_min"] if static else 0,
            symbol_charset=read["symbol_charset"],
            error_message=read["error_message"],
            leaks=read["hibp_allowed_count"] if read["check_have_i_been_pwned"] else None,
            score=read["zxcvbn_score_threshold"] if read["check_zxcvbn"] else None,
        )

    def lacks(self, password: str) -> list[str]:
        """What the text itself lacks, each as the end of a sentence that begins with "it needs"."""
        found = (
            (self.length, len(password), "character", "in all"),
            (self.digits, sum(sign in string.digits for sign in password), "digit", ""),
            (self.uppercase, sum(sign in string.ascii_uppercase for sign in password), "capital letter", "(A to Z)"),
            (self.lowercase, sum(sign in string.ascii_lowercase for sign in password), "small letter", "(a to z)"),
            (self.symbols, sum(sign in self.symbol_charset for sign in password), "symbol", ""),
        )
        return [
            f"{wanted} {what}{'' if wanted == 1 else 's'} {more}".rstrip()
            for wanted, has, what, more in found
            if has < wanted
        ]


@dataclass(frozen=True)
class PasswordPolicy:
    """The policy as something that bindings ask."""

    name: str = ""
    volatile: bool = False
    reads: frozenset[str] = frozenset()

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Always raises `Failed`."""
        raise Failed("it judges new passwords, and there is none here; it is in force without being bound")
