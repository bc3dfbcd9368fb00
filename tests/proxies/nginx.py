"""Plain nginx, Debian's and the newest, as docs/proxies/nginx.md sets it up."""

import re
import subprocess
from functools import partial

from tests.proxies.stand import Place, Stand
from tests.rig import nginx


def start(binary: nginx.Nginx, place: Place) -> None:
    """The example's part for Ostiary once, its part for an application once for each."""
    # The first application's file, with those parts of the others that name an application.
    parts = [place.example("nginx/hello.conf")]
    for name in place.applications:
        if name != "hello":
            text = place.example("nginx/hello.conf", name)
            for part in (
                rf"^upstream {name} \{{.*?^\}}\n",
                r"^map \$http_upgrade .*?^\}\n",
                r"^# The application\.\n.*",
            ):
                found = re.search(part, text, re.MULTILINE | re.DOTALL)
                assert found, part
                parts.append(found[0])
    text = "\n".join(parts).replace("listen 80;", f"listen 127.0.0.1:{place.port};")
    nginx.start(binary, f"http {{\n{text}}}\n", place.folder / "nginx", place.processes, "proxy")


def version(binary: nginx.Nginx) -> str:
    said = subprocess.run([binary.binary, "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().rpartition("/")[2]


STANDS = tuple(
    Stand(f"nginx-{binary.name}", f"nginx {version(binary)}", "nginx", "in_place", partial(start, binary), 3)
    for binary in nginx.BOTH
)
