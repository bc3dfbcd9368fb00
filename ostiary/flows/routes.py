"""The pages of flows: ``/if/flow/<slug>/``."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.responses import Response

from ostiary.flows.arrival import Arrivals, Away, after_denial
from ostiary.flows.challenges import for_programs
from ostiary.flows.cookies import forget_stale, set_cookies
from ostiary.flows.executor import Denied, Executor, Finished, Shown
from ostiary.flows.intent import HOME, Intent, Intents
from ostiary.flows.plan import Plan
from ostiary.flows.run import Run, Visitor
from ostiary.flows.signout import SignOutTickets
from ostiary.flows.start import SETUP as SETUP_FLOW
from ostiary.kit.errors import Refused
from ostiary.sessions.cookie import SETUP
from ostiary.web.forms import NOT_OURS, Forms
from ostiary.web.redirects import see_other
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import Visit

_SETUP_SECONDS = 3600
_TOO_OLD = "This page had waited too long. Please try again."


class FlowPages:
    """Speaks HTTP for the executor."""

    def __init__(
        self,
        *,
        executor: Executor,
        forms: Forms,
        intents: Intents,
        tickets: SignOutTickets,
        arrivals: Arrivals,
        setup_open: Callable[[], Awaitable[bool]],
    ) -> None:
        self._executor = executor
        self._forms = forms
        self._intents = intents
        self._tickets = tickets
        self._arrivals = arrivals
        self._setup_open = setup_open

    def mount(self, routes: Routes) -> None:
        routes.route("/if/flow/{slug}/", self.page, who=Who.ANYONE, methods=("GET", "POST"))
        routes.route("/flows/-/cancel/", self.cancel, who=Who.ANYONE)

    async def page(self, visit: Visit) -> Response:
        """Shows a flow's present step, or takes the answer to it."""
        request = visit.request
        plan = await self._executor.plan(request.path_params["slug"])
        query = request.query_params
        if plan.slug == SETUP_FLOW and "code" in query:
            return _keep_setup_code(visit, query["code"])
        intent = self._intents.open(query.get("intent", "")) or Intent()
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        began = request.method == "POST" or "run" in query
        away = await self._arrivals.away(visit, plan, intent, here=here, began=began)
        if away is not None:
            response = self._sent_away(visit, plan, away)
        else:
            visitor = await self._arrivals.visitor(visit, own_wish=self._own_wish(visit))
            if request.method == "POST":
                response = await self._answer(visit, plan, intent, visitor)
            else:
                response = await self._show(visit, plan, intent, visitor)
        forget_stale(response, visit)
        return response

    async def cancel(self, visit: Visit) -> Response:
        """Forgets what a program in this browser had begun."""
        await self._executor.abandon(for_programs(visit.browser.secret))
        return see_other("/")

    def _sent_away(self, visit: Visit, plan: Plan, away: Away) -> Response:
        if away.to:
            return see_other(away.to)
        return self._forms.page(visit, "flows/denied.html", status=403, title=plan.title, message=away.message)

    async def _show(self, visit: Visit, plan: Plan, intent: Intent, visitor: Visitor) -> Response:
        run_id = visit.request.query_params.get("run")
        if run_id:
            run = await self._executor.stored(plan, run_id, visit.browser.secret)
            shown = None if run is None else await self._executor.show(run, visitor)
            if shown is not None:
                return await self._rendered(visit, shown)
            if visit.session is not None and plan.designation == "authentication" and intent.prompt != "login":
                return see_other(intent.resume)
        return await self._begun(visit, plan, intent, visitor, "" if not run_id else _TOO_OLD)

    async def _answer(self, visit: Visit, plan: Plan, intent: Intent, visitor: Visitor) -> Response:
        fields = await self._forms.read(visit)
        if not self._forms.genuine(visit, fields, signing_in=plan.designation == "authentication"):
            return await self._begun(visit, plan, intent, visitor, NOT_OURS, fields, status=403)
        run = await self._run(visit, plan, fields)
        if run is None:
            return await self._begun(visit, plan, intent, visitor, _TOO_OLD, fields, status=400)
        try:
            outcome = await self._executor.answer(run, fields, visitor, visit.browser.secret)
        except Refused as error:
            return await self._begun(visit, plan, intent, visitor, error.message, fields, error.status)
        if isinstance(outcome, Finished):
            return self._finished(visit, outcome)
        if isinstance(outcome, Denied):
            return self._sent_away(visit, plan, after_denial(outcome, visit))
        if outcome.errors:
            return await self._rendered(visit, outcome, fields, outcome.status)
        if outcome.run.id is not None:
            response: Response = see_other(f"/if/flow/{plan.slug}/?{urlencode({'run': outcome.run.id})}")
        else:
            response = await self._rendered(visit, outcome)
        set_cookies(response, visit, plan, outcome.effects)
        return response

    async def _run(self, visit: Visit, plan: Plan, fields: dict[str, str]) -> Run | None:
        run_id = visit.request.query_params.get("run")
        if run_id:
            return await self._executor.stored(plan, run_id, visit.browser.secret)
        return self._executor.opened(plan, fields.get("state", ""), visit.browser.secret)

    async def _begun(
        self,
        visit: Visit,
        plan: Plan,
        intent: Intent,
        visitor: Visitor,
        notice: str,
        fields: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """The flow from its beginning, with what was typed and a word on why it begins again."""
        outcome = await self._executor.begin(plan, intent, visitor, visit.browser.secret)
        if isinstance(outcome, Finished):
            return self._finished(visit, outcome)
        if isinstance(outcome, Denied):
            return self._sent_away(visit, plan, after_denial(outcome, visit))
        again = Shown(outcome.run, outcome.question, {"": notice} if notice else {})
        return await self._rendered(visit, again, fields, status)

    async def _rendered(
        self, visit: Visit, shown: Shown, fields: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        run = shown.run
        query = {}
        if run.id is not None:
            query["run"] = run.id
        elif run.intent != Intent():
            query["intent"] = self._intents.seal(run.intent)
        # What was typed comes back, secrets never do.
        typed = {name: value for name, value in (fields or {}).items() if name in ("uid_field", "email", "base_url")}
        return self._forms.page(
            visit,
            shown.question.template,
            status=status,
            form_action=(run.intent.return_origin,) if run.intent.return_origin else (),
            title=run.plan.title,
            action=f"/if/flow/{run.plan.slug}/" + (f"?{urlencode(query)}" if query else ""),
            state="" if run.id is not None else self._executor.sealed(run, visit.browser.secret),
            application=run.intent.application_name,
            setup_open=await self._setup_open(),
            errors=shown.errors,
            typed=typed,
            **shown.question.values,
        )

    def _finished(self, visit: Visit, finished: Finished) -> Response:
        effects, intent = finished.effects, finished.run.intent
        if finished.run.plan.designation == "invalidation" and intent.resume == HOME:
            response: Response = self._forms.page(
                visit,
                "flows/signed_out.html",
                title=finished.run.plan.title,
                signed_in=visit.session is not None and not effects.signed_out,
                application=intent.application_name,
                back=intent.return_origin,
            )
        elif effects.base_url is not None and effects.base_url != f"{visit.client.scheme}://{visit.client.host}":
            # The policy of the page that sent the form lets it end on this origin only, so a link leads to another.
            response = self._forms.page(visit, "flows/moved.html", address=effects.base_url, resume=intent.resume)
        else:
            response = see_other((effects.base_url or "") + intent.resume)
        set_cookies(response, visit, finished.run.plan, effects)
        return response

    def _own_wish(self, visit: Visit) -> bool:
        """Whether the person themself came here: by a link of this site, by typing the address, or with a ticket.

        Fetch Metadata (https://www.w3.org/TR/fetch-metadata/) cannot be forged by a page. Images, frames and prefetches
        carry it too, and are nobody's wish.
        """
        headers = visit.request.headers
        if headers.get("sec-fetch-dest", "document") != "document" or "sec-purpose" in headers:
            return False
        ticket = visit.request.query_params.get("ticket", "")
        if ticket and visit.session is not None and self._tickets.names(ticket, visit.session.id):
            return True
        return headers.get("sec-fetch-site") in ("same-origin", "same-site", "none")


def _keep_setup_code(visit: Visit, code: str) -> Response:
    """Takes the code out of the address, so that neither history nor a Referer keeps it."""
    response = see_other(f"/if/flow/{SETUP_FLOW}/")
    if len(code) <= 64 and code.isascii() and code.replace("-", "").isalnum():
        response.headers.append("Set-Cookie", SETUP.header(code, visit.secure, max_age=_SETUP_SECONDS))
    return response
