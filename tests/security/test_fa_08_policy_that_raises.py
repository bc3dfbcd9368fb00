"""FA-08: an address that is none makes a policy fail, and a policy that fails denies, negated or not."""

from datetime import UTC, datetime

import pytest

from ostiary.access.authorize import ApplicationRules, authorize
from ostiary.kit.expressions import Compiler
from ostiary.policies.engine import VOCABULARY, Kind, Question, Rule, Subject

SUBJECT = Subject(7, "bob")
COMPILER = Compiler(VOCABULARY)


def allowed(expression: str, client_ip: str, mode: str, *, negate: bool) -> bool:
    rule = Rule("b", 0, Kind.POLICY, "p", "p", negate=negate, expression=COMPILER.compile(expression))
    application = ApplicationRules("a", "app", "App", enabled=True, access="bound", mode=mode, rules=[rule])
    question = Question(datetime(2026, 11, 24, tzinfo=UTC), "app.example.com", "GET", "/", client_ip)
    return authorize(application, SUBJECT, question).allowed


@pytest.mark.parametrize("negate", [True, False])
@pytest.mark.parametrize("mode", ["any", "all"])
@pytest.mark.parametrize("client_ip", ["a", ",", "999.1.1.1", "::g", "", "10.0.0.1, 10.0.0.2", "10.0.0.1/8", "\x00"])
def test_fa_08_an_address_that_is_none_denies(client_ip: str, mode: str, negate: bool) -> None:
    assert not allowed("in_network(request.client_ip, '10.0.0.0/8')", client_ip, mode, negate=negate)


@pytest.mark.parametrize("negate", [True, False])
@pytest.mark.parametrize("mode", ["any", "all"])
@pytest.mark.parametrize(
    "expression",
    ["1 / 0 == 1", "user.attributes.none == 1", "int(user.username) == 1", "timestamp(user.username) < now"],
)
def test_fa_08_a_policy_that_raises_denies(expression: str, mode: str, negate: bool) -> None:
    assert not allowed(expression, "10.0.0.1", mode, negate=negate)


def test_fa_08_the_same_policy_allows_and_denies_by_good_addresses() -> None:
    text = "in_network(request.client_ip, '10.0.0.0/8')"
    assert allowed(text, "10.1.2.3", "any", negate=False)
    assert allowed(text, "::ffff:10.1.2.3", "any", negate=False)
    assert not allowed(text, "192.0.2.1", "any", negate=False)
    assert allowed(text, "192.0.2.1", "any", negate=True)
