"""HTTP requests to other servers: few, small, short, and never to where a visitor or a document could point us.

A name is resolved once, its address judged, and that very address connected to, so that a name that answers differently
the second time leads nowhere else. TLS is verified against the name. No redirect is followed, no proxy of the
environment is used, nothing is decompressed.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ostiary.kit.errors import InvalidInput, OstiaryError, Refused, Unavailable

if TYPE_CHECKING:
    import httpx2

SECONDS: Final = 5.0
"""For a whole request, from the name to the last byte."""

_MOST_ADDRESSES = 4
# Addresses in which another one is hidden (RFC 6052, RFC 3056).
_TRANSLATED = IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) to addresses. Raises OSError."""


class Outgoing:
    """``private_networks`` lets requests reach private and loopback addresses; link-local ones, where clouds keep
    their machines' credentials, are never reached."""

    def __init__(self, *, private_networks: bool, resolve: Resolve | None = None) -> None:
        self._private = private_networks
        self._resolve = resolve or _resolved
        self._tls: ssl.SSLContext | None = None

    async def get(self, url: str, *, limit: int, seconds: float = SECONDS) -> bytes:
        """The body of a 200, at most ``limit`` bytes.

        Raises `outgoing.url_invalid`, `outgoing.private_network`, `outgoing.unreachable`, `outgoing.refused` for any
        other status, `outgoing.too_large`.
        """
        host, port, is_secure = _parts(url)
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._addresses(host, port, is_secure=is_secure)
                if self._tls is None:
                    # Both take long enough for a check that waits behind them to notice.
                    self._tls = await asyncio.to_thread(_loaded)
                return await self._asked(url, host, addresses, limit)
        except TimeoutError as error:
            raise _unreachable(host) from error

    async def _addresses(self, host: str, port: int, *, is_secure: bool) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise _unreachable(host) from error
        public = [address for address in found if is_public(address)]
        private = [address for address in found if self._private and is_private(address)]
        if not is_secure:
            # Without TLS nothing says who answers; within one's own network, one may know.
            public = []
        if not public and not private:
            raise Refused(
                "outgoing.private_network",
                f"{host} is not on a public network, or is asked without TLS; allow private networks with the setting"
                " outgoing.private_networks, or give an https address on a public one.",
            )
        return [*public, *private][:_MOST_ADDRESSES]

    async def _asked(self, url: str, host: str, addresses: Sequence[str], limit: int) -> bytes:
        import httpx2

        failure: Exception | None = None
        for address in addresses:
            # A client of its own: a connection that was opened for one name is never used for another.
            async with httpx2.AsyncClient(
                verify=self._tls or True, trust_env=False, follow_redirects=False, timeout=None
            ) as client:
                try:
                    return await _read(client, httpx2.URL(url), host, address, limit)
                except httpx2.ConnectError as error:
                    failure = error
                except httpx2.HTTPError as error:
                    raise _unreachable(host) from error
        raise _unreachable(host) from failure


def is_public(address: str) -> bool:
    """Whether an address is one of the public network, whatever it is wrapped in."""
    found = _unwrapped(address)
    return found is not None and found.is_global and not found.is_multicast


def is_private(address: str) -> bool:
    """Whether it is of a private network or this machine."""
    found = _unwrapped(address)
    if found is None or found.is_global:
        return False
    return found.is_loopback or not (
        found.is_link_local or found.is_multicast or found.is_unspecified or found.is_reserved
    )


def _unwrapped(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found in _TRANSLATED:
            return IPv4Address(int(found) & 0xFFFF_FFFF)
        return found.ipv4_mapped or found.sixtofour or found
    return found


def _parts(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    else:
        if parts.scheme in ("http", "https") and host and parts.username is None and not parts.fragment:
            return host, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https"
    raise InvalidInput("outgoing.url_invalid", "url: write an https address without a user or a fragment.", field="url")


async def _read(client: "httpx2.AsyncClient", url: "httpx2.URL", host: str, address: str, limit: int) -> bytes:
    async with client.stream(
        "GET",
        url.copy_with(host=address),
        headers={"Host": url.netloc.decode("ascii"), "Accept": "application/json", "Accept-Encoding": "identity"},
        extensions={"sni_hostname": host},
    ) as answer:
        if answer.status_code != 200 or "content-encoding" in answer.headers:
            raise Unavailable("outgoing.refused", f"{host} answered {answer.status_code} instead of what was asked.")
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > limit:
                raise Unavailable("outgoing.too_large", f"{host} answered more than {limit} bytes; it was not read on.")
    return bytes(body)


def _loaded() -> ssl.SSLContext:
    import httpx2  # noqa: F401 - imported here, off the loop, because it takes long

    return ssl.create_default_context()


async def _resolved(host: str, port: int) -> Sequence[str]:
    found: list[tuple[Any, ...]] = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _unreachable(host: str) -> OstiaryError:
    return Unavailable("outgoing.unreachable", f"{host} does not answer as it should, or its certificate is not good.")
