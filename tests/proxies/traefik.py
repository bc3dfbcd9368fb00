"""Traefik, as docs/proxies/traefik.md sets it up."""

import re
import subprocess
import sys
from pathlib import Path

from tests.proxies.stand import Place, Stand

# The package's binary lies beside this interpreter's other commands.
BINARY = str(Path(sys.executable).parent / "traefik")


def start(place: Place) -> None:
    """The files of the example, the application's once for each."""
    folder = place.folder / "dynamic"
    folder.mkdir()
    (folder / "ostiary.yaml").write_text(place.example("traefik/dynamic/ostiary.yaml"))
    for name in place.applications:
        (folder / f"{name}.yaml").write_text(place.example("traefik/dynamic/hello.yaml", name))
    run(place, place.example("traefik/traefik.yaml").replace("/etc/traefik/dynamic", str(folder)))


def run(place: Place, static: str) -> None:
    """Runs Traefik with this static configuration, its entry point at the place's port."""
    file = place.folder / "traefik.yaml"
    file.write_text(static.replace('":80"', f'"127.0.0.1:{place.port}"'))
    place.processes.start("proxy", [BINARY, f"--configFile={file}"])


def version() -> str:
    said = subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Version:\s+v?(\S+)", said)
    assert found, said
    return found[1]


STANDS = (Stand("traefik", f"Traefik {version()}", "traefik", "in_place", start),)
