"""``/ostiary/``, which authentik does not have: what a change would do to access, one decision explained, and who may
open what. Any of it shows what rules say of everybody, so it is for superusers.
"""

import json
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import func, select

from ostiary.access.explain import explain
from ostiary.access.matrix import matrix
from ostiary.access.simulation import access_of
from ostiary.api.operations import SUPERUSER, Asking, Operations
from ostiary.api.paging import Pagination, Sized, Wanted
from ostiary.applications.models import Application
from ostiary.applications.registry import existing
from ostiary.directory.models import User
from ostiary.directory.users import existing as existing_user
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError, Refused, Unavailable
from ostiary.objects.kind import Fields, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.policies.engine import Question
from ostiary.simulation.models import Simulation
from ostiary.simulation.report import reason_shown
from ostiary.simulation.runner import Asked, Draft
from ostiary.storage.any_case import holds_text

_LONGEST = 1_000_000
# How many applications a matrix has at once: of all, and of those that were named.
_APPLICATIONS, _MOST_NAMED = 20, 100
_MOST = 2_000

Access = Literal["no", "depends", "yes"]
Text = Annotated[str | None, Query(max_length=255)]


class ChangeRequest(Fields):
    """One object and how it should be, as an entry of a blueprint."""

    model: Annotated[str, Field(min_length=1, max_length=255)]
    state: Literal["present", "created", "must_created", "absent"] = "present"
    identifiers: dict[str, Any]
    attrs: dict[str, Any] = {}


class SimulationRequest(Fields):
    """A change: a whole blueprint as text, or one object. ``names`` is how many people to name at each application,
    ``wait`` how many seconds to wait for the end.
    """

    blueprint: Annotated[str, Field(min_length=1, max_length=_LONGEST)] | None = None
    change: ChangeRequest | None = None
    names: Annotated[int, Field(ge=0, le=1000)] = 100
    wait: Annotated[float, Field(ge=0, le=20, strict=False)] = 10.0

    @model_validator(mode="after")
    def _one(self) -> "SimulationRequest":
        if (self.blueprint is None) == (self.change is None):
            raise ValueError("give either a blueprint or a change")
        return self

    def text(self) -> str:
        """The blueprint. JSON is YAML, and its texts hold no tags."""
        if self.blueprint is not None or self.change is None:
            return self.blueprint or ""
        entry = self.change.model_dump(exclude_unset=True)
        return json.dumps({"version": 1, "entries": [entry]}, ensure_ascii=True)


class ReasonShown(BaseModel):
    """A rule's part in a decision: for, against, error or idle."""

    result: str
    text: str


class DifferenceShown(BaseModel):
    """One person's access to one application, before and after. ``at`` is when it changes, null for at once."""

    application: str
    user: int
    username: str
    name: str
    change: Literal["gains", "loses", "unclear"]
    before: Access
    after: Access
    at: str | None
    reason: str
    reasons_before: list[ReasonShown]
    reasons_after: list[ReasonShown]


class SumShown(BaseModel):
    """How many people are on each side at one application."""

    pk: str
    slug: str
    name: str
    gains: int
    loses: int
    unclear: int


class AnybodyShown(BaseModel):
    """What opens and what closes at one application for people who are not signed in."""

    application: str
    opens: list[str]
    closes: list[str]


class ReportShown(BaseModel):
    """What a change would do. Sums are exact; ``truncated`` says that not everybody is named."""

    people: int
    gains: int
    loses: int
    unclear: int
    applications: list[SumShown]
    differences: list[DifferenceShown]
    anybody: list[AnybodyShown]
    truncated: bool


class ErrorShown(BaseModel):
    """Why there is no report."""

    code: str
    detail: str


class SimulationShown(BaseModel):
    """A simulation; ``progress`` is in percent."""

    id: str
    state: Literal["running", "done", "failed", "cancelled"]
    progress: int
    report: ReportShown | None
    error: ErrorShown | None


class RuleShown(ReasonShown):
    """The same with the binding's place."""

    order: int | None


class ExplanationShown(BaseModel):
    """One decision. ``volatile``: it holds for this request and moment only."""

    user: int
    username: str
    application: str
    access: Access
    allowed: bool
    volatile: bool
    expires: str | None
    mode: str
    reasons: list[RuleShown]


class ColumnShown(BaseModel):
    """An application of the matrix."""

    pk: str
    slug: str
    name: str


class MatrixRow(BaseModel):
    """A person; ``access`` by the slug of each application."""

    pk: int
    username: str
    name: str
    access: dict[str, Access]


class MatrixShown(BaseModel):
    """A page of people at a page of applications."""

    pagination: Pagination
    application_pagination: Pagination
    applications: list[ColumnShown]
    results: list[MatrixRow]


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    _simulate(operations, rooms)
    _explain(operations, rooms)
    _matrix(operations, rooms)


