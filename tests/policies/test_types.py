import pytest

from ostiary.kit.expressions import Expression
from ostiary.policies.managed import DEFAULTS, translated
from ostiary.policies.reputation import ReputationPolicy
from ostiary.policies.types import PolicyCompiler


@pytest.fixture
def compiler() -> PolicyCompiler:
    return PolicyCompiler()


def test_stored_policies_become_what_can_be_asked(compiler: PolicyCompiler) -> None:
    expression = compiler.ready("expression", "user.id > 0", {})
    assert isinstance(expression, Expression)
    assert compiler.ready("expression", "user.id > 0", "{}") is expression
    assert compiler.ready("reputation", "", '{"threshold": -2}') == ReputationPolicy(
        check_ip=True, check_username=True, threshold=-2
    )


@pytest.mark.parametrize(
    ("type_", "expression", "config"),
    [
        ("expression", "", "{}"),
        ("expression", "import os", "{}"),
        ("geoip", "", "{}"),
        (None, None, None),
        ("reputation", "", '{"threshold": -2, "unknown": 1}'),
        ("reputation", "", "no json"),
        ("reputation", "", "[]"),
        ("reputation", "", '{"threshold": "-2"}'),
        ("reputation", "", '{"threshold": null}'),
        ("reputation", "", '{"check_ip": "no"}'),
        ("event_matcher", "", '{"query": "no cel here"}'),
        ("event_matcher", "", '{"query": 1}'),
        ("event_matcher", "", "[]"),
    ],
)
def test_what_cannot_be_read_cannot_be_asked(
    compiler: PolicyCompiler, type_: str | None, expression: str | None, config: str | None
) -> None:
    assert compiler.ready(type_, expression, config) is None


def test_what_nobody_names_any_more_is_forgotten(compiler: PolicyCompiler) -> None:
    first = compiler.ready("expression", "true", {})
    kept = compiler.ready("expression", "false", {})
    compiler.keep({compiler.key("expression", "false", "{}")})
    assert compiler.ready("expression", "false", {}) is kept
    assert compiler.ready("expression", "true", {}) is not first


@pytest.mark.parametrize("cel", sorted(set(DEFAULTS.values())))
def test_what_python_is_translated_to_compiles(compiler: PolicyCompiler, cel: str) -> None:
    assert compiler.ready("expression", cel, {}) is not None


def test_defaults_are_recognised_by_their_statements_alone() -> None:
    assert translated("\n# why\n  return True  # always\n") == "true"
    with_stage = """
    flow_plan = request.context.get("flow_plan")
    if not flow_plan:
        return True
    # whoever was authenticated has a backend
    return not hasattr(flow_plan.context.get("pending_user"), "backend")
    """
    assert translated(with_stage) == "true"
    for other in ("return True\nreturn False", "return true", "True", "", "return not ak_is_sso_flow()"):
        assert translated(other) is None
