"""What the comparison needs to know of a doorkeeper that runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.peers.process import APPLICATION, Address
from bench.questions import check


@dataclass(frozen=True)
class Peer:
    """``path`` is where nginx asks it, ``forwarded`` where Traefik does, ``envoy`` the prefix for Envoy ("" = none)."""

    pid: int
    address: Address
    cookie: str
    path: str
    host: str
    accepted: int = 200
    refusal: int = 401
    forwarded: str = ""
    envoy: str = ""

    def allowed(self, *, keep: bool) -> Sequence[bytes]:
        return [check(APPLICATION, self.cookie, keep=keep, path=self.path, host=self.host)]

    def anonymous(self, *, keep: bool) -> Sequence[bytes]:
        return [check(APPLICATION, "", keep=keep, path=self.path, host=self.host)]
