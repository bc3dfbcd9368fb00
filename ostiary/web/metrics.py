"""Metrics of one worker, in one registry.

What counts, counts in plain integers where it happens; they are read when someone scrapes. Every number must be one
that can be added up over workers.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ostiary.web.protocol import Door

Labels = tuple[str, ...]
Values = float | Mapping[Labels, float]


class Metrics(Collector):
    """Names, sentences and how to read each number."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._read: list[Callable[[], Metric]] = []

    def counter(self, name: str, about: str, read: Callable[[], Values], labels: Labels = ()) -> None:
        """A number that only grows: ``ostiary_<name>_total``. With labels, ``read`` maps their values to it."""
        self._add(CounterMetricFamily, name, about, read, labels)

    def gauge(self, name: str, about: str, read: Callable[[], Values], labels: Labels = ()) -> None:
        """A number that goes up and down: ``ostiary_<name>``."""
        self._add(GaugeMetricFamily, name, about, read, labels)

    def count_connections(self, door: Door, connections: Collection[Any]) -> None:
        """The numbers of the protocol."""
        self.counter(
            "requests",
            "Requests by what became of them: answered from memory, passed on to pages, refused, failed.",
            lambda: {
                ("answered",): door.answered,
                ("passed_on",): door.passed_on,
                ("refused",): door.refused,
                ("failed",): door.failed,
            },
            labels=("outcome",),
        )
        self.gauge("connections", "Open connections.", lambda: len(connections))
        self.gauge("workers", "Worker processes that answer.", lambda: 1)

    def text(self) -> str:
        """Prometheus' text format."""
        return generate_latest(self._registry).decode()

    def collect(self) -> Iterable[Metric]:
        return [read() for read in self._read]

    def _add(
        self,
        kind: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        about: str,
        read: Callable[[], Values],
        labels: Labels,
    ) -> None:
        def family() -> Metric:
            metric = kind(f"ostiary_{name}", about, labels=labels)
            values = read()
            for key, value in values.items() if isinstance(values, Mapping) else [((), values)]:
                metric.add_metric(key, value)
            return metric

        self._read.append(family)
