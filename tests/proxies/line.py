"""The line between a proxy and Ostiary: it can be cut, and it can stand still."""

import contextlib
import select
import socket
import threading
from dataclasses import dataclass
from typing import Self


class Line:
    """Carries connections to ``target``, which sees them come from ``source``. ``with`` it.

    It listens on ``source`` too: an address of its own, so that nobody takes its port while it is cut.
    """

    def __init__(self, target: tuple[str, int], source: str) -> None:
        self._target = target
        self._source = source
        self._flowing = threading.Event()
        self._flowing.set()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = self._listen(0)
        self._port = int(self._listener.getsockname()[1])
        self.address = f"{source}:{self._port}"

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._source, port))
        listener.listen(128)
        return listener

    def __enter__(self) -> Self:
        self._spawn(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Ends every connection and refuses new ones."""
        # A listener that another thread waits on is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._flowing.set()

    def mend(self) -> None:
        """Takes connections again."""
        self._listener = self._listen(self._port)
        self._flowing.set()
        self._spawn(self._accept, self._listener)

    def hold(self) -> None:
        """Takes connections and what is said on them, and passes nothing on until it is cut or let go."""
        self._flowing.clear()

    def let_go(self) -> None:
        """Passes on what was held, and whatever comes."""
        self._flowing.set()

    def _spawn(self, target: object, *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                far = socket.create_connection(self._target, timeout=30, source_address=(self._source, 0))
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ends |= {near, far}
            self._spawn(self._carry, near, far)

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """Until one of the two ends."""
        other = {near: far, far: near}
        open_ = True
        with near, far, contextlib.suppress(OSError):
            while open_:
                for ready in select.select(tuple(other), (), ())[0]:
                    piece = ready.recv(65_536)
                    self._flowing.wait()
                    other[ready].sendall(piece)
                    open_ = open_ and bool(piece)
        with self._lock:
            self._ends -= {near, far}


@dataclass(frozen=True)
class Lines:
    """Every way from one proxy to Ostiary."""

    each: tuple[Line, ...]

    def cut(self) -> None:
        for line in self.each:
            line.cut()

    def mend(self) -> None:
        for line in self.each:
            line.mend()

    def hold(self) -> None:
        for line in self.each:
            line.hold()

    def let_go(self) -> None:
        for line in self.each:
            line.let_go()
