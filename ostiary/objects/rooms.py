"""What kinds need of the installation: the verbs of every room, as the composition root builds them."""

from typing import Protocol

from ostiary.applications.providers import Providers
from ostiary.applications.registry import Applications
from ostiary.brands.registry import Brands
from ostiary.directory.groups import Groups
from ostiary.directory.initial_permissions import Initial
from ostiary.directory.recovery import Recovery
from ostiary.directory.roles import Roles
from ostiary.directory.service_accounts import ServiceAccounts
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users
from ostiary.events.custom import CustomEvents
from ostiary.flows.verbs import FlowVerbs
from ostiary.keys.certificates import Certificates
from ostiary.kit.clock import Clock
from ostiary.mappings.registry import Mappings
from ostiary.outposts.connections import ServiceConnections
from ostiary.outposts.registry import Outposts
from ostiary.policies.bindings import PolicyBindings
from ostiary.policies.new_passwords import NewPasswords
from ostiary.policies.registry import Policies
from ostiary.policies.reputation import Reputation
from ostiary.sessions.impersonation import Impersonation
from ostiary.sessions.lifecycle import Sessions
from ostiary.simulation.jobs import Simulations
from ostiary.storage.session import Database
from ostiary.system.registry import System


class Rooms(Protocol):
    """Met by `ostiary.parts.Parts`."""

    @property
    def clock(self) -> Clock: ...

    @property
    def database(self) -> Database: ...

    @property
    def initial(self) -> Initial: ...

    @property
    def roles(self) -> Roles: ...

    @property
    def users(self) -> Users: ...

    @property
    def groups(self) -> Groups: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def service_accounts(self) -> ServiceAccounts: ...

    @property
    def recovery(self) -> Recovery: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def impersonation(self) -> Impersonation: ...

    @property
    def policies(self) -> Policies: ...

    @property
    def policy_bindings(self) -> PolicyBindings: ...

    @property
    def new_passwords(self) -> NewPasswords: ...

    @property
    def reputation(self) -> Reputation: ...

    @property
    def mappings(self) -> Mappings: ...

    @property
    def custom_events(self) -> CustomEvents: ...

    @property
    def outposts(self) -> Outposts: ...

    @property
    def service_connections(self) -> ServiceConnections: ...

    @property
    def system(self) -> System: ...

    @property
    def providers(self) -> Providers: ...

    @property
    def applications(self) -> Applications: ...

    @property
    def simulations(self) -> Simulations: ...

    @property
    def flows(self) -> FlowVerbs: ...

    @property
    def brands(self) -> Brands: ...

    @property
    def certificates(self) -> Certificates: ...
