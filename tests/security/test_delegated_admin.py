"""AD-02: delegated administrators never raise themselves (authentik #13376, #10600, CVE-2026-94609).

One delegate holds every permission that a role can hold; what is left to gain is being a superuser, or acting as one.
One helper holds those of users, groups, tokens and roles; what is left to gain is everything else. Each attack is asked
of a served installation, on both databases. It must be refused, and afterwards nothing may have changed of what
superusers are, of what decides how people sign in, and of what delegate and helper may.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock

import httpx2
import pytest

from ostiary.directory.codenames import PERMISSIONS
from ostiary.events.record import COMMAND
from ostiary.objects.kinds import all_kinds
from tests.api.conftest import api, sqlite_api
from tests.api.house import ApiHouse
from tests.security.delegates import EVERYTHING, PEOPLE, World, world

__all__ = ["api", "sqlite_api"]

Attack = Callable[[World], httpx2.Response]

# Not allowed, not to be seen, or a value that nobody may give; a mere slip of this file's would be another 400.
REFUSED = {403, 404}
CODES = {"permission.superusers_only", "permission.object_unknown", "group.name_taken", "token.intent_not_made"}
BLUEPRINT = """
version: 1
entries:
  - model: authentik_core.group
    identifiers: {name: risen}
    attrs: {is_superuser: true}
