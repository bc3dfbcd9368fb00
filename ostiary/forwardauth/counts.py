"""What a worker counts of checks, as its metrics."""

from ostiary.forwardauth.machines import Machines
from ostiary.forwardauth.responder import Responder
from ostiary.web.metrics import Metrics


def register(metrics: Metrics, *, responder: Responder, machines: Machines) -> None:
    """Adds the numbers."""

    def checks() -> dict[tuple[str, ...], float]:
        counts: dict[tuple[str, ...], float] = {
            (verdict.value,): float(number) for verdict, number in responder.counts.items()
        }
        counts[("allow",)] = counts.get(("allow",), 0) + responder.remembered
        return counts

    def credentials() -> dict[tuple[str, ...], float]:
        return {
            ("recognised",): float(machines.recognised),
            ("unknown",): float(machines.unknown),
            ("braked",): float(machines.braked),
        }

    metrics.counter("checks", "Checks by verdict.", checks, labels=("verdict",))
    metrics.counter(
        "machine_credentials", "Credentials of machines by what became of them.", credentials, labels=("result",)
    )
