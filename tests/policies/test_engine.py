from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kit.expressions import Compiler
from ostiary.policies.engine import VOCABULARY, Decision, Kind, Question, Result, Rule, Subject, decide

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUESTION = Question(NOW, "app.example.com", "GET", "/", "10.0.0.9")
SUBJECT = Subject(7, "bob", groups=frozenset({"g1"}), group_names=("staff",), attributes={"level": 3})
COMPILER = Compiler(VOCABULARY)
EXPRESSIONS = {
    text: COMPILER.compile(text)
    for text in (
        "true",
        "false",
        "1 / 0 == 1",
        "request.path == '/'",
        "request.path == '/x'",
        "user.attributes.none == 1",
    )
}


def rule(kind: Kind = Kind.GROUP, key: str = "g1", order: int = 0, **more: object) -> Rule:
    return replace(Rule(f"b{order}", order, kind, key, key), **more)  # type: ignore[arg-type]


def policy(text: str, order: int = 0, **more: object) -> Rule:
    return rule(Kind.POLICY, "p", order, expression=EXPRESSIONS[text], **more)


def ask(rules: list[Rule], mode: str = "any", access: str = "bound") -> Decision:
    return decide(access, mode, rules, SUBJECT, QUESTION)


MEMBER, STRANGER = rule(), rule(key="g2", order=1)
YES, NO, BROKEN = policy("true", 2), policy("false", 3), policy("1 / 0 == 1", 4)


@pytest.mark.parametrize(
    ("rules", "any_mode", "all_mode"),
    [
        ([MEMBER], True, True),
        ([STRANGER], False, False),
        ([MEMBER, STRANGER], True, False),
        ([replace(STRANGER, negate=True)], True, True),
        ([replace(MEMBER, negate=True)], False, False),
        ([MEMBER, replace(STRANGER, negate=True)], True, True),
        ([rule(Kind.USER, "7")], True, True),
        ([rule(Kind.USER, "8")], False, False),
        ([rule(Kind.USER, "8", negate=True)], True, True),
        ([YES], True, True),
        ([NO], False, False),
        ([replace(NO, negate=True)], True, True),
        ([BROKEN], False, False),
        ([replace(BROKEN, negate=True)], False, False),
        ([BROKEN, MEMBER], True, False),
        ([replace(BROKEN, negate=True), STRANGER], False, False),
        ([rule(Kind.POLICY, "p", expression=None)], False, False),
        ([rule(Kind.POLICY, "p", expression=None, negate=True)], False, False),
        ([replace(MEMBER, kind="role")], False, False),
        ([], False, False),
        ([replace(MEMBER, enabled=False)], False, False),
        ([replace(MEMBER, enabled=False), YES], True, True),
        ([replace(MEMBER, enabled=False), NO], False, False),
        ([replace(MEMBER, expires=NOW)], False, False),
        ([replace(MEMBER, expires=NOW + timedelta(microseconds=1))], True, True),
        ([replace(STRANGER, negate=True, expires=NOW)], False, False),
    ],
)
def test_truth_table(rules: list[Rule], any_mode: bool, all_mode: bool) -> None:
    assert ask(rules, "any").allowed is any_mode
    assert ask(rules, "all").allowed is all_mode


def test_everyone_needs_no_rule_and_asks_none() -> None:
    decision = ask([STRANGER], access="everyone")
    assert decision.allowed
    assert not decision.volatile
    assert [reason.rule for reason in decision.reasons] == [None]


@pytest.mark.parametrize(
    ("access", "mode"), [("", "any"), ("Everyone", "any"), ("bound", ""), ("bound", "ANY"), ("bound", "none")]
)
def test_unknown_words_deny(access: str, mode: str) -> None:
    assert not ask([MEMBER], mode, access).allowed


def test_reasons_name_each_rule_in_order() -> None:
    rules = [
        BROKEN,
        replace(MEMBER, order=9, enabled=False),
        NO,
        STRANGER,
        replace(YES, expires=NOW),
        rule(Kind.USER, "7"),
    ]
    decision = ask(rules)
    assert [(reason.rule.order, reason.result) for reason in decision.reasons if reason.rule] == [
        (0, Result.FOR),
        (1, Result.AGAINST),
        (2, Result.IDLE),
        (3, Result.AGAINST),
        (4, Result.ERROR),
        (9, Result.IDLE),
    ]
    assert decision.reasons[1].text == "The person is not in group g2."
    assert "divide by zero" in decision.reasons[4].text


def test_the_order_of_equal_orders_is_the_binding_s_id() -> None:
    first, second = replace(MEMBER, binding_id="a"), replace(MEMBER, binding_id="b")
    assert ask([first, second]).reasons == ask([second, first]).reasons


