"""Flows for programs, in authentik's sequence: GET a challenge, POST its answer, until the end.

State is where the pages have it: a run in the database, bound to the browser's form cookie; a program keeps cookies and
nothing else. Until the first good answer there is no row, for the first challenge can be made again.

No page of another site can sign a visitor in as somebody else: an answer is taken only as JSON, which no form can send
and no script may send to another origin unasked, from a browser that already holds our form cookie (SameSite=Lax, so
absent on what other sites send), and never if the browser says that another origin sent it.
"""

from collections.abc import Awaitable
from typing import Any

from starlette.responses import JSONResponse, Response

from ostiary.flows.arrival import Arrivals, Away, after_denial
from ostiary.flows.challenges import answer, challenge, denied, for_programs, redirect, wanted
from ostiary.flows.cookies import forget_stale, set_cookies
from ostiary.flows.executor import Denied, Executor, Finished, Outcome, Shown
from ostiary.flows.intent import Intent, Intents
from ostiary.flows.plan import Plan
from ostiary.flows.run import Run, Visitor
from ostiary.kit.errors import Conflict, InvalidInput, Refused
from ostiary.kit.urls import parse_origin
from ostiary.sessions.cookie import FORM
from ostiary.web.address import Address
from ostiary.web.visits import Visit

_TOO_OLD = "This step had waited too long, or another has taken its place. Please start again."


class FlowPrograms:
    """Speaks JSON for the executor. ``product`` is this installation's name where its brand has none."""

    def __init__(
        self, *, executor: Executor, intents: Intents, arrivals: Arrivals, address: Address, product: str
    ) -> None:
        self._executor = executor
        self._intents = intents
        self._arrivals = arrivals
        self._address = address
        self._product = product

    async def get(self, visit: Visit, slug: str, query: str) -> Response:
        """The present challenge of a flow; its first if none is under way."""
        plan = await self._executor.plan(slug)
        intent = wanted(query, self._intents)
        run = await self._run(visit, plan)
        away = await self._arrivals.away(visit, plan, intent, here=f"/if/flow/{plan.slug}/", began=run is not None)
        if away is not None:
            return self._sent_away(visit, plan, away)
        visitor = await self._arrivals.visitor(visit, own_wish=_own_wish(visit))
        shown = None if run is None else await self._executor.show(run, visitor)
        if shown is not None:
            return self._told(visit, plan, shown)
        browser = for_programs(visit.browser.secret)
        return await self._told_or_denied(visit, plan, self._executor.begin(plan, intent, visitor, browser))

    async def solve(self, visit: Visit, slug: str, query: str) -> Response:
        """Takes the answer to the present challenge and says what comes next.

        Raises `flow.answer_foreign`, `flow.answer_unreadable`.
        """
        await self._refuse_foreign(visit)
        component, fields = answer(await visit.request.body())
        plan = await self._executor.plan(slug)
        intent = wanted(query, self._intents)
        away = await self._arrivals.away(visit, plan, intent, here=f"/if/flow/{plan.slug}/", began=True)
        if away is not None:
            return self._sent_away(visit, plan, away)
        visitor = await self._arrivals.visitor(visit, own_wish=_own_wish(visit))
        return await self._told_or_denied(visit, plan, self._answered(visit, plan, intent, visitor, component, fields))

    async def present(self, visit: Visit, slug: str) -> Run | None:
        """The run of a flow that this browser has under way."""
        return await self._run(visit, await self._executor.plan(slug))

    async def _answered(
        self, visit: Visit, plan: Plan, intent: Intent, visitor: Visitor, component: str, fields: dict[str, str]
    ) -> Outcome:
        browser = for_programs(visit.browser.secret)
        run = await self._run(visit, plan)
        shown: Outcome | None = None if run is None else await self._executor.show(run, visitor)
        if shown is None:
            shown = await self._executor.begin(plan, intent, visitor, browser)
        if not isinstance(shown, Shown):
            return shown
        if component and component != shown.question.component:
            return Shown(shown.run, shown.question, {"": _TOO_OLD}, effects=shown.effects)
        try:
            return await self._executor.answer(shown.run, fields, visitor, browser)
        except Refused as error:
            if error.code not in ("flow.step_taken", "flow.not_asked", "flow.proof_outdated"):
                raise
            begun = await self._executor.begin(plan, intent, visitor, browser)
            return Shown(begun.run, begun.question, {"": error.message}) if isinstance(begun, Shown) else begun

    async def _run(self, visit: Visit, plan: Plan) -> Run | None:
        return None if visit.browser.fresh else await self._executor.latest(plan, for_programs(visit.browser.secret))

    async def _told_or_denied(self, visit: Visit, plan: Plan, going: Awaitable[Outcome]) -> Response:
        """What a flow came to; one that cannot go on is a refusal, with the reason that its page would give."""
        try:
            outcome = await going
        except (Refused, Conflict) as error:
            return self._answer(visit, denied(plan, error.message))
        return self._told(visit, plan, outcome)

    def _told(self, visit: Visit, plan: Plan, outcome: Outcome) -> Response:
        if isinstance(outcome, Denied):
            who = outcome.pending.shown if outcome.pending else ""
            return self._sent_away(visit, plan, after_denial(outcome, visit), who)
        if isinstance(outcome, Finished):
            response = self._answer(visit, redirect(plan, (outcome.effects.base_url or "") + outcome.run.intent.resume))
        else:
            response = self._answer(visit, challenge(outcome, product=visit.look.title or self._product))
        set_cookies(response, visit, plan, outcome.effects)
        return response

    def _sent_away(self, visit: Visit, plan: Plan, away: Away, who: str = "") -> Response:
        return self._answer(visit, redirect(plan, away.to) if away.to else denied(plan, away.message, who))

    def _answer(self, visit: Visit, body: dict[str, Any]) -> Response:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        response = JSONResponse(body, headers=headers)
        if visit.browser.fresh:
            response.headers.append("Set-Cookie", FORM.header(visit.browser.cookie, visit.secure))
        forget_stale(response, visit)
        return response

    async def _refuse_foreign(self, visit: Visit) -> None:
        headers = visit.request.headers
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise InvalidInput("flow.answer_unreadable", "Answer with application/json.")
        if visit.browser.fresh:
            raise Refused("flow.answer_foreign", "GET the challenge first, and send the cookie that came with it.")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused("flow.answer_foreign", "Another site sent this.")
        origin = headers.get("origin")
        if origin is not None and not await self._is_ours(visit, origin):
            raise Refused("flow.answer_foreign", "Another site sent this.")

    async def _is_ours(self, visit: Visit, origin: str) -> bool:
        own = await self._address.base_url() or f"{visit.client.scheme}://{visit.client.host}"
        try:
            return str(parse_origin(origin)) == str(parse_origin(own))
        except InvalidInput:
            return False


def _own_wish(visit: Visit) -> bool:
    """Whether a program of ours or of the person's asks, not a page elsewhere that a browser was led from.

    A browser that follows a link says so (Fetch Metadata), or at least that it wants HTML.
    """
    headers = visit.request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin" and headers.get("sec-fetch-mode") != "navigate"
    return visit.request.method == "POST" or "text/html" not in headers.get("accept", "")
