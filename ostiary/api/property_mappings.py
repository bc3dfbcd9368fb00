"""``/propertymappings/``: what applications are told of people."""

from ostiary.api.generic import Generic
from ostiary.api.operations import Operations
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    Generic(
        operations,
        rooms.database,
        kinds["authentik_providers_oauth2.scopemapping"],
        path="/propertymappings/provider/scope/",
        prefix="propertymappings_provider_scope",
        key="pm_uuid",
    )
