"""What was promised of the comparison, held against its rows."""

from collections.abc import Iterator, Sequence

from bench.peers.rows import Row
from bench.report import Line

_COSTS = (
    ("allowed_kept", "allowed, kept alive"),
    ("sign_in_kept", "sign-in, kept alive"),
    ("allowed_each", "allowed, one connection each"),
    ("sign_in_each", "sign-in, one connection each"),
)
# Of nginx's constant: allowed and sign-in, kept alive, and with a connection per check.
_OF_NGINX = {"Ostiary on SQLite": (2.3, 2.2), "Ostiary on PostgreSQL": (2.0, 2.2)}
_OF_PEERS, _MS = 0.5, 1.0


def promises(rows: Sequence[Row]) -> Iterator[Line]:
    """One line for each promise. The first row is nginx's constant; those of Ostiary go by their names."""
    nginx = rows[0]
    ours = [row for row in rows if row.name in _OF_NGINX]
    peers = [row for row in rows[1:] if row not in ours and not row.missing]
    for row in ours:
        for column, what in _COSTS:
            value, base = getattr(row, column), getattr(nginx, column)
            bound = _OF_NGINX[row.name][column.endswith("each")]
            yield Line(row.name, what, value, "µs", "nginx", value / base, bound)
        for column, what in _COSTS if peers else ():
            value, fastest = getattr(row, column), min(peers, key=lambda peer: getattr(peer, column))
            yield Line(row.name, what, value, "µs", fastest.name, value / getattr(fastest, column), _OF_PEERS)
        if row.p99 is not None and nginx.p99 is not None:
            yield Line(row.name, "99th percentile above nginx's at that rate", row.p99 - nginx.p99, "ms", promised=_MS)
