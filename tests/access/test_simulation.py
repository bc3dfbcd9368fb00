"""Every difference is what asking `authorize` of everybody, before and after, would have found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.access.authorize import ApplicationRules, authorize
from ostiary.access.simulation import Access, Difference, Side, Simulation
from ostiary.access.world import SEPARATOR, Row, State, World
from ostiary.directory.membership import effective_groups
from ostiary.kit.expressions import Compiler, Expression
from ostiary.policies.engine import VOCABULARY, Kind, Question, Rule, Subject, as_read

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUESTION = Question(NOW)
LATER = NOW + timedelta(days=1)
_COMPILER = Compiler(VOCABULARY)
TEXTS = (
    "'staff' in user.groups",
    "user.is_superuser",
    "user.email.endsWith('@example.com')",
    "user.attributes.level > 2",
    "user.username == 'p3' || user.id == 4",
    "user.type == 'external' && user.name != ''",
    "now.getHours('UTC') < 18",
    "request.path == user.attributes.home",
)
EXPRESSIONS = {text: _COMPILER.compile(text) for text in TEXTS}
GROUPS = ("a", "b", "c", "d")
NAMES = {"a": "staff", "b": "crew", "c": "bosses", "d": "guests"}


def policy(text: str, **more: Any) -> Rule:
    return Rule(f"b{text}", 0, Kind.POLICY, text, text, expression=EXPRESSIONS[text], **more)


def group(key: str, **more: Any) -> Rule:
    return Rule(f"b{key}", 0, Kind.GROUP, key, NAMES[key], **more)


def user(key: int, **more: Any) -> Rule:
    return Rule(f"b{key}", 0, Kind.USER, str(key), f"p{key}", **more)


def application(*rules: Rule, key: str = "hello", **more: Any) -> ApplicationRules:
    fields: dict[str, Any] = {"enabled": True, "access": "bound", "mode": "any", **more}
    return ApplicationRules(key, key, key, rules=rules, **fields)


def world(*applications: ApplicationRules, **more: Any) -> World:
    fields: dict[str, Any] = {"group_names": NAMES, **more}
    return World({one.id: one for one in applications}, **fields)


def person(user_id: int, *groups: str, active: bool = True, attributes: Mapping[str, Any] | None = None) -> Row:
    email = f"p{user_id}@example.{'com' if user_id % 2 else 'net'}"
    return (
        user_id,
        active,
        SEPARATOR.join(groups),
        f"p{user_id}",
        "",
        email,
        "internal",
        json.dumps(dict(attributes or {})),
    )


def simulated(
    before: World, after: World, old: Sequence[Row], new: Sequence[Row] | None = None, batch: int = 3
) -> Simulation:
    """The way it is driven: first whoever changes, then the rest in batches."""
    found = Simulation(before, after, QUESTION)
    was, will = {row[0]: row for row in old}, {row[0]: row for row in (old if new is None else new)}
    differing = sorted(key for key in was.keys() | will.keys() if was.get(key) != will.get(key))
    found.changed([(was.get(key), will.get(key)) for key in differing])
    same = [row for row in old if row[0] not in differing]
    if found.needs_everybody:
        for start in range(0, len(same), batch):
            found.batch(same[start : start + batch])
    return found


def sides(found: Simulation) -> dict[tuple[str, int], Side]:
    return {(one.application_id, one.user_id): one.side for one in found.differences}


def only(found: Simulation) -> Difference:
    assert len(found.differences) == 1
    return found.differences[0]


# --- by brute force ---------------------------------------------------------------------------------------------------


def subject(world: World, row: Row) -> Subject:
    direct = {key for key in row[2].split(SEPARATOR) if key}
    groups = effective_groups(direct & world.group_names.keys(), world.group_parents)
    return Subject(
        user_id=row[0],
        is_active=row[1],
        username=row[3],
        name=row[4],
        email=row[5],
        type=row[6],
        attributes=json.loads(row[7]),
        groups=frozenset(groups),
        group_names=tuple(sorted(world.group_names[key] for key in groups)),
        is_superuser=bool(groups & world.superuser_groups),
    )


def asked(world: World, key: str, row: Row | None, now: datetime) -> Access:
    if row is None or key not in world.applications:
        return Access.NO
    decision = authorize(world.applications[key], subject(world, row), replace(QUESTION, now=now))
    return Access.DEPENDS if decision.volatile else Access.YES if decision.allowed else Access.NO


def brute(
    before: World, after: World, old: Sequence[Row], new: Sequence[Row]
) -> dict[tuple[str, int], tuple[Access, Access, datetime | None]]:
    was, will = {row[0]: row for row in old}, {row[0]: row for row in new}
    moments = sorted(
        {NOW}
        | {
            rule.expires
            for one in (before, after)
            for app in one.applications.values()
            for rule in app.rules
            if rule.expires is not None and rule.expires > NOW
        }
    )
    found: dict[tuple[str, int], tuple[Access, Access, datetime | None]] = {}
    for key in before.applications.keys() | after.applications.keys():
        for one in was.keys() | will.keys():
            for now in moments:
                pair = asked(before, key, was.get(one), now), asked(after, key, will.get(one), now)
                if pair[0] is not pair[1]:
                    found[key, one] = (*pair, None if now == NOW else now)
                    break
    return found


rules = st.builds(
    lambda rule, number, negate, enabled, expires, order: replace(
        rule, binding_id=f"b{number}", negate=negate, enabled=enabled, expires=expires, order=order
    ),
    st.one_of(
        st.sampled_from([group(key) for key in GROUPS]),
        st.sampled_from([user(key) for key in range(1, 5)]),
        st.sampled_from([policy(text) for text in TEXTS]),
        st.just(Rule("b", 0, Kind.LOST, "", "")),
        st.just(Rule("b", 0, Kind.POLICY, "y", "unreadable")),
        st.just(Rule("b", 0, "reputation", "y", "of a later release")),
    ),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([None, None, NOW - timedelta(days=1), LATER, LATER + timedelta(days=1)]),
    st.integers(0, 2),
)
worlds = st.builds(
    lambda apps, superusers, parents: World(
        {f"app{number}": replace(app, id=f"app{number}") for number, app in apps.items()},
        group_names=NAMES,
        superuser_groups=frozenset(superusers),
        group_parents={child: {parent} for child, parent in parents.items() if child < parent},
    ),
    st.dictionaries(
        st.integers(0, 2),
        st.builds(
            lambda rules, enabled, access, mode: application(*rules, enabled=enabled, access=access, mode=mode),
            st.lists(rules, max_size=4),
            st.sampled_from([True, True, True, False]),
            st.sampled_from(["bound", "bound", "bound", "everyone"]),
            st.sampled_from(["any", "all"]),
        ),
        max_size=3,
    ),
    st.sets(st.sampled_from(GROUPS), max_size=1),
    st.dictionaries(st.sampled_from(GROUPS), st.sampled_from(GROUPS), max_size=3),
)
crowds = st.builds(
    lambda people: [
        person(key, *sorted(groups), active=active, attributes=attributes)
        for key, (groups, active, attributes) in sorted(people.items())
    ],
    st.dictionaries(
        st.integers(1, 6),
        st.tuples(
            st.sets(st.sampled_from(GROUPS), max_size=2),
            st.sampled_from([True, True, True, False]),
            st.sampled_from([{}, {"level": 1}, {"level": 3}, {"level": "high"}, {"home": "/"}]),
        ),
        max_size=6,
    ),
)


@settings(max_examples=200)
@given(worlds, worlds, crowds, crowds, st.sampled_from(["nothing", "people", "graph", "expressions", "rules", "both"]))
def test_it_finds_what_asking_everybody_finds(
    before: World, after: World, old: list[Row], new: list[Row], what: str
) -> None:
    if what in ("nothing", "people"):
        after = before
    if what == "graph":
        after = replace(before, group_parents=after.group_parents, superuser_groups=after.superuser_groups)
    if what == "expressions":
        after = replace(before, applications={key: turned(app) for key, app in before.applications.items()})
    if what in ("nothing", "graph", "expressions", "rules"):
        new = old
    found = simulated(before, after, old, new)
    told = {
        (one.application_id, one.user_id): (one.before, one.after, one.at)
        for one in found.differences
        if one.side is not Side.UNCLEAR
    }
    expected = brute(before, after, old, new)
    assert told == expected
    assert all(one.before is one.after is Access.DEPENDS for one in found.differences if one.side is Side.UNCLEAR)
    if what == "nothing":
        assert not found.differences
    gains = {key for (_, key), one in sides_of(expected).items() if one is Side.GAINS}
    assert found.people.gains == len(gains)
    assert {key: count.loses for key, count in found.applications.items() if count.loses} == {
        app: sum(one is Side.LOSES for (key, _), one in sides_of(expected).items() if key == app)
        for app in {key for (key, _), one in sides_of(expected).items() if one is Side.LOSES}
    }


def turned(app: ApplicationRules) -> ApplicationRules:
    """Every second policy asks what the next of ``TEXTS`` asks."""
    rules = [
        replace(rule, expression=EXPRESSIONS[TEXTS[(TEXTS.index(rule.expression.text) + 1) % len(TEXTS)]])
        if isinstance(rule.expression, Expression) and number % 2 == 0
        else rule
        for number, rule in enumerate(app.rules)
    ]
    return replace(app, rules=rules)


def sides_of(found: Mapping[tuple[str, int], tuple[Access, Access, datetime | None]]) -> dict[tuple[str, int], Side]:
    order = list(Access)
    return {
        key: Side.GAINS if order.index(after) > order.index(before) else Side.LOSES
        for key, (before, after, _) in found.items()
    }


# --- case by case -----------------------------------------------------------------------------------------------------


def test_a_binding_that_ends_later_takes_access_away_later() -> None:
    before, after = world(application(group("a"))), world(application(group("a", expires=LATER)))
    one = only(simulated(before, after, [person(1, "a"), person(2)]))
    assert (one.side, one.user_id, one.at) == (Side.LOSES, 1, LATER)
    assert next(reason.text for reason in one.reasons_after) == "The binding has expired."


def test_another_rule_about_the_request_is_unclear_and_a_reason_says_which() -> None:
    before = world(application(policy("now.getHours('UTC') < 18")))
    after = world(application(policy("request.path == user.attributes.home")))
    one = only(simulated(before, after, [person(1)]))
    assert (one.side, one.before, one.after) == (Side.UNCLEAR, Access.DEPENDS, Access.DEPENDS)
    assert simulated(before, before, [person(1)]).differences == []


def test_what_a_rule_about_the_request_reads_of_a_person_may_change_the_answer() -> None:
    home = world(application(policy("request.path == user.attributes.home")))
    old, new = person(1, attributes={"home": "/a"}), person(1, attributes={"home": "/b"})
    assert only(simulated(home, home, [old], [new])).side is Side.UNCLEAR
    hours = world(application(policy("now.getHours('UTC') < 18")))
    assert simulated(hours, hours, [old], [new]).differences == []


def test_totals_are_exact_where_names_are_capped() -> None:
    before, after = world(application(group("a")), application(key="b")), world(application(group("b")))
    people = [person(number, "a" if number % 2 else "b") for number in range(1, 101)]
    found = Simulation(before, after, QUESTION, each=3, most=5)
    for start in range(0, 100, 10):
        found.batch(people[start : start + 10])
    assert found.truncated
    assert (found.people.gains, found.people.loses) == (50, 50)
    assert (found.applications["hello"].gains, found.applications["hello"].loses) == (50, 50)
    assert len(found.differences) == 5
    assert list(sides(found).values()).count(Side.LOSES) <= 3


def test_a_rule_that_names_one_person_says_nothing_of_those_like_them() -> None:
    people = [person(number, "a") for number in range(1, 6)]
    before, after = world(application(group("a"))), world(application(group("a"), user(3, negate=True), mode="all"))
    assert sides(simulated(before, after, people, batch=9)) == {("hello", 3): Side.LOSES}
    after = world(application(user(1), user(4)))
    assert {key for _, key in sides(simulated(before, after, people, batch=9))} == {2, 3, 5}


def test_a_policy_that_asks_something_else_is_compared_beside_those_that_stay() -> None:
    old, new = policy("user.email.endsWith('@example.com')"), policy("user.type == 'external' && user.name != ''")
    new = replace(new, binding_id=old.binding_id, key=old.key, name=old.name)
    level = replace(policy("user.attributes.level > 2"), negate=True, order=1)
    people = [person(number, attributes={"level": number}) for number in range(1, 6)]
    before = world(application(old, level))
    after = world(application(new, level))
    assert sides(simulated(before, after, people, batch=9)) == {("hello", 3): Side.LOSES, ("hello", 5): Side.LOSES}


def test_a_group_s_new_parent_reaches_applications_whose_rules_stay() -> None:
    apps = application(group("b")), application(policy("user.is_superuser"), key="power"), application(key="none")
    before = world(*apps, group_parents={"a": {"c"}}, superuser_groups=frozenset("d"))
    after = world(*apps, group_parents={"a": {"b"}, "b": {"d"}}, superuser_groups=frozenset("d"))
    people = [person(1, "a"), person(2, "b"), person(3, "c"), person(4)]
    assert sides(simulated(before, after, people)) == {
        ("hello", 1): Side.GAINS,
        ("power", 1): Side.GAINS,
        ("power", 2): Side.GAINS,
    }


def test_an_application_is_affected_only_if_its_own_rules_change() -> None:
    before = world(application(group("a")), application(group("b"), key="other"))
    after = world(application(group("a", negate=True)), application(group("b"), key="other"))
    found = simulated(before, after, [person(1, "a")])
    assert found.affected == ["hello"]
    assert not simulated(before, before, []).needs_everybody


def test_expressions_are_told_what_rules_are_told() -> None:
    there = world(application(), superuser_groups=frozenset("c"), group_parents={"a": {"c"}})
    row = person(1, "a", "b", attributes={"level": 3})
    state = State(row, there)
    read = {name: state._read(row, name) for name in VOCABULARY.types if name.startswith("user.")}
    assert state.subject == subject(there, row)
    assert read == as_read(state.subject)
