"""The cluster's DNS: answers every name below ``svc.cluster.local`` with one loopback address, everything else with
NXDOMAIN."""

import ipaddress
import threading
from typing import Self

from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSServer


class _Cluster(BaseResolver):  # type: ignore[misc]
    def __init__(self, address: str) -> None:
        self._address = str(ipaddress.IPv4Address(address))

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        reply = request.reply()
        if not str(request.q.qname).rstrip(".").endswith(".svc.cluster.local"):
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.A:
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(self._address), ttl=5))
        return reply


class ClusterNames:
    """A DNS server on 127.0.0.1, on a port that the kernel chose; ``with`` it."""

    def __init__(self, address: str) -> None:
        self._server = DNSServer(_Cluster(address), address="127.0.0.1", port=0, logger=_Silent())
        self.address = f"127.0.0.1:{self._server.server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server.start_thread()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        thread = self._server.thread
        assert isinstance(thread, threading.Thread)
        thread.join(5)
        self._server.server.server_close()


class _Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None
