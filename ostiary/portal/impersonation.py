"""``/if/user/impersonation/``: an administrator who acts as somebody returns to their own account."""

from starlette.responses import Response

from ostiary.sessions.cookie import LOGIN
from ostiary.sessions.impersonation import Impersonation
from ostiary.web.forms import Forms
from ostiary.web.redirects import see_other
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import SignedIn

PATH = "/if/user/impersonation/"


class ImpersonationPage:
    """What the button in the banner of every page does."""

    def __init__(self, *, forms: Forms, impersonation: Impersonation) -> None:
        self._forms = forms
        self._impersonation = impersonation

    def mount(self, routes: Routes) -> None:
        routes.route(PATH, self.end, who=Who.SIGNED_IN, methods=("POST",))

    async def end(self, person: SignedIn) -> Response:
        """Returns to the own account, under another cookie value."""
        await self._forms.checked(person.visit)
        value = await self._impersonation.end(person.session.id, client_ip=person.visit.client.ip or None)
        response = see_other("/if/user/")
        if value is not None:
            response.headers.append("Set-Cookie", LOGIN.header(value, person.visit.secure))
        return response
