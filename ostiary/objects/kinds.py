"""Every kind of object there is, by authentik's label."""

from collections.abc import Iterator, Mapping

from ostiary.objects.applications import Applications
from ostiary.objects.brands import BrandKind
from ostiary.objects.certificates import CertificateKind
from ostiary.objects.events import EventKind
from ostiary.objects.flows import BindingKind, FlowKind
from ostiary.objects.groups import Groups
from ostiary.objects.initial_permissions import InitialPermissionsKind
from ostiary.objects.kind import Kind
from ostiary.objects.outposts import OutpostKind
from ostiary.objects.policies import (
    AllPolicies,
    EventMatcherPolicies,
    ExpressionPolicies,
    PasswordPolicies,
    ReputationPolicies,
)
from ostiary.objects.policy_bindings import PolicyBindingKind
from ostiary.objects.proxy_providers import AllProviders, ProxyProviders
from ostiary.objects.reputation_scores import ReputationScores
from ostiary.objects.roles import Roles
from ostiary.objects.rooms import Rooms
from ostiary.objects.scope_mappings import AllMappings, ScopeMappings
from ostiary.objects.service_connections import AnyConnections, DockerConnections, KubernetesConnections
from ostiary.objects.sessions import Sessions
from ostiary.objects.stages import (
    AllStages,
    DenyStages,
    IdentificationStages,
    PasswordStages,
    UserLoginStages,
    UserLogoutStages,
)
from ostiary.objects.tokens import Tokens
from ostiary.objects.users import Users


class Kinds(Mapping[str, Kind]):
    """Labels such as ``authentik_core.user``, in any case."""

    def __init__(self, *kinds: Kind) -> None:
        self._by_label = {kind.words.label.lower(): kind for kind in kinds}

    def __getitem__(self, label: str) -> Kind:
        return self._by_label[label.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_label)

    def __len__(self) -> int:
        return len(self._by_label)


def all_kinds(rooms: Rooms) -> Kinds:
    """The registry. Whoever adds a kind adds it here, and nowhere else."""
    return Kinds(
        AllMappings(rooms.mappings),
        AllProviders(rooms.providers),
        Applications(rooms.database, rooms.clock, rooms.applications),
        ProxyProviders(rooms.database, rooms.providers),
        ScopeMappings(rooms.mappings),
        AllPolicies(rooms.policies),
        ExpressionPolicies(rooms.policies),
        PasswordPolicies(rooms.policies),
        ReputationPolicies(rooms.policies),
        EventMatcherPolicies(rooms.policies),
        PolicyBindingKind(rooms.policy_bindings, rooms.policies),
        ReputationScores(rooms.reputation),
        Users(users=rooms.users, groups=rooms.groups, roles=rooms.roles),
        Groups(groups=rooms.groups, roles=rooms.roles),
        Tokens(database=rooms.database, clock=rooms.clock, tokens=rooms.tokens),
        Sessions(rooms.sessions),
        Roles(rooms.roles),
        InitialPermissionsKind(rooms.initial),
        OutpostKind(rooms.outposts),
        AnyConnections(rooms.service_connections),
        KubernetesConnections(rooms.service_connections),
        DockerConnections(rooms.service_connections),
        EventKind(rooms.custom_events),
        FlowKind(rooms.flows.flows),
        BindingKind(rooms.flows.bindings),
        *(
            kind(rooms.flows.stages)
            for kind in (AllStages, IdentificationStages, PasswordStages, UserLoginStages, UserLogoutStages, DenyStages)
        ),
        BrandKind(rooms.brands),
        CertificateKind(rooms.certificates),
    )
