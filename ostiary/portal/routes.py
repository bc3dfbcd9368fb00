"""The pages of a signed-in person: ``/if/user/`` and what hangs on it, and the way in at ``/``."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from ostiary.directory.credentials import Attempt
from ostiary.directory.devices import LIFETIME
from ostiary.kit.errors import InvalidInput, OstiaryError
from ostiary.portal.applications import MyApplications
from ostiary.sessions.cookie import DEVICE, LOGIN, single
from ostiary.sessions.own_password import OwnPassword
from ostiary.web.forms import NOT_OURS, Forms
from ostiary.web.redirects import see_other
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import SignedIn, Visit


class Portal:
    """``setup_open`` says whether nobody has set this installation up yet, ``setup_url`` where that is done."""

    def __init__(
        self,
        *,
        forms: Forms,
        applications: MyApplications,
        own_password: OwnPassword,
        setup_open: Callable[[], Awaitable[bool]],
        setup_url: str,
    ) -> None:
        self._forms = forms
        self._applications = applications
        self._own_password = own_password
        self._setup_open = setup_open
        self._setup_url = setup_url

    def mount(self, routes: Routes) -> None:
        routes.route("/", self.door, who=Who.ANYONE)
        routes.route("/if/user/", self.home, who=Who.SIGNED_IN)
        routes.route("/if/user/password/", self.password, who=Who.SIGNED_IN, methods=("GET", "POST"))

    async def door(self, visit: Visit) -> Response:
        """Sends everybody where they can go on."""
        if visit.session is None and await self._setup_open():
            return see_other(self._setup_url)
        return see_other("/if/user/")

    async def home(self, person: SignedIn) -> Response:
        """Who I am, and what I may open. People from outside go on to the brand's application."""
        mine = await self._applications.of(person.session.user_id, person.visit.client.visitor)
        onward = mine.way_on(person.visit.look.default_application)
        if onward:
            # The policy of the page that signed them in lets no redirect end at an application.
            return self._forms.page(person.visit, "portal/onward.html", onward=onward)
        return self._forms.page(person.visit, "portal/home.html", person=person.session, tiles=mine.tiles)

    async def password(self, person: SignedIn) -> Response:
        """Changes the person's own password."""
        visit = person.visit
        if visit.request.method != "POST":
            return self._password_page(person, {})
        fields = await self._forms.read(visit)
        if not self._forms.genuine(visit, fields):
            return self._password_page(person, {"": NOT_OURS}, 403)
        current, new, repeated = (fields.get(name, "") for name in ("current", "password", "password_repeat"))
        errors = {}
        if not current:
            errors["current"] = "Enter your present password."
        if not new:
            errors["password"] = "Choose a new password."  # noqa: S105 - a sentence
        elif new != repeated:
            errors["password_repeat"] = "The two passwords differ. Type the same one twice."  # noqa: S105 - a sentence
        if errors:
            return self._password_page(person, errors, 400)
        cookies = "; ".join(visit.request.headers.getlist("cookie"))
        attempt = Attempt(
            visit.client.ip or None, visit.client.undeclared is not None, single(cookies, DEVICE.name(visit.secure))
        )
        try:
            changed = await self._own_password.change(person.session, current=current, new=new, attempt=attempt)
        except OstiaryError as error:
            field = error.field if isinstance(error, InvalidInput) and error.field in fields else ""
            return self._password_page(
                person, {field or "": error.beside_field() if field else error.message}, error.status
            )
        response = self._forms.page(visit, "portal/password_changed.html")
        response.headers.append("Set-Cookie", LOGIN.header(changed.login, visit.secure))
        seconds = int(LIFETIME.total_seconds())
        response.headers.append("Set-Cookie", DEVICE.header(changed.device, visit.secure, max_age=seconds))
        return response

    def _password_page(self, person: SignedIn, errors: dict[str, str], status: int = 200) -> Response:
        return self._forms.page(
            person.visit, "portal/password.html", status=status, person=person.session, errors=errors
        )
