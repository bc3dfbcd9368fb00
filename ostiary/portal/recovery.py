"""``/if/recovery/``: whoever followed a recovery link chooses a new password."""

from starlette.responses import Response

from ostiary.directory.recovery import PATH, Recovery
from ostiary.kit.errors import InvalidInput, NotFound, OstiaryError
from ostiary.sessions.cookie import RECOVERY, single
from ostiary.storage.session import Database
from ostiary.web.forms import NOT_OURS, Forms
from ostiary.web.redirects import see_other
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import Visit

_LONGEST = 128


class RecoveryPage:
    """The key moves from the link into a cookie at once, so that neither history nor a Referer keeps it."""

    def __init__(self, *, database: Database, forms: Forms, recovery: Recovery) -> None:
        self._database = database
        self._forms = forms
        self._recovery = recovery

    def mount(self, routes: Routes) -> None:
        routes.route(PATH, self.page, who=Who.ANYONE, methods=("GET", "POST"))

    async def page(self, visit: Visit) -> Response:
        """Asks for the password while the link is good; opening it alone uses nothing up."""
        given = visit.request.query_params.get("key")
        if given is not None:
            response: Response = see_other(PATH)
            if given.isascii() and given.replace("-", "").replace("_", "").isalnum() and len(given) <= _LONGEST:
                response.headers.append("Set-Cookie", RECOVERY.header(given, visit.secure))
            return response
        key = single(visit.cookies, RECOVERY.name(visit.secure))
        try:
            async with self._database.reading() as r:
                username = (await self._recovery.whose(r, key)).username
            if visit.request.method == "POST":
                return await self._answer(visit, key, username)
        except NotFound as error:
            page = self._forms.page(visit, "portal/recovery_over.html", status=error.status, why=error.message)
            page.headers.append("Set-Cookie", RECOVERY.cleared(visit.secure))
            return page
        return self._asked(visit, username, {})

    async def _answer(self, visit: Visit, key: str, username: str) -> Response:
        fields = await self._forms.read(visit)
        if not self._forms.genuine(visit, fields):
            return self._asked(visit, username, {"": NOT_OURS}, 403)
        new, repeated = fields.get("password", ""), fields.get("password_repeat", "")
        errors = {}
        if not new:
            errors["password"] = "Choose a new password."  # noqa: S105 - a sentence
        elif new != repeated:
            errors["password_repeat"] = "The two passwords differ. Type the same one twice."  # noqa: S105 - a sentence
        if errors:
            return self._asked(visit, username, errors, 400)
        try:
            await self._recovery.complete(key, new, client_ip=visit.client.ip or None)
        except NotFound:
            raise
        except OstiaryError as error:
            named = isinstance(error, InvalidInput) and error.field in fields
            where = (error.field or "") if named else ""
            return self._asked(visit, username, {where: error.beside_field() if where else error.message}, error.status)
        page = self._forms.page(visit, "portal/recovered.html")
        page.headers.append("Set-Cookie", RECOVERY.cleared(visit.secure))
        return page

    def _asked(self, visit: Visit, username: str, errors: dict[str, str], status: int = 200) -> Response:
        return self._forms.page(
            visit, "portal/recovery.html", status=status, username=username, errors=errors, action=PATH
        )
