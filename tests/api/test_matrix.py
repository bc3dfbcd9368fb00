"""Every operation of the API and who may call it, asked of a served installation.

``python -m pytest -s tests/api/test_matrix.py`` prints the matrix. A new operation that needs no permission belongs in
one of the lists here, or it is an oversight; all others need one, and answer 403 to whoever does not hold it.
"""

import re
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock

import httpx2
import pytest

from ostiary.api.operations import ANYONE, SIGNED_IN, SUPERUSER, Operation, able
from ostiary.directory.codenames import PERMISSIONS, SUPERUSERS_ONLY
from ostiary.directory.permissions import NONE, Permissions
from ostiary.events.record import SYSTEM
from ostiary.objects.kind import Caller
from ostiary.objects.kinds import all_kinds
from tests.api.house import ApiHouse
from tests.api.surface import surface

# Signed in or not.
PUBLIC = frozenset(
    {
        "flows_executor_get",
        "flows_executor_solve",
        "core_brands_current_retrieve",
        "ostiary_browser",
        "root_config_retrieve",
        "schema_retrieve",
    }
)
# Whoever is signed in, about themselves and what is theirs.
PERSONAL = frozenset(
    {
        "admin_apps_list",
        "admin_models_list",
        "admin_version_retrieve",
        "core_applications_check_access_retrieve",
        "core_applications_list",
        "core_applications_retrieve",
        "ostiary_core_applications_retrieve",
        "core_tokens_set_key_create",
        "core_tokens_view_key_retrieve",
        "core_user_consent_destroy",
        "core_user_consent_list",
        "core_user_consent_retrieve",
        "core_user_consent_used_by_list",
        "core_users_impersonate_end_retrieve",
        "core_users_me_retrieve",
        "rbac_permissions_list",
        "rbac_permissions_retrieve",
        "stages_all_user_settings_list",
    }
)
# Kinds of which everybody may have some of their own; the operations show nobody any other.
OWN = frozenset({"authentik_core.authenticatedsession", "authentik_core.token"})
# What only superusers may do, beside all changes of what decides how people sign in.
SUPERUSERS = frozenset(
    {
        "admin_settings_partial_update",
        "admin_settings_update",
        "ostiary_explain_retrieve",
        "ostiary_matrix_retrieve",
        "ostiary_simulate_create",
        "ostiary_simulate_destroy",
        "ostiary_simulate_retrieve",
    }
)
# No permission lets anybody change these. (To clear a cache that is none changes nothing.)
DECIDING = re.compile(
    r"/(flows/(instances(?!/cache_clear)|bindings)|stages|core/brands|admin/settings|managed/blueprints)/"
)

CALLERS = ("anonymous", "person", "delegated", "superuser")
REFUSED = {"api.not_authenticated", "api.not_allowed"}
NOWHERE = "999999999"

ROOMS: Any = MagicMock()
KINDS = all_kinds(ROOMS)
OPERATIONS = surface().built


@dataclass(frozen=True)
class Line:
    """One operation, and what each caller of `CALLERS` was answered."""

    operation: Operation
    answers: tuple[httpx2.Response, ...]

    def __str__(self) -> str:
        one = self.operation
        answers = " ".join(f"{answer.status_code:>9}" for answer in self.answers)
        return f"{one.method:<6} {one.path:<66} {answers}  {one.who.words}"

    def refused(self) -> tuple[bool, ...]:
        """Who was told that they may not do this at all."""
        return tuple(answer.status_code == 403 and answer.json().get("code") in REFUSED for answer in self.answers)


def expected(one: Operation) -> tuple[bool, ...]:
    """Who of `CALLERS` is refused."""
    if one.name in PUBLIC:
        return (False, False, False, False)
    if one.name in PERSONAL or belongs(one) in OWN:
        return (True, False, False, False)
    if one.name in SUPERUSERS or asked_for(one) <= SUPERUSERS_ONLY:
        return (True, True, True, False)
    return (True, True, False, False)


def belongs(one: Operation) -> str:
    """The model that the operation's permission is of."""
    labels = {PERMISSIONS[name].model.label for name in asked_for(one) if name in PERMISSIONS}
    return next(iter(labels), "")


def asked_for(one: Operation) -> set[str]:
    """The permissions of which one is needed."""
    return set(one.who.words.split(" or "))


@pytest.fixture(scope="module")
def matrix(api: ApiHouse) -> list[Line]:
    """Everything, called by everybody, for objects that do not exist and with nothing in the body."""
    keys = ("", api.token(), api.token(*PERMISSIONS), api.token(superuser=True))
    lines = []
    with api.http(keys[0]) as a, api.http(keys[1]) as b, api.http(keys[2]) as c, api.http(keys[3]) as d:
        for one in OPERATIONS:
            path = re.sub(r"\{\w+\}", NOWHERE, one.path)
            body: Any = None if one.method in ("GET", "DELETE") else {}
            answers = tuple(http.request(one.method, path, json=body) for http in (a, b, c, d))
            lines.append(Line(one, answers))
    return lines


def test_the_matrix_is_what_is_written_here(matrix: list[Line]) -> None:
    head = f"{'':<73} {' '.join(f'{who:>9}' for who in CALLERS)}  needs"
    print("\n".join(["", head, *map(str, matrix)]))  # noqa: T201 - it is there to be read
    wrong = [str(line) for line in matrix if line.refused() != expected(line.operation)]
    assert not wrong, "\n".join(["these answer others than the lists in this file say:", *wrong])


def test_nothing_fails(matrix: list[Line]) -> None:
    broken = [str(line) for line in matrix if any(answer.status_code >= 500 for answer in line.answers)]
    assert not broken, "\n".join(broken)


def test_whoever_is_refused_reads_nothing_but_that(matrix: list[Line]) -> None:
    for line in matrix:
        for refused, answer in zip(line.refused(), line.answers, strict=True):
            if refused:
                assert set(answer.json()) == {"detail", "code"}, str(line)


def test_the_lists_name_what_exists() -> None:
    names = {one.name for one in OPERATIONS}
    assert names >= PUBLIC | PERSONAL | SUPERUSERS


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_needs_a_permission_that_there_is(one: Operation) -> None:
    if one.name in PUBLIC:
        assert one.who is ANYONE
    elif one.name in PERSONAL:
        assert one.who is SIGNED_IN
    elif one.name in SUPERUSERS:
        assert one.who is SUPERUSER
    else:
        assert asked_for(one) <= set(PERMISSIONS) | SUPERUSERS_ONLY


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_what_decides_how_people_sign_in_is_changed_by_superusers_alone(one: Operation) -> None:
    if one.method != "GET" and DECIDING.search(one.path):
        everything = Caller(7, "delegate", Permissions(everywhere=frozenset(PERMISSIONS)), SYSTEM)
        assert not one.who.passes(everything)
        assert one.who.passes(Caller(1, "root", Permissions(superuser=True), SYSTEM))


def test_the_kinds_with_owners_are_known() -> None:
    person = Caller(7, "person", NONE, SYSTEM)
    assert {kind.words.label for kind in KINDS.values() if able(kind).passes(person)} == OWN
