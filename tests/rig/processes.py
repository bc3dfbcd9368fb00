"""Starts commands for a test and ends exactly those; their output is kept in files and shown when something fails."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class Processes:
    """A group of processes with one folder for their logs; leaving the ``with`` block ends them, last one first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name, _ in reversed(self._running[:]):
            self.stop(name)

    def start(
        self, name: str, command: Sequence[str | Path], environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Runs a command in a session of its own, so that its children can be ended with it."""
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )
        self._running.append((name, process))
        return process

    def stop(self, name: str, timeout: float = 10) -> int:
        """Asks a process to end, then makes it and what is left of its children end. Returns its exit status."""
        process = next(process for known, process in self._running if known == name)
        self._running = [entry for entry in self._running if entry[0] != name]
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait(timeout)

    def alive(self, name: str) -> bool:
        """Whether a process that was started still runs."""
        return next(process for known, process in self._running if known == name).poll() is None

    def log(self, name: str) -> str:
        """What a process has written so far."""
        return (self._logs / f"{name}.log").read_text(errors="replace")

    def wait_for_port(self, name: str, address: tuple[str, int], timeout: float = 30) -> None:
        """Returns when the process listens; raises with its log when it ended or took too long."""
        process = next(process for known, process in self._running if known == name)
        until = time.monotonic() + timeout
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} does not listen on {address}:\n{self.log(name)}")


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that the kernel says is free."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
