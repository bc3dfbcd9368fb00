"""A signed-in person changes their own password: every other login of theirs ends, and this one gets a new cookie."""

from dataclasses import dataclass

from ostiary.directory.credentials import Attempt, Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.passwords import Passwords
from ostiary.directory.users import Users
from ostiary.kit.errors import InvalidInput, Refused
from ostiary.sessions.lifecycle import LiveSession, Sessions
from ostiary.storage.session import Database


@dataclass(frozen=True)
class Changed:
    """What the browser must keep from now on: the cookie values of its login and of the known device."""

    login: str
    device: str


class OwnPassword:
    """The verb."""

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        passwords: Passwords,
        credentials: Credentials,
        devices: Devices,
        sessions: Sessions,
    ) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._credentials = credentials
        self._devices = devices
        self._sessions = sessions

    async def change(self, session: LiveSession, *, current: str, new: str, attempt: Attempt) -> Changed:
        """Raises `password.current_wrong` (field ``current``), what a new password may not be (field ``password``), and
        `login.locked`: whoever finds an open browser must not be able to guess at leisure."""
        await self._passwords.approve(new, username=session.username)
        try:
            await self._credentials.check(session.username, current, attempt)
        except Refused as error:
            if error.code != "login.failed":
                raise
            raise InvalidInput(
                "password.current_wrong", "That is not your present password; try again.", field="current"
            ) from error
        stored = await self._passwords.hash(new)
        by = session.actor(attempt.client_ip)
        async with self._database.writing() as w:
            user = await self._users.set_password_in(w, session.user_id, stored, keep_session=session.id, by=by)
            return Changed(await self._sessions.rotate(w, session.id), self._devices.issue(user))
