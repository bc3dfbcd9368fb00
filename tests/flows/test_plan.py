"""A flow runs whole and in order, or not at all."""

import pytest

from ostiary.flows.plan import Admission, Plan, PlannedStage, admission, plan
from ostiary.kit.errors import Refused


def planned(*bound: tuple[int, str]) -> Plan:
    return plan(
        slug="f",
        title="F",
        designation="authentication",
        authentication="none",
        bound=[(order, PlannedStage(f"s{order}", kind, {})) for order, kind in bound],
        known_types={"password", "user_login"},
    )


def test_stages_run_in_their_order() -> None:
    assert [stage.name for stage in planned((100, "user_login"), (10, "password")).stages] == ["s10", "s100"]


def test_a_flow_with_a_stage_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        planned((10, "password"), (30, "authenticator_validate"), (100, "user_login"))
    assert refused.value.code == "flow.stage_type_unknown"
    assert "authenticator_validate" in refused.value.message


@pytest.mark.parametrize(
    ("requirement", "stranger", "signed_in"),
    [
        ("none", Admission.WELCOME, Admission.WELCOME),
        ("require_authenticated", Admission.SIGN_IN_FIRST, Admission.WELCOME),
        ("require_unauthenticated", Admission.WELCOME, Admission.SIGNED_IN_ALREADY),
        ("require_superuser", Admission.SIGN_IN_FIRST, Admission.NOT_ALLOWED),
    ],
)
def test_a_requirement_is_honoured(requirement: str, stranger: Admission, signed_in: Admission) -> None:
    assert admission(requirement, signed_in=False) is stranger
    assert admission(requirement, signed_in=True) is signed_in


@pytest.mark.parametrize("requirement", ["require_redirect", "require_outpost", "require_token", "", "NONE"])
def test_a_requirement_that_cannot_be_judged_is_refused(requirement: str) -> None:
    with pytest.raises(Refused) as refused:
        admission(requirement, signed_in=True)
    assert refused.value.code == "flow.requirement_unknown"
