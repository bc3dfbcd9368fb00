"""What kinds need of the installation: the verbs of every room, as the composition root builds them."""

from typing import Protocol

from ostiary.directory.initial_permissions import Initial
from ostiary.directory.roles import Roles
from ostiary.kit.clock import Clock
from ostiary.mappings.registry import Mappings
from ostiary.storage.session import Database


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
    def mappings(self) -> Mappings: ...
