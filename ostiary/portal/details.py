"""``/if/user/details/``: a person's own name, e-mail address and username."""

from collections.abc import Mapping

from starlette.responses import Response

from ostiary.directory.own_details import Details, OwnDetails
from ostiary.kit.errors import OstiaryError
from ostiary.web.forms import NOT_OURS, Forms
from ostiary.web.redirects import see_other
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import SignedIn

PATH = "/if/user/details/"


class DetailsPage:
    """Shows the details and changes those that the person may change."""

    def __init__(self, *, forms: Forms, own_details: OwnDetails) -> None:
        self._forms = forms
        self._own_details = own_details

    def mount(self, routes: Routes) -> None:
        routes.route(PATH, self.page, who=Who.SIGNED_IN, methods=("GET", "POST"))

    async def page(self, person: SignedIn) -> Response:
        """The form and its answer."""
        visit, user_id = person.visit, person.session.user_id
        details = await self._own_details.of(user_id)
        if visit.request.method != "POST":
            return self._shown(person, details, details.values, {})
        fields = await self._forms.read(visit)
        typed = {name: fields.get(name, value) for name, value in details.values.items()}
        if not self._forms.genuine(visit, fields):
            return self._shown(person, details, typed, {"": NOT_OURS}, 403)
        by = person.session.actor(visit.client.ip or None)
        try:
            await self._own_details.change(user_id, typed, by=by)
        except OstiaryError as error:
            field = error.field if error.field in typed else None
            sentence = error.beside_field() if field else error.message
            return self._shown(person, details, typed, {field or "": sentence}, error.status)
        return see_other("/if/user/")

    def _shown(
        self,
        person: SignedIn,
        details: Details,
        values: Mapping[str, str],
        errors: Mapping[str, str],
        status: int = 200,
    ) -> Response:
        return self._forms.page(
            person.visit, "portal/details.html", status=status, details=details, values=values, errors=errors
        )
