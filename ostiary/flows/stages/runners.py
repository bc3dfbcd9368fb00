"""What runs each stage type."""

from ostiary.directory.credentials import Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.setup import Setup
from ostiary.flows.run import Stage
from ostiary.flows.stages.deny import Deny
from ostiary.flows.stages.identification import Identification
from ostiary.flows.stages.initial_setup import InitialSetup
from ostiary.flows.stages.password import Password
from ostiary.flows.stages.user_login import UserLogin
from ostiary.flows.stages.user_logout import UserLogout
from ostiary.kit.clock import Clock
from ostiary.sessions.lifecycle import Sessions
from ostiary.storage.session import Database


def runners(
    *, database: Database, clock: Clock, credentials: Credentials, sessions: Sessions, devices: Devices, setup: Setup
) -> dict[str, Stage]:
    """Type → runner."""
    return {
        "identification": Identification(credentials),
        "password": Password(credentials),
        "user_login": UserLogin(database=database, clock=clock, sessions=sessions, devices=devices),
        "user_logout": UserLogout(sessions),
        "deny": Deny(),
        "initial_setup": InitialSetup(setup),
    }
