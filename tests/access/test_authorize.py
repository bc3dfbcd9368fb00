from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.access.authorize import ApplicationRules, authorize
from ostiary.policies.engine import Kind, Question, Rule, Subject

QUESTION = Question(datetime(2026, 11, 24, tzinfo=UTC))
SUBJECT = Subject(7, "bob", groups=frozenset({"g1"}))
RULE = Rule("b", 0, Kind.GROUP, "g1", "staff")
APPLICATION = ApplicationRules("a", "hello", "Hello", enabled=True, access="bound", mode="any", rules=[RULE])

RULES = st.lists(
    st.builds(
        Rule,
        st.uuids().map(str),
        st.integers(0, 3),
        st.sampled_from(list(Kind)),
        st.sampled_from(["g1", "7", "x"]),
        st.just("name"),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
)
ACCESS = st.sampled_from(["everyone", "bound", "", "any"])
MODE = st.sampled_from(["any", "all", ""])


def test_a_member_is_let_in() -> None:
    assert authorize(APPLICATION, SUBJECT, QUESTION).allowed
    assert authorize(replace(APPLICATION, access="everyone", rules=()), SUBJECT, QUESTION).allowed


@given(ACCESS, MODE, RULES, st.booleans())
def test_never_for_a_disabled_account(access: str, mode: str, rules: list[Rule], superuser: bool) -> None:
    application = replace(APPLICATION, access=access, mode=mode, rules=rules)
    decision = authorize(application, replace(SUBJECT, is_active=False, is_superuser=superuser), QUESTION)
    assert not decision.allowed
    assert decision.reasons[0].text == "The account is disabled."


@given(ACCESS, MODE, RULES, st.booleans())
def test_never_for_a_disabled_application(access: str, mode: str, rules: list[Rule], superuser: bool) -> None:
    application = replace(APPLICATION, enabled=False, access=access, mode=mode, rules=rules)
    decision = authorize(application, replace(SUBJECT, is_superuser=superuser), QUESTION)
    assert not decision.allowed
    assert decision.reasons[0].text == "The application is disabled."


@given(MODE, RULES, st.booleans())
def test_never_for_a_bound_application_without_a_binding_in_force(
    mode: str, rules: list[Rule], superuser: bool
) -> None:
    idle = [replace(rule, enabled=False) for rule in rules]
    application = replace(APPLICATION, mode=mode, rules=idle)
    assert not authorize(application, replace(SUBJECT, is_superuser=superuser), QUESTION).allowed


@pytest.mark.parametrize("superuser", [True, False])
def test_superusers_are_asked_like_everyone(superuser: bool) -> None:
    subject = replace(SUBJECT, groups=frozenset({"admins"}), is_superuser=superuser)
    assert not authorize(APPLICATION, subject, QUESTION).allowed


@pytest.mark.parametrize("word", [None, 1, "true"])
def test_what_is_not_exactly_true_is_not_active(word: object) -> None:
    assert not authorize(APPLICATION, replace(SUBJECT, is_active=word), QUESTION).allowed  # type: ignore[arg-type]
    assert not authorize(replace(APPLICATION, enabled=word), SUBJECT, QUESTION).allowed  # type: ignore[arg-type]
