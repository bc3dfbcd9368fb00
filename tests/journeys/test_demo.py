"""The demo does what its last lines say, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.pages import expect_greeting, expect_sign_in, sign_in
from tests.rig.browser import chromium
from tests.rig.processes import free_port

SCRIPT = Path(__file__).parents[2] / "scripts" / "demo.py"
# A machine that is reached by ssh, so that the line for it is printed.
ENVIRON = {**os.environ, "SSH_CONNECTION": "192.0.2.7 50000 192.0.2.9 22"}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """The running demo, its port, and what it has printed."""
    port = free_port()
    log = tmp_path / "demo.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", SCRIPT, "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**ENVIRON, "TMPDIR": str(tmp_path)},
        )
    until = time.monotonic() + 60
    while "Ctrl-C" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    yield process, port, log.read_text()
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_its_last_lines_can_be_followed(demo: tuple[subprocess.Popen[str], int, str], tmp_path: Path) -> None:
    process, port, said = demo
    address = f"http://hello.localhost:{port}"
    assert address in said
    assert re.search(rf"ssh -N -L {port}:127\.0\.0\.1:{port} \S+@192\.0\.2\.9", said)
    username = re.search(r"username +(\S+)", said)
    password = re.search(r"password +(\S+)", said)
    assert username
    assert password
    with chromium(1) as browser:
        page = browser.new_page()
        page.goto(f"{address}/deep?x=1&y=2")
        expect_sign_in(page)
        sign_in(page, username[1], password[1])
        expect_greeting(page, "Hello World", username[1])
        expect(page).to_have_url(f"{address}/deep?x=1&y=2")
        private = browser.new_context().new_page()
        private.goto(address)
        expect_sign_in(private)
        page.get_by_role("link", name="Sign out").click()
        page.goto(address)
        expect_sign_in(page)

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not list(tmp_path.glob("ostiary-demo-*"))
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if str(tmp_path).encode() in command]


def test_taken_port_is_said_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, SCRIPT, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 2
    assert done.stderr == (
        f"demo: port {port} is taken by another program; take another one: ./scripts/demo --port {port + 1}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "0"], "--port: 0 is no port; write a number from 1 to 65535, such as 8080."),
        (["--port", "web"], "argument --port: invalid int value: 'web'"),
        (["--domain", "a b"], "--domain: 'a b' is no domain; write a name such as localhost or example.com."),
    ],
)
def test_wrong_argument_is_said_before_anything_starts(arguments: list[str], sentence: str) -> None:
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(sentence)
