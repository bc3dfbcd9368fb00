"""``/core/applications/``: what is protected, and whether somebody may open it."""

from typing import Annotated

from fastapi import Query

from ostiary.access.explain import explain
from ostiary.api.generic import Generic, found
from ostiary.api.operations import SIGNED_IN, Asking, Operations
from ostiary.api.policy_results import PolicyTestResult
from ostiary.kit.errors import InvalidInput
from ostiary.objects.applications import VIEW_THEIRS
from ostiary.objects.kind import VIEW, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.policies.engine import Question


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    applications = kinds["authentik_core.application"]
    Generic(
        operations,
        rooms.database,
        applications,
        path="/core/applications/",
        prefix="core_applications",
        key="slug",
        list_for=SIGNED_IN,
    )

    @operations.operation(
        "GET",
        "/core/applications/{slug}/check_access/",
        "core_applications_check_access_retrieve",
        who=SIGNED_IN,
        tag="core",
        answers=PolicyTestResult,
    )
    async def check_access(
        asking: Asking, slug: str, for_user: Annotated[Key | None, Query(description="Ask about this person.")] = None
    ) -> PolicyTestResult:
        async with rooms.database.reading() as r:
            application = await found(r, applications, slug, asking)
            username = asking.username
            if for_user is not None and for_user != asking.user_id:
                # What lets somebody in is told to those who may see both, or all that this person may open.
                seen = asking.may.may(applications.codename(VIEW), application.id)
                if not seen and not asking.may.may(VIEW_THEIRS, for_user):
                    raise InvalidInput(
                        "application.for_user", "for_user: you may ask about yourself only.", field="for_user"
                    )
                username = (await found(r, kinds["authentik_core.user"], for_user, asking)).username
            question = Question(now=rooms.clock.now(), client_ip=asking.actor.client_ip or "")
            explained = await explain(r, username, application.slug, question)
        reasons = asking.may.may(applications.codename(VIEW), application.id)
        return PolicyTestResult.of(explained.decision, tell=reasons)
