from hypothesis import given
from hypothesis import strategies as st

from ostiary.directory.membership import effective_groups

NAMES = st.sampled_from("abcdefg")


def test_members_of_a_group_are_members_of_all_above() -> None:
    parents = {"team": {"department", "building"}, "department": {"company"}, "other": {"company"}}
    assert effective_groups({"team"}, parents) == {"team", "department", "building", "company"}
    assert effective_groups({"company"}, parents) == {"company"}
    assert effective_groups(set(), parents) == set()


@given(st.sets(NAMES), st.dictionaries(NAMES, st.sets(NAMES)))
def test_it_ends_on_any_graph_and_adding_nothing_changes_nothing(
    direct: set[str], parents: dict[str, set[str]]
) -> None:
    reached = effective_groups(direct, parents)
    assert direct <= reached
    assert effective_groups(reached, parents) == reached
    for group in reached:
        assert parents.get(group, set()) <= reached
