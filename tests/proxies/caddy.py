"""Caddy, the newest and Debian's, as docs/proxies/caddy.md sets it up."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.proxies.stand import Place, Stand

NEWEST = str(Path(sys.executable).parent / "caddy")
DEBIAN = "/usr/bin/caddy"


def start(binary: str, place: Place) -> None:
    """The example, with its application once for each."""
    text = place.example("caddy/Caddyfile")
    for name in place.applications:
        if name != "hello":
            site = re.search(rf"(?ms)^{name}\.\S+ \{{\n.*?^\}}\n", place.example("caddy/Caddyfile", name))
            assert site
            text += site[0]
    run(binary, place, text)


def run(binary: str, place: Place, text: str) -> None:
    """Runs Caddy with these sites over plain http at the place's port."""
    text = re.sub(r"(?m)^(?=[\w.-]+\.test \{)", "http://", text)
    text = re.sub(r"(?m)^(http://[\w.-]+\.test) \{", rf"\1:{place.port} {{\n\tbind 127.0.0.1", text)
    file = place.folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n}\n" + text)
    folder = {"XDG_DATA_HOME": str(place.folder), "XDG_CONFIG_HOME": str(place.folder)}
    place.processes.start("proxy", [binary, "run", "--config", file, "--adapter", "caddyfile"], folder)


def version(binary: str) -> str:
    said = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    return said.split()[0].removeprefix("v")


STANDS = tuple(
    Stand(name, f"Caddy {version(binary)}", "caddy", "in_place", partial(start, binary), 3)
    for name, binary in (("caddy", NEWEST), ("caddy-debian", DEBIAN))
)
