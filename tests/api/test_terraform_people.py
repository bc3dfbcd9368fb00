"""What Terraform's provider sends for users, groups and tokens: create, read, update, read, delete; no difference."""

from typing import Any

import pytest

from tests.api.house import ApiHouse


def differs(said: dict[str, Any], read: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What Terraform would show as a change that nobody made."""
    return {name: (value, read.get(name)) for name, value in said.items() if read.get(name) != value}


@pytest.mark.parametrize("kind", ["users", "groups", "tokens"])
def test_nothing_differs_after_each_step(api: ApiHouse, kind: str) -> None:
    name = api.unique("terraform")
    with api.http() as http:
        role = http.post("/rbac/roles/", json={"name": api.unique("role")}).json()["pk"]
        parent = http.post("/core/groups/", json={"name": api.unique("parent")}).json()["pk"]
        robot = {"username": api.unique("robot"), "name": "Robot", "type": "service_account", "path": "robots"}
        member = http.post("/core/users/", json=robot).json()["pk"]
        created, updated, key = {
            "users": (
                {
                    "username": name,
                    "name": "Jane Doe",
                    "type": "internal",
                    "is_active": True,
                    "email": "jane@example.com",
                    "path": "users",
                    "attributes": {"office": {"room": "12"}},
                    "groups": [parent],
                    "roles": [role],
                },
                {"email": "doe@example.com", "groups": [], "roles": [], "is_active": False, "attributes": {}},
                "pk",
            ),
            "groups": (
                {
                    "name": name,
                    "is_superuser": False,
                    "parents": [parent],
                    "users": [member],
                    "roles": [role],
                    "attributes": {"team": "blue"},
                },
                {"is_superuser": True, "parents": [], "users": [], "roles": [], "attributes": {}},
                "pk",
            ),
            "tokens": (
                {
                    "identifier": name,
                    "intent": "api",
                    "user": member,
                    "description": "for the pipeline",
                    "expiring": True,
                    "expires": "2100-01-01T00:00:00Z",
                },
                {"description": "for nothing", "expiring": False, "expires": None},
                "identifier",
            ),
        }[kind]
        made = http.post(f"/core/{kind}/", json=created)
        assert made.status_code == 201, made.text
        address = f"/core/{kind}/{made.json()[key]}/"
        assert differs(created, http.get(address).json()) == {}
        changed = {**created, **updated}
        assert http.put(address, json=changed).status_code == 200
        assert differs(changed, http.get(address).json()) == {}
        assert http.put(address, json=changed).json() == http.get(address).json()
        assert http.delete(address).status_code == 204
        assert http.get(address).status_code == 404
