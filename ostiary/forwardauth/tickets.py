"""The signed state that a person carries from a refused check to our host, and the mark of a ticket on the way back.

Nothing is stored for it. It says which application was asked for and where, and it is bound to one browser by the hash
of the attempt cookie, so that a state, or the ticket that it leads to, is of no use in another.
"""

import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime

from ostiary.forwardauth.circle import NOTHING, Saw
from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import b64, digest, unb64
from ostiary.kit.urls import location
from ostiary.storage.secrets import Secrets

ATTEMPT_SECONDS = 600
MARK = b"ostiary-ticket="
_MARKED = re.compile(rb"[?&]ostiary-ticket=([A-Za-z0-9_-]*)\Z")
_PURPOSE = "forward-auth-attempt"
_MAC = 16

CALLBACK = "callback"
IN_PLACE = "in_place"
CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Attempt:
    """``kind`` is how the ticket shall come back, or ``clean``: only the ticket's mark has to leave the address.

    The address itself travels beside it as ``rd``, and ``url_hash`` holds it fast: proxies read an answer's head into a
    small buffer, and a long address must not be written twice. ``seen`` is why the check, or ``start``, found no
    session, and ``saw`` what it saw beside.
    """

    kind: str
    provider_id: int
    host: str
    method: str
    nonce_hash: str
    seen: str
    expires: int
    url_hash: str
    saw: Saw = NOTHING


def sign(secrets: Secrets, attempt: Attempt) -> str:
    """The URL-safe text of an attempt."""
    saw = attempt.saw
    fields = [*(getattr(attempt, name) for name in Attempt.__slots__[:-1])]
    fields += [saw.scheme, saw.dialect, saw.cookies, saw.more]
    body = json.dumps(fields, separators=(",", ":")).encode()
    return b64(body + secrets.mac(_PURPOSE, body))


def read(secrets: Secrets, text: str, now: datetime) -> Attempt:
    """The attempt of a text that we signed. Raises `attempt.invalid` or `attempt.expired`."""
    try:
        raw = unb64(text)
        body, mac = raw[:-_MAC], raw[-_MAC:]
        if not secrets.check_mac(_PURPOSE, body, mac):
            raise InvalidInput("attempt.invalid", "not signed by us")
        *fields, scheme, dialect, cookies, more = json.loads(body)
        attempt = Attempt(*[*fields, Saw(scheme, dialect, tuple(cookies), more)])
    except (InvalidInput, ValueError, TypeError) as error:
        raise InvalidInput(
            "attempt.invalid", "This sign-in link is damaged; please open the application again.", field="attempt"
        ) from error
    if now.timestamp() >= attempt.expires:
        raise InvalidInput(
            "attempt.expired", "This sign-in took longer than ten minutes; please open the application again."
        )
    return attempt


def url_hash(host_key: str, target: bytes) -> str:
    """Stands for an address inside an attempt. The scheme is no part of it: proxies may differ about it.

    Bytes beyond ASCII count as their escapes, which is what becomes of them in a Location header.
    """
    return b64(digest(host_key.encode() + b"\0" + location("", target).encode("ascii"))[:16])


def address(attempt: Attempt, rd: tuple[str | None, bytes] | None) -> bytes | None:
    """The target that an attempt was made for, out of the ``rd`` beside it; None if it is another.

    A browser that follows a redirect writes an apostrophe in a query as ``%27``, so where ``rd`` was passed on
    unescaped the path may have lost one.
    """
    if rd is None or (rd[0] is not None and rd[0] != attempt.host):
        return None
    # A ticket that was no good is still in the address that the proxy repeats.
    target = (without_ticket(rd[1]) or (rd[1], ""))[0] if attempt.kind != CALLBACK else rd[1]
    path, mark, query = target.partition(b"?")
    for candidate in (target, path.replace(b"%27", b"'") + mark + query, target.replace(b"%27", b"'")):
        if hmac.compare_digest(url_hash(attempt.host, candidate), attempt.url_hash):
            return candidate
    return None


def with_ticket(target: bytes, ticket: str) -> bytes:
    """The target with a ticket at its very end."""
    return target + (b"&" if b"?" in target else b"?") + MARK + ticket.encode("ascii")


def without_ticket(target: bytes) -> tuple[bytes, str] | None:
    """(the target byte for byte as it was before, ticket), or None if it does not end in one."""
    found = _MARKED.search(target)
    return None if found is None else (target[: found.start()], found[1].decode("ascii"))
