"""The composition root: builds every part once, by keyword; the only module that sees everything."""

from dataclasses import dataclass
from datetime import timedelta

import ostiary.schema  # noqa: F401 - every model must be known before the first statement
from ostiary.applications.bindings import Bindings
from ostiary.applications.registry import Applications
from ostiary.directory.bootstrap import Bootstrap, Given
from ostiary.directory.credentials import Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.groups import Groups
from ostiary.directory.lockout import Lockout
from ostiary.directory.passwords import Passwords
from ostiary.directory.service_accounts import ServiceAccounts
from ostiary.directory.setup import Setup
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users
from ostiary.kit.clock import Clock, SystemClock
from ostiary.policies.registry import Policies
from ostiary.settings.secret_key import with_secret_key
from ostiary.settings.tree import Settings
from ostiary.storage import installation
from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import migrate_in_child, upgrade_needed
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database


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
    tokens: Tokens
    service_accounts: ServiceAccounts
    lockout: Lockout
    devices: Devices
    credentials: Credentials
    setup: Setup
    policies: Policies
    applications: Applications
    bindings: Bindings

    async def close(self) -> None:
        self.passwords.close()
        await self.database.close()


async def build(settings: Settings, clock: Clock | None = None) -> Parts:
    """Opens the installation that the settings name: makes its secret key, brings its database up to date.

    Safe when several processes do it at once. Raises what settings and storage raise.
    """
    clock = clock or SystemClock()
    settings = with_secret_key(settings)
    secrets = Secrets(settings.secret_key)
    database = Database(open_engine(settings.database.url))
    if await upgrade_needed(database):
        await migrate_in_child(settings.database.url)
    passwords = Passwords(min_length=settings.passwords.min_length)
    users = Users(database=database, clock=clock, passwords=passwords)
    groups = Groups(database=database, clock=clock)
    tokens = Tokens(database=database, clock=clock, secrets=secrets)
    lockout = Lockout(
        clock=clock,
        secrets=secrets,
        attempts=settings.lockout.attempts,
        window=timedelta(seconds=settings.lockout.window),
        duration=timedelta(seconds=settings.lockout.duration),
    )
    devices = Devices(clock=clock, secrets=secrets)
    bootstrap = Bootstrap(clock=clock, passwords=passwords, users=users, tokens=tokens)
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        await bootstrap.first_start(
            w,
            Given(
                password=settings.bootstrap.password,
                password_hash=settings.bootstrap.password_hash,
                token=settings.bootstrap.token,
                email=settings.bootstrap.email,
            ),
        )
    return Parts(
        settings=settings,
        clock=clock,
        database=database,
        secrets=secrets,
        passwords=passwords,
        users=users,
        groups=groups,
        tokens=tokens,
        service_accounts=ServiceAccounts(database=database, users=users, groups=groups, tokens=tokens),
        lockout=lockout,
        devices=devices,
        credentials=Credentials(database=database, clock=clock, passwords=passwords, lockout=lockout, devices=devices),
        setup=Setup(database=database, clock=clock, secrets=secrets, passwords=passwords, users=users),
        policies=Policies(database=database, clock=clock),
        applications=Applications(database=database, clock=clock, base_url=settings.web.base_url),
        bindings=Bindings(database=database, clock=clock),
    )
