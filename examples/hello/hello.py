#!/usr/bin/env python3
"""An application that knows nothing about logins: it greets whoever the proxy says is there.

    python3 hello.py --listen 127.0.0.1:8000 --sign-out https://auth.example.com/ostiary/sign_out

It trusts the X-authentik-* headers of every request, so nothing but the proxy may reach it.
"""

import argparse
import html
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IDENTITY = "x-authentik-"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere; }}
th {{ font-weight: 600; white-space: nowrap; }}
code {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>You asked for <code id="address">{method} {target}</code>.</p>
<h2>Identity headers</h2>
<table>
{rows}
</table>
<p><a id="sign-out" href="{sign_out}">Sign out</a></p>
</body>
</html>
"""


class Hello(BaseHTTPRequestHandler):
    """Answers GET, HEAD and POST on every path."""

    protocol_version = "HTTP/1.1"
    title = "Hello World"
    sign_out = "/ostiary/sign_out"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        page = PAGE.format(
            title=html.escape(self.title),
            method=html.escape(self.command),
            target=html.escape(text(self.path)),
            sign_out=html.escape(self.sign_out),
            rows="\n".join(
                f"<tr><th>{html.escape(name)}</th><td>{html.escape(text(value))}</td></tr>"
                for name, value in self.headers.items()
                if name.lower().startswith(IDENTITY)
            ),
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        # A signed-out browser must not show this page from its cache.
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    do_HEAD = do_POST = do_GET  # noqa: N815 - names that http.server looks for


def text(value: str) -> str:
    """http.server reads bytes as Latin-1; what arrives is UTF-8."""
    return value.encode("latin-1").decode(errors="replace")


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(description="Greets whoever the proxy says is there.")
    parser.add_argument("--listen", default="127.0.0.1:8000", help="address and port (127.0.0.1:8000)")
    parser.add_argument("--title", default=Hello.title, help="the greeting (Hello World)")
    parser.add_argument("--sign-out", default=Hello.sign_out, help="where the sign-out link leads")
    options = parser.parse_args()
    Hello.title, Hello.sign_out = options.title, options.sign_out
    host, _, port = options.listen.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Hello)
    server.serve_forever()


if __name__ == "__main__":
    main()