@pytest.mark.parametrize(
    ("rules", "mode", "volatile"),
    [
        ([policy("request.path == '/'")], "any", True),
        ([policy("request.path == '/x'")], "all", True),
        ([MEMBER, policy("request.path == '/'", 1)], "any", False),
        ([MEMBER, policy("request.path == '/'", 1)], "all", True),
        ([STRANGER, policy("request.path == '/'", 2)], "all", False),
        ([STRANGER, policy("request.path == '/'", 2)], "any", True),
        ([policy("request.path == '/'", enabled=False), MEMBER], "any", False),
        ([YES], "any", False),
    ],
)
def test_volatile_only_where_a_request_can_change_the_answer(rules: list[Rule], mode: str, volatile: bool) -> None:
    assert ask(rules, mode).volatile is volatile


def test_a_decision_ends_with_the_first_binding_that_ends() -> None:
    soon, late = NOW + timedelta(minutes=1), NOW + timedelta(days=1)
    rules = [
        replace(MEMBER, expires=late),
        replace(STRANGER, expires=soon),
        replace(NO, expires=NOW - timedelta(days=1)),
    ]
    assert ask(rules).expires == soon
    assert ask([MEMBER]).expires is None
    assert ask([replace(MEMBER, expires=soon, enabled=False), YES]).expires is None


def test_what_an_expression_may_read_is_what_it_is_given() -> None:
    subject = Subject(
        7,
        "bob",
        "Bob",
        "b@example.com",
        is_superuser=True,
        type="external",
        group_names=("staff",),
        attributes={"a": 1},
    )
    question = Question(NOW, "h", "POST", "/p", "10.0.0.1")
    text = (
        "user.id == 7 && user.username == 'bob' && user.name == 'Bob' && user.email == 'b@example.com'"
        " && user.is_superuser && user.type == 'external' && user.groups == ['staff'] && user.attributes == {'a': 1}"
        " && request.host == 'h'"
        " && request.method == 'POST' && request.path == '/p' && request.client_ip == '10.0.0.1'"
        " && now == timestamp('2026-11-24T12:00:00Z')"
    )
    asked = Rule("b", 0, Kind.POLICY, "p", "p", expression=COMPILER.compile(text))
    assert decide("bound", "any", [asked], subject, question).allowed


KINDS = st.one_of(
    st.builds(lambda key: (Kind.GROUP, key, None, key == "g1"), st.sampled_from(["g1", "g2"])),
    st.builds(lambda key: (Kind.USER, key, None, key == "7"), st.sampled_from(["7", "8"])),
    st.builds(
        lambda text: (
            Kind.POLICY,
            "p",
            EXPRESSIONS[text],
            {"true": True, "false": False, "request.path == '/'": True, "request.path == '/x'": False}.get(text),
        ),
        st.sampled_from(sorted(EXPRESSIONS)),
    ),
)
Drawn = tuple[Rule, bool | None]


@st.composite
def drawn_rules(draw: st.DrawFn) -> list[Drawn]:
    """Rules, each with what it asks: met, not met, or None for one that errs."""
    rules: list[Drawn] = []
    for number in range(draw(st.integers(0, 6))):
        kind, key, expression, met = draw(KINDS)
        ends = draw(st.sampled_from([None, NOW, NOW - timedelta(1), NOW + timedelta(1)]))
        made = Rule(
            f"b{number}",
            draw(st.integers(0, 3)),
            kind,
            key,
            key,
            draw(st.booleans()),
            draw(st.booleans()),
            ends,
            expression,
        )
        rules.append((made, met))
    return rules


@given(drawn_rules(), st.sampled_from(["any", "all"]), st.randoms())
def test_the_decision_is_the_plain_reading_of_its_rules(drawn: list[Drawn], mode: str, shuffle: object) -> None:
    parts = [met is not None and met is not made.negate for made, met in drawn if made.in_force(NOW)]
    expected = bool(parts) and (all(parts) if mode == "all" else any(parts))
    decision = ask([made for made, _ in drawn], mode)
    assert decision.allowed is expected
    shuffled = [made for made, _ in drawn]
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ask(shuffled, mode) == decision
    assert [reason.rule for reason in decision.reasons if reason.rule] == sorted(
        (made for made, _ in drawn), key=lambda made: (made.order, made.binding_id)
    )
    if not decision.volatile:
        elsewhere = Question(NOW, "other.example.com", "POST", "/x", "192.0.2.1")
        assert decide("bound", mode, shuffled, SUBJECT, elsewhere).allowed is decision.allowed