"""


def post(path: str, body: Callable[[World], Any]) -> Attack:
    return lambda w: w.http.post(path.format(**vars(w)), json=body(w))


def put(path: str, body: Callable[[World], Any]) -> Attack:
    return lambda w: w.http.put(path.format(**vars(w)), json=body(w))


def patch(path: str, body: Callable[[World], Any]) -> Attack:
    return lambda w: w.http.patch(path.format(**vars(w)), json=body(w))


def get(path: str) -> Attack:
    return lambda w: w.http.get(path.format(**vars(w)))


def delete(path: str) -> Attack:
    return lambda w: w.http.delete(path.format(**vars(w)))


MEMBERSHIP: dict[str, Attack] = {
    "join the superusers": patch("/core/users/{me}/", lambda w: {"groups": [w.plain, w.top]}),
    "join a group below them": patch("/core/users/{me}/", lambda w: {"groups": [w.below]}),
    "put oneself whole into them": put("/core/users/{me}/", lambda w: w.user(groups=[w.top])),
    "make a superuser": post("/core/users/", lambda w: w.user(groups=[w.top])),
    "make one below them": post("/core/users/", lambda w: w.user(groups=[w.below])),
    "add oneself to the superusers": post("/core/groups/{top}/add_user/", lambda w: {"pk": w.me}),
    "add oneself below them": post("/core/groups/{below}/add_user/", lambda w: {"pk": w.me}),
    "set the members of the superusers": patch("/core/groups/{top}/", lambda w: {"users": [w.me]}),
    "set the members below them": patch("/core/groups/{below}/", lambda w: {"users": [w.me, w.root]}),
    "put the superusers whole": put("/core/groups/{top}/", lambda w: w.group(is_superuser=True, users=[w.me])),
    "take a superuser out": post("/core/groups/{below}/remove_user/", lambda w: {"pk": w.root}),
    "take a superuser out by their groups": patch("/core/users/{root}/", lambda w: {"groups": []}),
}
GROUPS: dict[str, Attack] = {
    "mark one's group": patch("/core/groups/{plain}/", lambda w: {"is_superuser": True}),
    "mark one's group, whole": put("/core/groups/{plain}/", lambda w: w.group(is_superuser=True, users=[w.me])),
    "make a marked group": post("/core/groups/", lambda w: w.group(is_superuser=True, users=[w.me])),
    "make a group below the superusers": post("/core/groups/", lambda w: w.group(parents=[w.top], users=[w.me])),
    "make one below that": post("/core/groups/", lambda w: w.group(parents=[w.below], users=[w.me])),
    "put one's group below them": patch("/core/groups/{plain}/", lambda w: {"parents": [w.top]}),
    "put one's group below that": patch("/core/groups/{plain}/", lambda w: {"parents": [w.below]}),
    "take the mark away": patch("/core/groups/{top}/", lambda w: {"is_superuser": False}),
    "take a group from below them": patch("/core/groups/{below}/", lambda w: {"parents": []}),
    "rename the superusers": patch("/core/groups/{top}/", lambda w: {"name": w.unique("mine")}),
    "give superusers attributes": patch("/core/groups/{below}/", lambda w: {"attributes": {"a": 1}}),
    "give them a role": patch("/core/groups/{top}/", lambda w: {"roles": [w.own]}),
    "delete the superusers": delete("/core/groups/{top}/"),
    "delete a group below them": delete("/core/groups/{below}/"),
}
ACCOUNT: dict[str, Attack] = {
    "set a superuser's password": post("/core/users/{root}/set_password/", lambda w: {"password": "mine, all mine"}),
    "set its hash": post(
        "/core/users/{root}/set_password_hash/",
        lambda w: {"password": "pbkdf2_sha256$1000$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
    ),
    "make a recovery link": post("/core/users/{root}/recovery/", lambda w: {}),
    "act as a superuser": post("/core/users/{root}/impersonate/", lambda w: {"reason": "because"}),
    "take their address": patch("/core/users/{root}/", lambda w: {"email": "me@example.com"}),
    "take their name": patch("/core/users/{root}/", lambda w: {"username": w.unique("mine")}),
    "put them whole": put("/core/users/{root}/", lambda w: w.user(email="me@example.com")),
    "disable them": patch("/core/users/{root}/", lambda w: {"is_active": False}),
    "make them somebody from outside": patch("/core/users/{root}/", lambda w: {"type": "external"}),
    "give them attributes": patch("/core/users/{root}/", lambda w: {"attributes": {"a": 1}}),
    "give them a role": post("/rbac/roles/{own}/add_user/", lambda w: {"pk": w.root}),
    "delete them": delete("/core/users/{root}/"),
    "end their login": delete("/core/authenticated_sessions/{root_session}/"),
    "end all their logins": delete("/core/authenticated_sessions/bulk_delete/?user_pks={root}"),
}
TOKENS: dict[str, Attack] = {
    "make a superuser's token": post(
        "/core/tokens/", lambda w: {"identifier": w.unique("token"), "user": w.root, "intent": "api"}
    ),
    "make their recovery token": post(
        "/core/tokens/", lambda w: {"identifier": w.unique("token"), "user": w.root, "intent": "recovery"}
    ),
    "give them one's token": patch("/core/tokens/{my_token}/", lambda w: {"user": w.root}),
    "give them one's token, whole": put(
        "/core/tokens/{my_token}/", lambda w: {"identifier": w.my_token, "user": w.root, "intent": "api"}
    ),
    "take their token": patch("/core/tokens/{root_token}/", lambda w: {"user": w.me}),
    "keep their token alive": patch("/core/tokens/{root_token}/", lambda w: {"expiring": False}),
    "read its key": get("/core/tokens/{root_token}/view_key/"),
    "set its key": post("/core/tokens/{root_token}/set_key/", lambda w: {"key": "a-key-that-I-know-of-good-length"}),
    "delete it": delete("/core/tokens/{root_token}/"),
    "make a service account of the group's name": post(
        "/core/users/service_account/",
        lambda w: {
            "name": w.house.run(w.house.parts.groups.create(w.unique("g"), by=COMMAND)).name,
            "create_group": True,
        },
    ),
}
SIGN_IN: dict[str, Attack] = {
    "change the sign-in flow": patch(
        "/flows/instances/{flow_slug}/", lambda w: {"authentication": "require_authenticated"}
    ),
    "delete it": delete("/flows/instances/{flow_slug}/"),
    "make a flow": post(
        "/flows/instances/",
        lambda w: {"name": "x", "slug": w.unique("flow"), "title": "x", "designation": "authentication"},
    ),
    "take a stage out": delete("/flows/bindings/{place}/"),
    "change a stage's place": patch("/flows/bindings/{place}/", lambda w: {"order": 99}),
    "add a stage": post("/flows/bindings/", lambda w: {"target": w.flow, "stage": w.spare, "order": 5}),
    "change a stage": patch("/stages/password/{stage}/", lambda w: {"failed_attempts_before_cancel": 9}),
    "make a stage": post("/stages/user_login/", lambda w: {"name": w.unique("stage")}),
    "delete a stage": delete("/stages/all/{spare}/"),
    "bind a policy to the flow": post(
        "/policies/bindings/", lambda w: {"target": w.flow, "policy": w.policy, "order": 0}
    ),
    "bind a group to the flow": post("/policies/bindings/", lambda w: {"target": w.flow, "group": w.plain, "order": 0}),
    "bind a policy to a stage's place": post(
        "/policies/bindings/", lambda w: {"target": w.place, "policy": w.policy, "order": 0}
    ),
    "move a binding to the flow": patch("/policies/bindings/{binding}/", lambda w: {"target": w.flow}),
    "change a flow's binding": patch("/policies/bindings/{flow_binding}/", lambda w: {"negate": True}),
    "take a flow's binding to an application": patch(
        "/policies/bindings/{flow_binding}/", lambda w: {"target": w.application}
    ),
    "delete a flow's binding": delete("/policies/bindings/{flow_binding}/"),
    "change a policy that a flow asks": patch(
        "/policies/expression/{flow_policy}/", lambda w: {"expression": "true || false"}
    ),
    "put it whole": put(
        "/policies/expression/{flow_policy}/", lambda w: {"name": w.unique("policy"), "expression": "true || false"}
    ),
    "delete a policy that a flow asks": delete("/policies/expression/{flow_policy}/"),
    "delete it among all": delete("/policies/all/{flow_policy}/"),
    "make a brand": post("/core/brands/", lambda w: {"domain": f"{w.unique('brand')}.example.com"}),
    "change the brand": patch("/core/brands/{brand}/", lambda w: {"branding_title": "Mine"}),
    "delete the brand": delete("/core/brands/{brand}/"),
}
SYSTEM: dict[str, Attack] = {
    "change a setting": patch("/admin/settings/", lambda w: {"impersonation_require_reason": False}),
    "keep a blueprint": post(
        "/managed/blueprints/", lambda w: {"name": w.unique("blueprint"), "content": BLUEPRINT, "enabled": True}
    ),
    "apply one": post("/managed/blueprints/{blueprint}/apply/", lambda w: {}),
    "import one": lambda w: w.http.post("/managed/blueprints/import/", files={"file": ("x.yaml", BLUEPRINT)}),
}
RIGHTS: dict[str, Attack] = {
    "take what no role can hold": post(
        "/rbac/permissions/assigned_by_roles/{own}/assign/", lambda w: {"permissions": ["authentik_flows.change_flow"]}
    ),
    "take the right to mark groups": post(
        "/rbac/permissions/assigned_by_roles/{own}/assign/",
        lambda w: {"permissions": ["authentik_core.enable_group_superuser"]},
    ),
}
DELEGATE = {**MEMBERSHIP, **GROUPS, **ACCOUNT, **TOKENS, **SIGN_IN, **SYSTEM, **RIGHTS}

MORE = "authentik_core.change_application"
# What the helper does not hold and others do.
HELPER: dict[str, Attack] = {
    "more into one's role": post(
        "/rbac/permissions/assigned_by_roles/{own}/assign/", lambda w: {"permissions": [MORE]}
    ),
    "more into one's role, for one object": post(
        "/rbac/permissions/assigned_by_roles/{own}/assign/",
        lambda w: {"permissions": [MORE], "object_pk": w.application},
    ),
    "more into one's role, as one field": patch("/rbac/roles/{own}/", lambda w: {"permissions": [MORE]}),
    "a new role with more": post("/rbac/roles/", lambda w: {"name": w.unique("role"), "permissions": [MORE]}),
    "a higher role for oneself": post("/rbac/roles/{high}/add_user/", lambda w: {"pk": w.me}),
    "a higher role among one's roles": patch("/core/users/{me}/", lambda w: {"roles": [w.own, w.high]}),
    "a higher role, oneself whole": put("/core/users/{me}/", lambda w: w.user(roles=[w.high])),
    "somebody new with it": post("/core/users/", lambda w: w.user(roles=[w.high])),
    "a higher role for one's group": patch("/core/groups/{plain}/", lambda w: {"roles": [w.high]}),
    "a new group with it": post("/core/groups/", lambda w: w.group(roles=[w.high], users=[w.me])),
    "a group whose members may more": patch("/core/users/{me}/", lambda w: {"groups": [w.wide]}),
    "somebody new in it": post("/core/users/", lambda w: w.user(groups=[w.wide])),
    "oneself added to it": post("/core/groups/{wide}/add_user/", lambda w: {"pk": w.me}),
    "its members set": patch("/core/groups/{wide}/", lambda w: {"users": [w.me]}),
    "one's group below it": patch("/core/groups/{plain}/", lambda w: {"parents": [w.wide]}),
    "a new group below it": post("/core/groups/", lambda w: w.group(parents=[w.wide], users=[w.me])),
    "it deleted": delete("/core/groups/{wide}/"),
    "the higher role deleted": delete("/rbac/roles/{high}/"),
    "the higher role made less": patch(
        "/rbac/permissions/assigned_by_roles/{high}/unassign/", lambda w: {"permissions": [MORE]}
    ),
    "initial permissions for more": post(
        "/rbac/initial_permissions/",
        lambda w: {"name": w.unique("initial"), "role": w.own, "permissions": [PERMISSIONS[MORE].id]},
    ),
    "the password of who may more": post("/core/users/{other}/set_password/", lambda w: {"password": "mine, mine"}),
    "a link of who may more": post("/core/users/{other}/recovery/", lambda w: {}),
    "the address of who may more": patch("/core/users/{other}/", lambda w: {"email": "me@example.com"}),
    "acting as who may more": post("/core/users/{other}/impersonate/", lambda w: {"reason": "because"}),
    "a token of who may more": post("/core/tokens/", lambda w: {"identifier": w.unique("token"), "user": w.other}),
}

# What superusers may not do either, and why.
NOBODY = {
    "delete a policy that a flow asks": "nobody does: its bindings go first",
    "delete it among all": "nobody does: its bindings go first",
    "act as a superuser": "that needs a login; it has a test of its own",
    "acting as who may more": "that needs a login; it has a test of its own",
    "make their recovery token": "recovery links are not made by hand",
    "read its key": "only its hash is kept",
    "make a service account of the group's name": "nobody takes over a group",
    "take what no role can hold": "no role can hold it",
    "take the right to mark groups": "no role can hold it",
}


@pytest.fixture(scope="module")
def delegate(api: ApiHouse) -> Iterator[World]:
    """Who holds every permission that a role can hold."""
    made = world(api, EVERYTHING)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def helper(api: ApiHouse) -> Iterator[World]:
    """Who holds those of users, groups, tokens and roles."""
    made = world(api, PEOPLE)
    yield made
    made.http.close()


def tried(attack: Attack, world: World) -> None:
    """The attack is refused, and leaves everything as it was."""
    before = world.print()
    answer = attack(world)
    refused = answer.status_code in REFUSED or (answer.status_code == 400 and answer.json()["code"] in CODES)
    assert refused, f"{answer.status_code}: {answer.text}"
    after = world.print()
    for name, rows in before.items():
        assert after[name] == rows, name


@pytest.mark.parametrize("attack", DELEGATE.values(), ids=DELEGATE)
def test_a_delegate_does_not_become_a_superuser(delegate: World, attack: Attack) -> None:
    tried(attack, delegate)


@pytest.mark.parametrize("attack", HELPER.values(), ids=HELPER)
def test_a_helper_does_not_come_to_hold_more(helper: World, attack: Attack) -> None:
    tried(attack, helper)


CONTROLS = [
    pytest.param(one, permissions, id=name)
    for attacks, permissions in ((DELEGATE, EVERYTHING), (HELPER, PEOPLE))
    for name, one in attacks.items()
    if name not in NOBODY
]


@pytest.mark.parametrize(("attack", "permissions"), CONTROLS)
def test_it_is_who_asks_that_the_attacks_fail_of(
    sqlite_api: ApiHouse, attack: Attack, permissions: tuple[str, ...]
) -> None:
    made = world(sqlite_api, permissions)
    with made.http, sqlite_api.http() as root:
        answer = attack(replace(made, http=root))
    assert answer.status_code in {200, 201, 204}, answer.text


# Every field by which an object names people, groups or roles, or says what they may, and where it is tried.
NAMING = {
    "authentik_core.user": {"groups", "roles"},
    "authentik_core.group": {"is_superuser", "parents", "roles", "users"},
    "authentik_core.token": {"user"},
    "authentik_rbac.role": {"permissions"},
    "authentik_rbac.initialpermissions": {"role", "permissions"},
    # It opens applications; that of a flow or a stage is changed by superusers alone.
    "authentik_policies.policybinding": {"group", "user"},
    # The record of what somebody did, which gives nobody anything.
    "authentik_events.event": {"user"},
    # The name of a heading, below which people find the application.
    "authentik_core.application": {"group"},
}
WORDS = {"user", "users", "group", "groups", "parents", "role", "roles", "is_superuser", "permissions"}


def test_no_field_is_forgotten_that_names_people_groups_or_roles() -> None:
    rooms: Any = MagicMock()
    found = {label: WORDS & kind.fields.model_fields.keys() for label, kind in all_kinds(rooms).items()}
    for label, fields in found.items():
        assert fields == NAMING.get(label, set()), f"{label}: try these fields here too"


def test_a_delegate_with_a_login_does_not_act_as_a_superuser(delegate: World) -> None:
    before = delegate.print()
    with delegate.browser() as http:
        answer = http.post(f"/core/users/{delegate.root}/impersonate/", json={"reason": "because"})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission.raises")
        assert http.get("/core/users/me/").json()["user"]["pk"] == delegate.me
    assert delegate.print() == before
