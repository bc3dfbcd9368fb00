"""The verbs of every room, built once and by keyword: what commands, pages and the API work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

import ostiary

# Every model must be known before the first statement.
import ostiary.schema
from ostiary.applications.bindings import BINDABLE as APPLICATIONS
from ostiary.applications.bindings import Bindings
from ostiary.applications.path_secrets import PathSecrets
from ostiary.applications.providers import Providers
from ostiary.applications.registry import Applications
from ostiary.brands.registry import Brands, names_host, uses_of_flow
from ostiary.directory.bootstrap import Bootstrap, Given
from ostiary.directory.credentials import Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.groups import Groups
from ostiary.directory.initial_permissions import Initial
from ostiary.directory.lockout import Lockout
from ostiary.directory.passwords import Passwords
from ostiary.directory.recovery import Recovery, forget
from ostiary.directory.roles import Roles
from ostiary.directory.service_accounts import ServiceAccounts
from ostiary.directory.setup import Setup
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users
from ostiary.events.custom import CustomEvents
from ostiary.flows import defaults
from ostiary.flows.bindable import bindables
from ostiary.flows.bound_policies import BoundPolicies
from ostiary.flows.verbs import FlowVerbs, flow_verbs
from ostiary.keys.certificates import Certificates
from ostiary.keys.keyring import Keyring
from ostiary.kit.clock import Clock, SystemClock
from ostiary.kit.errors import Unavailable
from ostiary.kit.http import Outgoing
from ostiary.mappings import managed
from ostiary.mappings.registry import Mappings
from ostiary.outposts import embedded
from ostiary.outposts.connections import ServiceConnections
from ostiary.outposts.registry import Outposts
from ostiary.policies.bindings import PolicyBindings
from ostiary.policies.leaks import Leaks
from ostiary.policies.new_passwords import NewPasswords
from ostiary.policies.registry import Policies
from ostiary.policies.reputation import Reputation
from ostiary.sessions.impersonation import Impersonation
from ostiary.sessions.lifecycle import Sessions
from ostiary.settings.secret_key import with_secret_key
from ostiary.settings.tree import Settings
from ostiary.simulation.jobs import Simulations
from ostiary.storage import installation
from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import migrate_in_child, upgrade_needed
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.system import versions
from ostiary.system.registry import System

_log = structlog.get_logger("ostiary")

# What our keys sign is good for so long at most.
_LONGEST_TOKEN = timedelta(minutes=5)


@dataclass(frozen=True)
class Parts:
    """Every part of one installation, as commands and the server use them."""

    settings: Settings
    clock: Clock
    database: Database
    secrets: Secrets
    passwords: Passwords
    users: Users
    groups: Groups
    roles: Roles
    initial: Initial
    tokens: Tokens
    service_accounts: ServiceAccounts
    lockout: Lockout
    devices: Devices
    credentials: Credentials
    setup: Setup
    recovery: Recovery
    sessions: Sessions
    impersonation: Impersonation
    policies: Policies
    policy_bindings: PolicyBindings
    new_passwords: NewPasswords
    reputation: Reputation
    conditions: BoundPolicies
    outgoing: Outgoing
    mappings: Mappings
    providers: Providers
    applications: Applications
    bindings: Bindings
    path_secrets: PathSecrets
    keyring: Keyring
    certificates: Certificates
    flows: FlowVerbs
    brands: Brands
    system: System
    custom_events: CustomEvents
    outposts: Outposts
    service_connections: ServiceConnections

    simulations: Simulations

    async def close(self) -> None:
        self.passwords.close()
        await self.database.close()


async def build(settings: Settings, clock: Clock | None = None) -> Parts:
    """Opens the installation that the settings name: its secret key, its database brought up to date, its first rows.

    Safe when several processes do it at once. Raises what settings and storage raise.
    """
    clock = clock or SystemClock()
    settings = with_secret_key(settings)
    secrets = Secrets(settings.secret_key)
    database = Database(open_engine(settings.database.url))
    if await upgrade_needed(database):
        await migrate_in_child(settings.database.url)
    try:
        await defaults.ensure_in_child(database, settings.database.url)
    except Unavailable as error:
        if error.code != "flows.defaults_failed":
            raise
        # Whoever can still sign in can mend it; a server that did not start would help nobody.
        _log.error("default_flows_missing", code=error.code, message=error.message)
    passwords = Passwords(min_length=settings.passwords.min_length)
    outgoing = Outgoing(private_networks=settings.outgoing.private_networks)
    leaks = Leaks(fetch=lambda url, limit: outgoing.get(url, limit=limit))
    new_passwords = NewPasswords(database=database, leaks=leaks)
    passwords.judges.append(new_passwords.judge)
    users = Users(database=database, clock=clock, passwords=passwords)
    groups = Groups(database=database, clock=clock)
    roles = Roles(database=database, clock=clock)
    tokens = Tokens(database=database, clock=clock, secrets=secrets)
    keyring = Keyring(database=database, clock=clock, secrets=secrets, longest_token=_LONGEST_TOKEN)
    reputation = Reputation(database=database, clock=clock, secrets=secrets)
    conditions = BoundPolicies(database=database, clock=clock, reputation=reputation)
    flows = flow_verbs(database=database, clock=clock, conditions=conditions)
    flows.uses.others.append(uses_of_flow)
    brands = Brands(database=database, clock=clock, uses=flows.uses, title=settings.web.title)
    bootstrap = Bootstrap(clock=clock, passwords=passwords, users=users, tokens=tokens)
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        await versions.note(w, clock, ostiary.__version__)
        await brands.ensure(w)
        await embedded.ensure(w)
        await managed.ensure(w, clock)
        await keyring.ensure(w)
        await bootstrap.first_start(w, Given(**settings.bootstrap.model_dump()))
    sessions = Sessions(
        database=database,
        clock=clock,
        secrets=secrets,
        idle=settings.sessions.idle,
        absolute=settings.sessions.absolute,
    )
    users.on_credentials_changed.extend((sessions.end_others, forget))
    lockout = Lockout(
        clock=clock,
        secrets=secrets,
        attempts=settings.lockout.attempts,
        window=timedelta(seconds=settings.lockout.window),
        duration=timedelta(seconds=settings.lockout.duration),
    )
    devices = Devices(clock=clock, secrets=secrets)
    credentials = Credentials(database=database, clock=clock, passwords=passwords, lockout=lockout, devices=devices)
    credentials.on_attempt.append(reputation.attempted)
    own_hosts = (names_host,)
    return Parts(
        settings=settings,
        clock=clock,
        database=database,
        secrets=secrets,
        passwords=passwords,
        users=users,
        groups=groups,
        roles=roles,
        initial=Initial(database=database, clock=clock, roles=roles),
        tokens=tokens,
        service_accounts=ServiceAccounts(database=database, users=users, groups=groups, tokens=tokens),
        lockout=lockout,
        devices=devices,
        credentials=credentials,
        setup=Setup(database=database, clock=clock, secrets=secrets, passwords=passwords, users=users),
        recovery=Recovery(
            database=database, clock=clock, passwords=passwords, users=users, tokens=tokens, lockout=lockout
        ),
        sessions=sessions,
        impersonation=Impersonation(database=database, clock=clock, sessions=sessions),
        policies=Policies(database=database, clock=clock),
        policy_bindings=PolicyBindings(database=database, clock=clock, bindable=(APPLICATIONS, *bindables(flows.uses))),
        new_passwords=new_passwords,
        reputation=reputation,
        outgoing=outgoing,
        mappings=Mappings(database=database, clock=clock),
        providers=Providers(database=database, clock=clock, base_url=settings.web.base_url, own_hosts=own_hosts),
        applications=Applications(database=database, clock=clock, base_url=settings.web.base_url, own_hosts=own_hosts),
        bindings=Bindings(database=database, clock=clock),
        path_secrets=PathSecrets(database=database, clock=clock, secrets=secrets),
        keyring=keyring,
        certificates=Certificates(database=database, clock=clock, secrets=secrets),
        flows=flows,
        brands=brands,
        conditions=conditions,
        system=System(
            database=database, clock=clock, base_url=settings.web.base_url, retention=settings.events.retention
        ),
        custom_events=CustomEvents(database=database, clock=clock),
        outposts=Outposts(database=database, clock=clock),
        service_connections=ServiceConnections(database=database, clock=clock, secrets=secrets),
        simulations=Simulations(database=database, clock=clock, run=partial(_simulate, settings)),
    )


async def _simulate(settings: Settings, asked: Any, progress: Callable[[int], None]) -> dict[str, Any]:
    # Loaded with the first one that somebody asks for.
    from ostiary.simulation.runner import simulate

    return dict(await simulate(settings, settings.database.url, asked, progress=progress))
