"""Debian's Chromium, driven by Playwright, in a world where the test's names are on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(http_port: int, https_port: int | None = None, trusted: str = "") -> Iterator[Browser]:
    """A browser that finds every host on 127.0.0.1: port 80 at ``http_port``, 443 at ``https_port``.

    ``trusted`` is the hash of an authority's key (``Certificate.spki``); without it no https works.
    """
    rules = [f"MAP *:80 127.0.0.1:{http_port}"]
    if https_port is not None:
        rules.append(f"MAP *:443 127.0.0.1:{https_port}")
    flags = [*_QUIET, f"--host-resolver-rules={', '.join(rules)}"]
    if trusted:
        flags.append(f"--ignore-certificate-errors-spki-list={trusted}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        try:
            yield browser
        finally:
            browser.close()
