"""The cluster's DNS answers for the cluster and for nothing else."""

import socket

import pytest
from dnslib import RCODE, DNSRecord

from tests.rig.names import ClusterNames


@pytest.mark.parametrize(
    ("name", "kind", "code", "addresses"),
    [
        ("ostiary.ostiary.svc.cluster.local", "A", RCODE.NOERROR, ["127.9.8.7"]),
        ("ostiary.ostiary.svc.cluster.local", "AAAA", RCODE.NOERROR, []),
        ("ostiary.ostiary", "A", RCODE.NXDOMAIN, []),
        ("example.com", "A", RCODE.NXDOMAIN, []),
    ],
)
def test_answers(name: str, kind: str, code: int, addresses: list[str]) -> None:
    with ClusterNames("127.9.8.7") as names, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        host, _, port = names.address.partition(":")
        client.settimeout(10)
        client.sendto(DNSRecord.question(name, kind).pack(), (host, int(port)))
        reply = DNSRecord.parse(client.recv(512))
    assert reply.header.rcode == code
    assert [str(record.rdata) for record in reply.rr] == addresses
