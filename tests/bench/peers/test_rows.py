"""The table of the comparison."""

from bench.peers.rows import COLUMNS, Row, table


def test_costs_stand_beside_the_first_rows() -> None:
    text = table(
        [
            Row("nginx", 10.0, 8.0, 30.0, 20.0, 5.0, 5.0, 12_000.0, 0.05, 0.2),
            Row("ours", 20.0, 12.0, 45.0, 50.0, 85.0, 86.0, 12_000.0, 0.08, 0.4),
            Row("theirs", missing="not built: there is no go command"),
        ]
    )
    lines = text.splitlines()
    assert lines[3] == (
        "| ours | 20.0 µs | 2.00 | 12.0 µs | 1.50 | 45.0 µs | 1.50 | 50.0 µs | 2.50 "
        "| 85 MB | 86 MB | 12,000/s | 0.08 ms | 0.40 ms |"
    )
    assert lines[4].startswith("| theirs | not built: there is no go command |")
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}
