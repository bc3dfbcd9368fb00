"""Brings a login from our host to an application's host: attempts on the way there, tickets on the way back."""

from datetime import datetime

from ostiary.access.served import Served
from ostiary.events.catalog import Action
from ostiary.events.record import record
from ostiary.forwardauth import tickets
from ostiary.forwardauth.circle import NOTHING, Saw, look
from ostiary.forwardauth.tickets import ATTEMPT_SECONDS, CALLBACK, CLEAN, IN_PLACE, Attempt
from ostiary.forwardauth.wire import Asked, is_navigation, is_shown
from ostiary.kit.clock import Clock
from ostiary.kit.urls import location
from ostiary.sessions.app_sessions import (
    Claim,
    attempt_cookie,
    is_ticket,
    issue_ticket,
    nonce_hash,
    open_app_session,
    redeem,
)
from ostiary.sessions.lifecycle import LiveSession
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database


class Handoff:
    """Both kinds of hand-off. Everything it makes is bound to one browser by the attempt cookie's hash."""

    def __init__(self, *, database: Database, secrets: Secrets, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    # Where a visitor was refused

    def begin(
        self,
        served: Served,
        *,
        kind: str,
        host: str,
        target: bytes,
        method: str,
        cookies: str,
        seen: str,
        saw: Saw,
        now: datetime,
    ) -> tuple[str, str | None]:
        """(signed attempt, Set-Cookie line or None). The browser's attempt cookie is kept if it is a good one, so that
        several tabs share it.
        """
        cookie = attempt_cookie(served.provider_uuid)
        set_cookie = None
        value = cookie.read(self._secrets, cookies, served.secure)
        if value is None:
            value, _ = cookie.mint(self._secrets)
            set_cookie = cookie.header(value, served.secure, max_age=ATTEMPT_SECONDS)
        secret = cookie.verify(self._secrets, value) or b""
        attempt = self._attempt(served, kind, host, target, method, nonce_hash(secret), seen, saw, now)
        return tickets.sign(self._secrets, attempt), set_cookie

    def _attempt(
        self,
        served: Served,
        kind: str,
        host: str,
        target: bytes,
        method: str,
        nonce: str,
        seen: str,
        saw: Saw,
        now: datetime,
    ) -> Attempt:
        return Attempt(
            kind=kind,
            provider_id=served.provider_id,
            host=host,
            method=method,
            nonce_hash=nonce,
            seen=seen,
            expires=int(now.timestamp()) + ATTEMPT_SECONDS,
            url_hash=tickets.url_hash(host, target),
            saw=saw,
        )

    def attempt(self, served: Served, asked: Asked, seen: str, now: datetime) -> tuple[bytes, ...]:
        """The header lines of a refused check, for what a person will see.

        Only the opening of a page is bound to the browser: an image must not evict a page's attempt. A form that was
        sent gets an attempt that no ticket can come of; it leads to a page that says that the form was lost.
        """
        if not is_shown(asked):
            return ()
        if not is_navigation(asked):
            target = asked.target or b"/"
            lost = self._attempt(served, IN_PLACE, asked.host_key, target, asked.method, "", seen, NOTHING, now)
            return (b"X-Ostiary-Attempt: " + tickets.sign(self._secrets, lost).encode("ascii"),)
        text, set_cookie = self.begin(
            served,
            kind=IN_PLACE,
            host=asked.host_key,
            target=asked.target or b"/",
            method=asked.method,
            cookies=asked.cookies,
            seen=seen,
            saw=look(asked.scheme, asked.dialect.name, asked.cookies),
            now=now,
        )
        lines = (b"X-Ostiary-Attempt: " + text.encode("ascii"),)
        return lines if set_cookie is None else (*lines, b"Set-Cookie: " + set_cookie.encode("ascii"))

    def redirect(self, served: Served, asked: Asked, base_url: str, seen: str, now: datetime) -> tuple[bytes, ...]:
        """The header lines of our own redirect from a refused check to our host, where the check itself can bind the
        attempt to the browser.

        The callback of a domain lies on one host for all, so there `start` on that host has to bind it.
        """
        target = asked.target or b"/"
        url = location(origin_of(served, asked.host_key), target)
        if served.is_domain and not served.in_place:
            return (f"Location: {served.origin}{asked.prefix}/start?rd={url}".encode("ascii"),)
        text, set_cookie = self.begin(
            served,
            kind=IN_PLACE if served.in_place else CALLBACK,
            host=asked.host_key,
            target=target,
            method=asked.method,
            cookies=asked.cookies,
            seen=seen,
            saw=look(asked.scheme, asked.dialect.name, asked.cookies),
            now=now,
        )
        line = f"Location: {base_url}{asked.prefix}/start?attempt={text}&rd={url}".encode("ascii")
        return (line,) if set_cookie is None else (line, b"Set-Cookie: " + set_cookie.encode("ascii"))

    def clean(self, served: Served, asked: Asked, now: datetime) -> bytes:
        """The header line that leads a browser to the address without its ticket: at once, or by way of our host where
        the proxy makes the redirect."""
        if asked.dialect.redirects:
            return b"Location: " + location(origin_of(served, asked.host_key), asked.target or b"/").encode("ascii")
        target = asked.target or b"/"
        attempt = self._attempt(served, CLEAN, asked.host_key, target, asked.method, "", "", NOTHING, now)
        return b"X-Ostiary-Attempt: " + tickets.sign(self._secrets, attempt).encode("ascii")

    # On our host, for a person who may enter

    async def issue(
        self,
        attempt: Attempt,
        *,
        served: Served,
        session: LiveSession,
        client_ip: str,
        return_url: str,
        now: datetime,
    ) -> str:
        """A ticket that only the attempt's browser can use, in the attempt's way, and its event."""
        host = attempt.host if attempt.kind == IN_PLACE else served.host_key
        claim = Claim(attempt.provider_id, attempt.kind, host, attempt.nonce_hash)
        async with self._database.writing() as w:
            await record(
                w,
                self._clock,
                Action.AUTHORIZE_APPLICATION,
                "forwardauth",
                session.actor(client_ip or None),
                application=served.rules.slug if served.rules else "",
                host=attempt.host,
            )
            return await issue_ticket(
                w, secrets=self._secrets, now=now, session_id=session.id, claim=claim, return_url=return_url
            )

    # Back on the application's host

    async def seat(
        self, served: Served, *, kind: str, host: str, cookies: str, ticket: str, now: datetime
    ) -> tuple[str, str] | None:
        """(Set-Cookie line, return URL) for a ticket that is good here; None for any other. One transaction."""
        cookie = attempt_cookie(served.provider_uuid)
        value = cookie.read(self._secrets, cookies, served.secure)
        secret = None if value is None else cookie.verify(self._secrets, value)
        if secret is None or not is_ticket(self._secrets, ticket):
            return None
        claim = Claim(served.provider_id, kind, host, nonce_hash(secret))
        async with self._database.writing() as w:
            redeemed = await redeem(w, secrets=self._secrets, now=now, text=ticket, claim=claim)
            if redeemed is None:
                return None
            opened = await open_app_session(
                w,
                secrets=self._secrets,
                now=now,
                cookie=served.cookie,
                redeemed=redeemed,
                provider_id=served.provider_id,
                host=served.cookie_domain if served.is_domain else host,
                seconds=served.session_seconds,
            )
        return served.cookie.header(opened.value, served.secure, max_age=opened.max_age), redeemed.return_url

    async def redeem(self, served: Served, asked: Asked, ticket: str, now: datetime) -> bytes | None:
        """The Set-Cookie line for a ticket in the address of a check; None if it is no good here."""
        if not served.in_place:
            return None
        seated = await self.seat(
            served, kind=IN_PLACE, host=asked.host_key, cookies=asked.cookies, ticket=ticket, now=now
        )
        return None if seated is None else b"Set-Cookie: " + seated[0].encode("ascii")


def origin_of(served: Served, host_key: str) -> str:
    """An address of the application at one of its hosts: of its own scheme, whatever the request's was."""
    return f"{'https' if served.secure else 'http'}://{host_key}"
