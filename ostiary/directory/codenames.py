"""Every permission that a role can hold, by authentik's codenames, and nothing that would have no effect.

A permission is to view, add, change or delete objects of one model, or a special one of that model. What would make
its holder a superuser in one more step – flows, stages, brands, blueprints, settings, superuser groups – no role can
hold; sight of it, roles can.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ostiary.kit.errors import InvalidInput

VERBS: Final = ("view", "add", "change", "delete")

_ALL = VERBS
_VIEW = ("view",)
_VIEW_DELETE = ("view", "delete")


@dataclass(frozen=True)
class Model:
    """A type of object. ``single`` says whether permissions can be given for one object of it."""

    label: str
    """Such as ``authentik_core.user``."""
    name: str
    verbs: Sequence[str] = _ALL
    special: Mapping[str, str] = field(default_factory=dict)
    """Codename → what it lets do."""
    single: bool = True

    @property
    def app(self) -> str:
        """Such as ``authentik_core``."""
        return self.label.partition(".")[0]

    @property
    def word(self) -> str:
        """Such as ``user``."""
        return self.label.partition(".")[2]


@dataclass(frozen=True)
class Permission:
    """One permission. ``codename`` is whole, such as ``authentik_core.view_user``."""

    codename: str
    name: str
    model: Model

    @property
    def id(self) -> int:
        """Its number: the same in every installation and release, for it comes from the codename alone."""
        return int.from_bytes(hashlib.sha256(self.codename.encode()).digest()[:4]) >> 1

    @property
    def short(self) -> str:
        """Such as ``view_user``."""
        return self.codename.partition(".")[2]

    @property
    def single(self) -> bool:
        """Whether it can be given for one object: nothing can be added to an object that exists."""
        return self.model.single and self.short != f"add_{self.model.word}"


MODELS: Final[Mapping[str, Model]] = {
    model.label: model
    for model in (
        Model(
            "authentik_core.user",
            "User",
            special={
                "reset_user_password": "Reset Password",
                "impersonate": "Can impersonate other users",
                "view_user_applications": "View applications the user has access to",
            },
        ),
        Model(
            "authentik_core.group",
            "Group",
            special={"add_user_to_group": "Add user to group", "remove_user_from_group": "Remove user from group"},
        ),
        Model(
            "authentik_core.token",
            "Token",
            special={"view_token_key": "View token's key", "set_token_key": "Set a token's key"},
        ),
        Model("authentik_core.application", "Application"),
        Model("authentik_core.authenticatedsession", "Authenticated Session", _VIEW_DELETE, single=False),
        Model("authentik_core.provider", "Provider", _VIEW_DELETE),
        Model("authentik_core.propertymapping", "Property Mapping", _VIEW_DELETE),
        Model("authentik_providers_proxy.proxyprovider", "Proxy Provider"),
        Model("authentik_providers_oauth2.scopemapping", "Scope Mapping"),
        Model("authentik_stages_consent.userconsent", "User Consent", _VIEW_DELETE, single=False),
        Model(
            "authentik_policies.policy",
            "Policy",
            _VIEW_DELETE,
            special={
                "view_policy_cache": "View Policy's cache metrics",
                "clear_policy_cache": "Clear Policy's cache metrics",
            },
        ),
        Model("authentik_policies.policybinding", "Policy Binding"),
        Model("authentik_policies_expression.expressionpolicy", "Expression Policy"),
        Model("authentik_policies_password.passwordpolicy", "Password Policy"),
        Model("authentik_policies_event_matcher.eventmatcherpolicy", "Event Matcher Policy"),
        Model("authentik_policies_reputation.reputationpolicy", "Reputation Policy"),
        Model("authentik_policies_reputation.reputation", "Reputation Score", _VIEW_DELETE, single=False),
        Model(
            "authentik_flows.flow",
            "Flow",
            _VIEW,
            special={
                "export_flow": "Can export a Flow",
                "inspect_flow": "Can inspect a Flow's execution",
                "view_flow_cache": "View Flow's cache metrics",
                "clear_flow_cache": "Clear Flow's cache metrics",
            },
        ),
        Model("authentik_flows.flowstagebinding", "Flow Stage Binding", _VIEW),
        Model("authentik_flows.stage", "Stage", _VIEW),
        Model("authentik_stages_identification.identificationstage", "Identification Stage", _VIEW),
        Model("authentik_stages_password.passwordstage", "Password Stage", _VIEW),
        Model("authentik_stages_user_login.userloginstage", "User Login Stage", _VIEW),
        Model("authentik_stages_user_logout.userlogoutstage", "User Logout Stage", _VIEW),
        Model("authentik_stages_deny.denystage", "Deny Stage", _VIEW),
        Model("authentik_brands.brand", "Brand", _VIEW),
        Model(
            "authentik_crypto.certificatekeypair",
            "Certificate-Key Pair",
            special={
                "view_certificatekeypair_certificate": "View Certificate-Key pair's certificate",
                "view_certificatekeypair_key": "View Certificate-Key pair's private key",
            },
        ),
        Model("authentik_outposts.outpost", "Outpost"),
        Model("authentik_outposts.outpostserviceconnection", "Outpost Service-Connection", _VIEW_DELETE),
        Model("authentik_outposts.kubernetesserviceconnection", "Kubernetes Service-Connection"),
        Model("authentik_outposts.dockerserviceconnection", "Docker Service-Connection"),
        Model("authentik_events.event", "Event", ("view", "add"), single=False),
        Model("authentik_blueprints.blueprintinstance", "Blueprint Instance", _VIEW),
        Model(
            "authentik_rbac.role",
            "Role",
            special={
                "assign_role_permissions": "Can assign permissions to roles",
                "unassign_role_permissions": "Can unassign permissions from roles",
            },
        ),
        Model("authentik_rbac.initialpermissions", "Initial Permissions"),
        Model(
            "authentik_rbac.systempermission",
            "System permission",
            (),
            special={
                "view_system_info": "Can view system info",
                "view_system_settings": "Can view system settings",
                "access_admin_interface": "Can access admin interface",
            },
            single=False,
        ),
    )
}
"""By label, all models of which a role can permit anything."""


def _permissions(model: Model) -> list[Permission]:
    plain = {f"{verb}_{model.word}": f"Can {verb} {model.name}" for verb in model.verbs}
    return [Permission(f"{model.app}.{short}", name, model) for short, name in {**plain, **model.special}.items()]


PERMISSIONS: Final[Mapping[str, Permission]] = {
    permission.codename: permission for model in MODELS.values() for permission in _permissions(model)
}
"""By codename, all permissions that a role can hold."""

SUPERUSERS_ONLY: Final[frozenset[str]] = frozenset(
    f"{model.app}.{verb}_{model.word}" for model in MODELS.values() for verb in VERBS
) - frozenset(PERMISSIONS) | {
    "authentik_core.enable_group_superuser",
    "authentik_core.disable_group_superuser",
    "authentik_rbac.edit_system_settings",
}
"""authentik's codenames of what superusers alone may do here, or nobody: no role can hold them."""


