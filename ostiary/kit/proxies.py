"""Which peers are proxies of ours, and of what kind. The address alone decides whether a forwarded header is read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ostiary.kit.errors import InvalidInput

KINDS = ("nginx", "traefik", "caddy", "envoy", "haproxy", "any")


@dataclass(frozen=True, slots=True)
class ProxyRule:
    """A network and the kind of proxy that speaks from it."""

    network: IPv4Network | IPv6Network
    kind: str

    @classmethod
    def parse(cls, cidr: str, kind: str) -> "ProxyRule":
        """Raises `proxies.cidr_invalid`, `proxies.everyone` or `proxies.kind_unknown`."""
        try:
            network = ip_network(cidr.strip())
        except ValueError as error:
            raise InvalidInput(
                "proxies.cidr_invalid", f"proxies: {cidr!r} is no network; write it as 10.0.0.0/8.", field="proxies"
            ) from error
        if network.prefixlen == 0:
            raise InvalidInput(
                "proxies.everyone",
                f"proxies: {cidr} would make everyone a proxy; name the networks of your proxies.",
                field="proxies",
            )
        if kind not in KINDS:
            raise InvalidInput(
                "proxies.kind_unknown", f"proxies: kind is one of {', '.join(KINDS)}, not {kind!r}.", field="proxies"
            )
        return cls(network, kind)


class Proxies:
    """The declared proxies. The narrowest network that holds an address decides."""

    def __init__(self, rules: Iterable[ProxyRule]) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.network.prefixlen, reverse=True)
        # Asked on every check. Bounded, because peers that nobody declared may come and go.
        self.kind_of = lru_cache(maxsize=4096)(self._kind_of)

    def _kind_of(self, peer: str) -> str | None:
        """The kind declared for an address, or None: undeclared. An address that is none is undeclared."""
        try:
            address = ip_address(peer)
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        for rule in self._rules:
            if address.version == rule.network.version and address in rule.network:
                return rule.kind
        return None

    def walked(self, forwarded_for: str) -> Iterator[str]:
        """The addresses of X-Forwarded-For from the right, up to the first that no declared proxy vouches for: that one
        is the visitor, and what stands left of it the visitor's own claim. "" where one cannot be read, and no further.
        """
        for text in reversed(forwarded_for.split(",")):
            try:
                # A zone means nothing beyond the machine that wrote it, and may be of any length.
                address = str(ip_address("" if "%" in text else text.strip()))
            except ValueError:
                yield ""
                return
            yield address
            if self.kind_of(address) is None:
                return
