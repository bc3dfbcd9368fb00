"""What was promised is held against what was measured, whoever the fastest peer is."""

from bench.peers.promises import promises
from bench.peers.rows import Row

ROWS = [
    Row("nginx answering a constant", 10.0, 10.0, 30.0, 30.0, p99=0.1),
    Row("Ostiary on PostgreSQL", 19.0, 21.0, 60.0, 60.0, p99=1.5),
    Row("slow", 100.0, 100.0, 100.0, 100.0),
    Row("fast", 36.0, 50.0, 130.0, 130.0),
    Row("absent", missing="not built"),
]


def test_each_promise_has_its_line() -> None:
    found = [(line.name, line.beside, line.kept) for line in promises(ROWS)]
    assert found == [
        ("allowed, kept alive", "nginx", True),
        ("sign-in, kept alive", "nginx", False),
        ("allowed, one connection each", "nginx", True),
        ("sign-in, one connection each", "nginx", True),
        ("allowed, kept alive", "fast", False),
        ("sign-in, kept alive", "fast", True),
        ("allowed, one connection each", "slow", False),
        ("sign-in, one connection each", "slow", False),
        ("99th percentile above nginx's at that rate", "", False),
    ]


def test_without_a_peer_nothing_is_said_of_peers() -> None:
    assert {line.beside for line in promises([*ROWS[:2], ROWS[-1]])} == {"nginx", ""}