def app_name(app: str) -> str:
    """For people: ``authentik Providers Proxy`` for ``authentik_providers_proxy``."""
    first, *others = app.split("_")
    return " ".join([first, *(word.title() for word in others)])


def permission(codename: str, *, of_one_object: bool = False, field: str = "permissions") -> Permission:
    """The permission of that codename, if a role can hold it so.

    Raises `permission.unknown`, `permission.superusers_only`, `permission.not_of_one_object`.
    """
    found = PERMISSIONS.get(codename)
    if found is not None and of_one_object and not found.single:
        raise InvalidInput(
            "permission.not_of_one_object",
            f"{field}: for a single object there is no {codename}; give it for all of them.",
            field=field,
        )
    if found is not None:
        return found
    if codename in SUPERUSERS_ONLY:
        raise InvalidInput(
            "permission.superusers_only",
            f"{field}: no role can hold {codename}, for its holder could become a superuser.",
            field=field,
        )
    raise InvalidInput(
        "permission.unknown",
        f"{field}: there is no such permission; permissions are written as in authentik_core.view_user.",
        field=field,
    )


def permission_numbered(number: int, *, field: str = "permissions") -> Permission:
    """The permission of that `Permission.id`. Raises `permission.unknown`."""
    found = _NUMBERED.get(number)
    if found is None:
        raise InvalidInput("permission.unknown", f"{field}: there is no permission of that number.", field=field)
    return found


_NUMBERED: Final[Mapping[int, Permission]] = {one.id: one for one in PERMISSIONS.values()}
