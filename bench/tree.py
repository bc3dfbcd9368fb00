"""What a process and all that it started have cost: processor time and memory."""

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def tree(pid: int) -> Iterator[int]:
    """The process and everything below it."""
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))


def processor_seconds(pid: int) -> float:
    """User and system time of the tree so far, in nanosecond steps where the kernel keeps them."""
    total = 0.0
    for one in tree(pid):
        tasks = list((PROC / str(one) / "task").iterdir())
        try:
            total += sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
        except FileNotFoundError:
            fields = (PROC / str(one) / "stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / 100
    return total


def memory(pid: int) -> tuple[float, float]:
    """(proportional, resident) set size of the tree in MB; the first counts shared pages once."""
    proportional = resident = 0
    for one in tree(pid):
        for line in (PROC / str(one) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                proportional += int(line.split()[1])
            elif line.startswith("Rss:"):
                resident += int(line.split()[1])
    return proportional / 1024, resident / 1024
