"""What the dialects have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from ostiary.kit.errors import InvalidInput
from ostiary.kit.urls import fold_host

Heard = tuple[bytes, bytes, bytes | None, bytes | None, bytes | None]
"""Scheme, host, path with query, method and cookies, as the proxy spelled them. The path is None where the proxy tells
none, the others where it left them out."""

Read = Callable[[bytes, bytes, bytes], Heard]
"""From the head, the request's own method and what follows the endpoint's address, to what was heard.

Raises `Refused` for what could be read in two ways.
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of asking and of being answered.

    ``kinds`` are the kinds of declared proxies that may use it. ``redirects``: a refusal reaches the browser as we
    wrote it. ``signs_in``: the proxy makes a redirect of a 401. ``carries_attempt``: that redirect can take a header of
    ours along. ``removes``: the proxy takes headers off the request that we list. ``sparse``: it passes on only the
    request headers that its configuration lists. ``extends``: the visitor's path follows the address.
    ``knows_visitor``: what it says in X-Forwarded-For is its own word, and not the visitor's.
    """

    name: str
    kinds: frozenset[str]
    read: Read
    redirects: bool = False
    signs_in: bool = False
    carries_attempt: bool = False
    removes: bool = False
    sparse: bool = False
    extends: bool = False
    knows_visitor: bool = True


def same_host(told: bytes, host: bytes) -> bool:
    """Whether another header names the same host; nginx's ``$host`` leaves the port out."""
    if host.startswith(told + b":"):
        return True
    try:
        name, whole = fold_host(told.decode("utf-8").strip()), fold_host(host.decode("utf-8"))
    except (InvalidInput, UnicodeDecodeError):
        return False
    return whole == name or whole.startswith(name + ":")