def _simulate(operations: Operations, rooms: Rooms) -> None:
    simulations = rooms.simulations

    @operations.operation(
        "POST",
        "/ostiary/simulate/",
        "ostiary_simulate_create",
        who=SUPERUSER,
        tag="ostiary",
        answers=SimulationShown,
        responses={202: {"model": SimulationShown, "description": "It goes on; ask again."}},
    )
    async def start(asking: Asking, body: SimulationRequest, response: Response) -> dict[str, Any]:
        asked = Asked([Draft("the request", body.text())], by=asking.actor, each=body.names, most=_MOST)
        row = await simulations.start(asked, wait=body.wait)
        if row.state == "failed":
            raise _error(row)
        response.status_code = 202 if row.state == "running" else 200
        return _shown(row)

    @operations.operation(
        "GET",
        "/ostiary/simulate/{id}/",
        "ostiary_simulate_retrieve",
        who=SUPERUSER,
        tag="ostiary",
        answers=SimulationShown,
    )
    async def stands(asking: Asking, id: str) -> dict[str, Any]:  # noqa: A002 - the name in the address
        return _shown(await simulations.found(id))

    @operations.operation(
        "DELETE", "/ostiary/simulate/{id}/", "ostiary_simulate_destroy", who=SUPERUSER, tag="ostiary", status=204
    )
    async def cancel(asking: Asking, id: str) -> None:  # noqa: A002 - the name in the address
        await simulations.cancel(id)


def _explain(operations: Operations, rooms: Rooms) -> None:
    @operations.operation(
        "GET", "/ostiary/explain/", "ostiary_explain_retrieve", who=SUPERUSER, tag="ostiary", answers=ExplanationShown
    )
    async def explained(
        asking: Asking,
        user: Annotated[Key, Query(description="Its primary key.")],
        application: Annotated[str, Query(description="Its slug.", min_length=1, max_length=255)],
        path: Annotated[str, Query(max_length=2048)] = "/",
        method: Annotated[str, Query(max_length=16)] = "GET",
        ip: Annotated[str, Query(max_length=64)] = "",
    ) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            person = await existing_user(r, user)
            proxy = (await existing(r, application)).proxy
            question = Question(
                now=rooms.clock.now(),
                host=proxy.host_key if proxy else "",
                method=method.upper(),
                path=path,
                client_ip=ip,
            )
            found = await explain(r, person.username, application, question)
        decision = found.decision
        return {
            "user": person.id,
            "username": person.username,
            "application": found.application.slug,
            "access": str(access_of(decision)),
            "allowed": decision.allowed,
            "volatile": decision.volatile,
            "expires": None if decision.expires is None else decision.expires.isoformat(),
            "mode": "everyone" if found.application.access == "everyone" else found.application.mode,
            "reasons": [
                {**reason_shown(one), "order": None if one.rule is None else one.rule.order} for one in decision.reasons
            ],
        }


def _matrix(operations: Operations, rooms: Rooms) -> None:
    @operations.operation(
        "GET", "/ostiary/matrix/", "ostiary_matrix_retrieve", who=SUPERUSER, tag="ostiary", answers=MatrixShown
    )
    async def shown(
        asking: Asking,
        asked: Sized,
        search: Text = None,
        application_search: Text = None,
        application: Annotated[list[str] | None, Query(max_length=_MOST_NAMED, description="Slugs.")] = None,
        application_page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    ) -> dict[str, Any]:
        people = select(User.id, User.username, User.name)
        if search:
            people = people.where(holds_text(search, User.username, User.name, User.email))
        columns_of = select(Application.id, Application.slug, Application.name)
        if application_search:
            columns_of = columns_of.where(holds_text(application_search, Application.slug, Application.name))
        if application:
            columns_of = columns_of.where(Application.slug.in_(application))
        across = Wanted(application_page, _MOST_NAMED if application else _APPLICATIONS)
        async with rooms.database.reading() as r:
            rows = await r.scalar(select(func.count()).select_from(people.subquery())) or 0
            width = await r.scalar(select(func.count()).select_from(columns_of.subquery())) or 0
            down = people.order_by(User.username, User.id).limit(asked.page_size).offset(asked.offset)
            found = (await r.execute(down)).all()
            wide = columns_of.order_by(Application.slug).limit(across.page_size).offset(across.offset)
            applications = (await r.execute(wide)).all()
            question = Question(now=rooms.clock.now())
            access = await matrix(r, [one.id for one in found], [one.id for one in applications], question)
        return {
            "pagination": asked.numbers(rows),
            "application_pagination": across.numbers(width),
            "applications": [{"pk": one.id, "slug": one.slug, "name": one.name} for one in applications],
            "results": [
                {
                    "pk": one.id,
                    "username": one.username,
                    "name": one.name,
                    "access": {column.slug: str(may) for column, may in zip(applications, access[one.id], strict=True)},
                }
                for one in found
            ],
        }


def _shown(row: Simulation) -> dict[str, Any]:
    error = row.error
    return {
        "id": row.id,
        "state": row.state,
        "progress": row.progress,
        "report": row.report,
        "error": None if error is None else {"code": error["code"], "detail": error["message"]},
    }


def _error(row: Simulation) -> OstiaryError:
    error = row.error or {}
    kinds = {one.status: one for one in (InvalidInput, NotFound, Conflict, Refused, Unavailable)}
    found: OstiaryError = kinds.get(error.get("status", 503), Unavailable)(error["code"], error["message"])
    return found
