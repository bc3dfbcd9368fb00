import re
from pathlib import Path

import pytest

import ostiary
from ostiary.directory.codenames import (
    MODELS,
    PERMISSIONS,
    SUPERUSERS_ONLY,
    app_name,
    permission,
    permission_numbered,
)
from ostiary.kit.errors import InvalidInput


def test_every_permission_has_a_number_of_its_own_that_never_changes() -> None:
    numbers = {one.id for one in PERMISSIONS.values()}
    assert len(numbers) == len(PERMISSIONS)
    assert max(numbers) < 2**31
    assert PERMISSIONS["authentik_core.view_user"].id == 2087042462
    assert all(permission_numbered(one.id) is one for one in PERMISSIONS.values())
    with pytest.raises(InvalidInput, match=r"permission\.unknown"):
        permission_numbered(1)


def test_names_fit_what_clients_take() -> None:
    for codename, one in PERMISSIONS.items():
        assert re.fullmatch(r"authentik_[a-z0-9_]+\.[a-z_]+", codename)
        assert len(one.short) <= 100
        assert 0 < len(one.name) <= 255
    assert app_name("authentik_providers_proxy") == "authentik Providers Proxy"


@pytest.mark.parametrize(
    ("codename", "single", "code"),
    [
        ("authentik_core.view_user", True, None),
        ("authentik_core.add_user", False, None),
        ("authentik_core.add_user", True, "permission.not_of_one_object"),
        ("authentik_rbac.view_system_info", True, "permission.not_of_one_object"),
        ("authentik_flows.view_flow", True, None),
        ("authentik_flows.change_flow", False, "permission.superusers_only"),
        ("authentik_core.enable_group_superuser", False, "permission.superusers_only"),
        ("authentik_rbac.edit_system_settings", False, "permission.superusers_only"),
        ("view_user", False, "permission.unknown"),
        ("authentik_core.eat_user", False, "permission.unknown"),
    ],
)
def test_a_role_holds_only_what_has_an_effect(codename: str, single: bool, code: str | None) -> None:
    if code is None:
        assert permission(codename, of_one_object=single).codename == codename
    else:
        with pytest.raises(InvalidInput) as refused:
            permission(codename, of_one_object=single)
        assert refused.value.code == code
        assert refused.value.field == "permissions"


def test_every_special_permission_is_asked_for_somewhere() -> None:
    root = Path(ostiary.__file__).parent
    texts = [file.read_text() for file in root.rglob("*.py") if file.name != "codenames.py"]
    special = {f"{model.app}.{short}" for model in MODELS.values() for short in model.special}
    silent = {codename for codename in special if not any(f'"{codename}"' in text for text in texts)}
    # This one is told to clients at /core/users/me/, which show their administration by it.
    assert silent == {"authentik_rbac.access_admin_interface"}


def test_no_role_can_hold_what_makes_superusers() -> None:
    dangerous = ("authentik_flows.", "authentik_stages_", "authentik_brands.", "authentik_blueprints.")
    given = {one for one in PERMISSIONS if one.startswith(dangerous) and re.search(r"\.(add|change|delete)_", one)}
    assert given <= {"authentik_stages_consent.delete_userconsent"}
    assert not SUPERUSERS_ONLY & set(PERMISSIONS)
    assert "authentik_blueprints.add_blueprintinstance" in SUPERUSERS_ONLY
    assert {model.label for model in MODELS.values()} == set(MODELS)
