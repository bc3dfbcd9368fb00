"""Application sessions and the tickets that begin them.

A ticket carries a login from our host to an application's host: 256 random bits, good once, for thirty seconds, and
only in the browser that holds the attempt cookie it was made for. What it buys is an application session: a cookie of
the application's host that opens this one provider and dies with its login.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from ostiary.kit.tokens import digest
from ostiary.sessions.cookie import Cookie
from ostiary.sessions.models import AppSession, Session, Ticket
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Writing

TICKET_SECONDS = 30
_HASH = "app-session"
_TICKET_HASH = "ticket"
# Not a cookie, but of the same making: 32 random bytes and a MAC, so that a made-up one costs no question.
_TICKET = Cookie("ostiary_ticket", "ticket")


@dataclass(frozen=True)
class DomainCookie(Cookie):
    """A cookie that the browser sends to every host below ``domain``.

    ``__Secure-``, because ``__Host-`` forbids the Domain attribute (RFC 6265bis section 4.1.3).
    """

    domain: str = ""

    def name(self, secure: bool) -> str:
        return f"__Secure-{self.base}" if secure else self.base

    def header(self, value: str, secure: bool, max_age: int | None = None) -> str:
        return super().header(value, secure, max_age) + f"; Domain={self.domain}"


def app_cookie(provider_uuid: str) -> Cookie:
    """The cookie that opens one application on its own host."""
    return Cookie(f"ostiary_{provider_uuid[:8]}", "app-cookie")


def domain_cookie(provider_uuid: str, domain: str) -> DomainCookie:
    """The cookie of a domain provider: weaker, since every application below the domain receives it."""
    return DomainCookie(f"ostiary_domain_{provider_uuid[:8]}", "domain-cookie", domain)


def attempt_cookie(provider_uuid: str) -> Cookie:
    """The cookie that binds one sign-in attempt to the browser it began in."""
    return Cookie(f"ostiary_try_{provider_uuid[:8]}", "attempt-cookie")


def stored_hashes(secrets: Secrets, secret: bytes) -> list[str]:
    """The values of ``AppSession.token_hash`` that an app or domain cookie's secret may be stored under."""
    return secrets.hashes(_HASH, secret)


def nonce_hash(secret: bytes) -> str:
    """How a ticket names the attempt cookie it is bound to: SHA-256 of its secret, in hex."""
    return digest(secret).hex()


@dataclass(frozen=True)
class Claim:
    """What a ticket is bound to. It is redeemed only where every one of these is the same."""

    provider_id: int
    kind: str
    host: str
    nonce_hash: str


@dataclass(frozen=True)
class Redeemed:
    """A ticket that was good: whose login it carries, until when that lasts, and where its person was going."""

    session_id: str
    session_expires: datetime
    return_url: str


async def issue_ticket(
    w: Writing, *, secrets: Secrets, now: datetime, session_id: str, claim: Claim, return_url: str
) -> str:
    """Stores a ticket for a login and returns its text."""
    text, secret = _TICKET.mint(secrets)
    w.add(
        Ticket(
            token_hash=secrets.hash(_TICKET_HASH, secret),
            session_id=session_id,
            provider_id=claim.provider_id,
            kind=claim.kind,
            host=claim.host,
            nonce_hash=claim.nonce_hash,
            return_url=return_url,
            expires=now + timedelta(seconds=TICKET_SECONDS),
        )
    )
    await w.flush()
    return text


def is_ticket(secrets: Secrets, text: str) -> bool:
    """Whether we made this text, whether or not it is still good. Asks no database."""
    return _TICKET.verify(secrets, text) is not None


async def redeem(w: Writing, *, secrets: Secrets, now: datetime, text: str, claim: Claim) -> Redeemed | None:
    """Takes a ticket off the table, or None. Of any number of callers at once exactly one gets it.

    One conditional DELETE decides, so that no two transactions can both have seen the row. A ticket presented in the
    wrong place stays: its thief must not be able to spoil it for its owner.
    """
    secret = _TICKET.verify(secrets, text)
    if secret is None:
        return None
    row = (
        await w.execute(
            delete(Ticket)
            .where(
                Ticket.token_hash.in_(secrets.hashes(_TICKET_HASH, secret)),
                Ticket.expires > now,
                Ticket.provider_id == claim.provider_id,
                Ticket.kind == claim.kind,
                Ticket.host == claim.host,
                Ticket.nonce_hash == claim.nonce_hash,
            )
            .returning(Ticket.session_id, Ticket.return_url)
            .execution_options(synchronize_session=False)
        )
    ).first()
    if row is None:
        return None
    # Held until the transaction ends, so that the login cannot end between the ticket and what it buys.
    login = select(Session.expires).where(Session.id == row.session_id).with_for_update(read=True, key_share=True)
    expires = await w.scalar(login)
    return None if expires is None or expires <= now else Redeemed(row.session_id, expires, row.return_url)


@dataclass(frozen=True)
class Opened:
    """A new application session: its cookie value and the seconds that the browser should keep it."""

    value: str
    max_age: int


async def open_app_session(
    w: Writing,
    *,
    secrets: Secrets,
    now: datetime,
    cookie: Cookie,
    redeemed: Redeemed,
    provider_id: int,
    host: str,
    seconds: int,
) -> Opened:
    """Starts an application session of at most ``seconds``, inside the transaction that redeemed its ticket."""
    value, secret = cookie.mint(secrets)
    expires = min(now + timedelta(seconds=seconds), redeemed.session_expires)
    w.add(
        AppSession(
            token_hash=secrets.hash(_HASH, secret),
            session_id=redeemed.session_id,
            provider_id=provider_id,
            kind="domain" if isinstance(cookie, DomainCookie) else "app",
            host=host,
            created=now,
            expires=expires,
        )
    )
    await w.flush()
    return Opened(value, int((expires - now).total_seconds()))


async def expire(w: Writing, now: datetime) -> None:
    """Removes tickets and application sessions whose time is over."""
    await w.execute(delete(Ticket).where(Ticket.expires <= now).execution_options(synchronize_session=False))
    await w.execute(delete(AppSession).where(AppSession.expires <= now).execution_options(synchronize_session=False))
