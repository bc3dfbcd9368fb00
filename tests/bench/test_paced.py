"""The paced load counts from the moment at which a request was due."""

import pytest

from bench.paced import percentile, waits
from bench.questions import check
from tests.bench.test_load import OK, server


def test_percentiles_are_of_the_ordered_values() -> None:
    ordered = [float(n) for n in range(1, 101)]
    assert (percentile(ordered, 0.5), percentile(ordered, 0.99), percentile(ordered, 1.0)) == (50.0, 99.0, 100.0)
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_every_request_is_answered_and_timed() -> None:
    requests = [check(f"https://app{n}.example/", f"a={n}", keep=True) for n in range(4)]
    with server(OK, keep=True) as (address, seen):
        median, slowest = waits(address, requests, rate=400, count=40, status=200)
    assert len(seen) == 44
    assert 0 < median <= slowest


def test_another_status_ends_the_measurement() -> None:
    with (
        server(OK.replace(b"200", b"503"), keep=True) as (address, _),
        pytest.raises(RuntimeError, match="expected 200"),
    ):
        waits(address, [check("https://app.example/", "", keep=True)], rate=400, count=20, status=200)
