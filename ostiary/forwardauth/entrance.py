"""What `start`, `callback` and `sign_out` need before they can be of use, and the page that says what is missing."""

from collections.abc import Callable
from datetime import datetime

from starlette.responses import Response

from ostiary.access.freshness import Freshness
from ostiary.access.table import AccessTable
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.path_secrets import PathSecrets
from ostiary.web.visits import Visit


class Entrance:
    """One per worker."""

    def __init__(
        self,
        *,
        table: AccessTable,
        freshness: Freshness,
        explain: Explain,
        path_secrets: PathSecrets,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._explain = explain
        self._path_secrets = path_secrets
        self._now = now

    async def address(self, visit: Visit) -> str | Response:
        """Our own address, with rules that may be believed; or the page that says why there is no way on here.

        A proxy that was not declared is named, so that somebody declares it: its checks are refused. Where proxies show
        a path secret instead, nobody declares them; of what they forward nothing is believed, and they come like any
        visitor.
        """
        await self._freshness.believed()
        rules, peer = self._table.rules, visit.client.undeclared
        if peer is not None and not self._path_secrets.demanded(rules, self._now()):
            return self._explain.undeclared(visit, peer)
        return self._explain.not_ready(visit) if rules.base_url is None else rules.base_url
