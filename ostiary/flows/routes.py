"""The pages of flows: ``/if/flow/<slug>/``."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode, urlsplit

from starlette.responses import Response

from ostiary.directory.devices import LIFETIME
from ostiary.flows.executor import Executor, Finished, Shown
from ostiary.flows.intent import HOME, Intent, Intents
from ostiary.flows.plan import Admission, Plan, admission
from ostiary.flows.run import Run, Visitor
from ostiary.flows.signout import SignOutTickets
from ostiary.flows.start import AUTHENTICATION
from ostiary.flows.start import SETUP as SETUP_FLOW
from ostiary.kit.errors import Refused
from ostiary.sessions.cookie import DEVICE, LOGIN, SETUP, single
from ostiary.web.address import Address
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
        address: Address,
        setup_open: Callable[[], Awaitable[bool]],
    ) -> None:
        self._executor = executor
        self._forms = forms
        self._intents = intents
        self._tickets = tickets
        self._address = address
        self._setup_open = setup_open

    def mount(self, routes: Routes) -> None:
        routes.route("/if/flow/{slug}/", self.page, who=Who.ANYONE, methods=("GET", "POST"))

    async def page(self, visit: Visit) -> Response:
        """Shows a flow's present step, or takes the answer to it."""
        request = visit.request
        plan = await self._executor.plan(request.path_params["slug"])
        query = request.query_params
        if plan.slug == SETUP_FLOW and "code" in query:
            return _keep_setup_code(visit, query["code"])
        intent = self._intents.open(query.get("intent", "")) or Intent()
        response = self._turned_away(visit, plan, intent)
        if response is None:
            visitor = await self._visitor(visit)
            if request.method == "POST":
                response = await self._answer(visit, plan, intent, visitor)
            else:
                response = await self._show(visit, plan, intent, visitor)
        if visit.stale and not any(
            header.startswith(LOGIN.name(visit.secure)) for header in response.headers.getlist("set-cookie")
        ):
            # The browser still holds the cookie of a login that is over.
            response.headers.append("Set-Cookie", LOGIN.cleared(visit.secure))
        return response

    def _turned_away(self, visit: Visit, plan: Plan, intent: Intent) -> Response | None:
        signed_in = visit.session is not None
        match admission(plan.authentication, signed_in=signed_in):
            case Admission.SIGN_IN_FIRST:
                own = visit.request.url.path + (f"?{visit.request.url.query}" if visit.request.url.query else "")
                there = urlencode({"intent": self._intents.seal(Intent(resume=own))})
                return see_other(f"/if/flow/{AUTHENTICATION}/?{there}")
            case Admission.SIGNED_IN_ALREADY:
                return see_other(intent.resume)
        if visit.request.method == "GET" and plan.designation == "authentication" and signed_in:
            return None if intent.prompt == "login" else see_other(intent.resume)
        return None

    async def _show(self, visit: Visit, plan: Plan, intent: Intent, visitor: Visitor) -> Response:
        run_id = visit.request.query_params.get("run")
        if run_id:
            run = await self._executor.stored(plan, run_id, visit.browser.secret)
            shown = None if run is None else await self._executor.show(run, visitor)
            if shown is not None:
                return await self._rendered(visit, shown)
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
        if outcome.errors:
            return await self._rendered(visit, outcome, fields, outcome.status)
        if outcome.run.id is not None:
            return see_other(f"/if/flow/{plan.slug}/?{urlencode({'run': outcome.run.id})}")
        return await self._rendered(visit, outcome)

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
        secure = visit.secure if effects.base_url is None else urlsplit(effects.base_url).scheme == "https"
        if effects.login is not None:
            response.headers.append("Set-Cookie", LOGIN.header(effects.login, secure))
        elif effects.signed_out:
            response.headers.append("Set-Cookie", LOGIN.cleared(visit.secure))
        if effects.device is not None:
            seconds = int(LIFETIME.total_seconds())
            response.headers.append("Set-Cookie", DEVICE.header(effects.device, secure, max_age=seconds))
        if finished.run.plan.slug == SETUP_FLOW:
            response.headers.append("Set-Cookie", SETUP.cleared(visit.secure))
        return response

    async def _visitor(self, visit: Visit) -> Visitor:
        request = visit.request
        base_url = await self._address.base_url()
        cookies = "; ".join(request.headers.getlist("cookie"))
        return Visitor(
            client_ip=visit.client.ip or None,
            user_agent=request.headers.get("user-agent", ""),
            shared_peer=visit.client.undeclared is not None,
            session=visit.session,
            device=single(cookies, DEVICE.name(visit.secure)),
            setup_code=single(cookies, SETUP.name(visit.secure)),
            address=base_url or f"{visit.client.scheme}://{visit.client.host}",
            address_settled=base_url is not None,
            own_wish=self._own_wish(visit),
        )

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
