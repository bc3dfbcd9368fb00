import pytest

from ostiary.kit.expressions import Failed
from ostiary.policies.password import FIELDS, PasswordPolicy, PasswordRules


def lacks(password: str, **config: object) -> list[str]:
    return PasswordRules.read(config).lacks(password)


@pytest.mark.parametrize(
    ("field", "amount", "good", "bad", "said"),
    [
        ("length_min", 3, "abc", "ab", "3 characters in all"),
        ("amount_digits", 2, "a1b2", "a1٢", "2 digits"),
        ("amount_uppercase", 1, "aB", "aÄ", "1 capital letter (A to Z)"),
        ("amount_lowercase", 1, "aB", "BÄ", "1 small letter (a to z)"),
        ("amount_symbols", 2, "a! ", "a!§", "2 symbols"),
    ],
)
def test_each_amount_is_counted(field: str, amount: int, good: str, bad: str, said: str) -> None:
    assert lacks(good, **{field: amount}) == []
    assert lacks(bad, **{field: amount}) == [said]


def test_symbols_are_those_of_the_policy() -> None:
    assert lacks("a!", amount_symbols=1, symbol_charset="§") == ["1 symbol"]
    assert lacks("a§", amount_symbols=1, symbol_charset="§") == []


def test_static_rules_can_be_off() -> None:
    assert lacks("", length_min=8, check_static_rules=False) == []


def test_nothing_is_asked_of_others_unless_a_policy_says_so() -> None:
    rules = PasswordRules.read({})
    assert (rules.leaks, rules.score) == (None, None)
    rules = PasswordRules.read({"check_have_i_been_pwned": True, "check_zxcvbn": True})
    assert (rules.leaks, rules.score) == (1, 2)
    assert PasswordRules.read(FIELDS.defaults) == PasswordRules.read({})


def test_bound_to_something_it_never_passes() -> None:
    with pytest.raises(Failed, match="new passwords"):
        PasswordPolicy().evaluate({})
