"""HAProxy with our action, as docs/proxies/haproxy.md sets it up."""

import re
import subprocess

from tests.proxies.stand import Place, Stand

BINARY = "/usr/sbin/haproxy"


def start(place: Place) -> None:
    """The example, with its application once for each."""
    text = place.example("haproxy/haproxy.cfg")
    for name in place.applications:
        if name != "hello":
            other = place.example("haproxy/haproxy.cfg", name)
            choice = re.search(rf"(?m)^    use_backend {name} .*\n", other)
            backend = re.search(rf"(?ms)^backend {name}\n.*?(?=^\S|\Z)", other)
            assert choice
            assert backend
            text = text.replace("\nbackend ostiary", f"{choice[0]}\nbackend ostiary") + "\n" + backend[0]
    run(place, text)


def run(place: Place, text: str) -> None:
    """Runs HAProxy with this configuration, and our action, at the place's port."""
    script = place.folder / "ostiary.lua"
    script.write_text(place.example("haproxy/ostiary.lua"))
    text = text.replace("/etc/haproxy/ostiary.lua", str(script)).replace("bind :80", f"bind 127.0.0.1:{place.port}")
    file = place.folder / "haproxy.cfg"
    file.write_text(text)
    place.processes.start("proxy", [BINARY, "-db", "-f", str(file)])


def version() -> str:
    said = subprocess.run([BINARY, "-v"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+\.\d+\.\d+)", said)
    assert found, said
    return found[1]


STANDS = (Stand("haproxy", f"HAProxy {version()}", "haproxy", "in_place", start, 3),)
