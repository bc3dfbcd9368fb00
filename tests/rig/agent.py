"""A browser in miniature for what a real one hides: it keeps cookies per host and shows every step of a redirect."""

import re
import ssl
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import quote, urlencode

from tests.rig.client import Reply, ask

NAVIGATION = (
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) test"),
)


@dataclass
class Agent:
    """One browser profile. ``ports`` maps a scheme to the port where nginx listens on 127.0.0.1."""

    ports: dict[str, int]
    tls: ssl.SSLContext | None = None
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, url: str, *headers: tuple[str, str]) -> Reply:
        """One GET navigation, no redirect followed."""
        return self.send("GET", url, b"", *NAVIGATION, *headers)

    def send(self, method: str, url: str, body: bytes, *headers: tuple[str, str]) -> Reply:
        """One request with this profile's cookies; the answer's are kept."""
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        jar = self.cookies.setdefault(host, {})
        # What a whole domain is sent stands below its name with a dot in front.
        wide = [kept for domain, kept in self.cookies.items() if domain[:1] == "." and f".{host}".endswith(domain)]
        pairs = [f"{name}={value}" for kept in (jar, *wide) for name, value in kept.items()]
        cookie = (("Cookie", "; ".join(pairs)),) if pairs else ()
        tls = self.tls if scheme == "https" else None
        reply = ask(
            ("127.0.0.1", self.ports[scheme]),
            f"/{path.partition('#')[0]}",
            host,
            *headers,
            *cookie,
            method=method,
            body=body,
            tls=tls,
        )
        for line in reply.all("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            domain = re.search(r";\s*domain=\.?([^;\s]+)", line, re.IGNORECASE)
            kept = self.cookies.setdefault(f".{domain[1]}", {}) if domain else jar
            if re.search(r";\s*max-age=0\b", line, re.IGNORECASE):
                kept.pop(name, None)
            else:
                kept[name] = value
        return reply

    def follow(self, url: str, until: str = "", limit: int = 12) -> tuple[str, Reply]:
        """Follows redirects by GET; returns the last address and its answer.

        Stops in front of the first address that matches ``until`` (a regular expression), with the answer that led
        there.
        """
        for _ in range(limit):
            reply = self.get(url)
            if reply.status not in (301, 302, 303, 307, 308):
                return url, reply
            location = reply.get("Location")
            assert location, reply
            if location.startswith("/"):
                location = "/".join(url.split("/", 3)[:3]) + location
            url = location
            if until and re.search(until, url):
                return url, reply
        raise AssertionError(f"more than {limit} redirects, the last one to {url}")

    def submit(self, url: str, page: Reply, **values: str) -> tuple[str, Reply]:
        """Posts the page's form with its hidden fields; returns where it leads, not followed."""
        text = page.body.decode()
        form = re.search(r"<form[^>]*>(.*?)</form>", text, re.DOTALL)
        assert form, text
        action = re.search(r'<form[^>]*\baction="([^"]*)"', text)
        fields: dict[str, str] = {}
        for tag in re.findall(r"<input[^>]*>", form[1]):
            if 'type="hidden"' in tag:
                name = re.search(r'name="([^"]*)"', tag)
                value = re.search(r'value="([^"]*)"', tag)
                assert name, tag
                fields[unescape(name[1])] = unescape(value[1]) if value else ""
        fields |= values
        target = unescape(action[1]) if action and action[1] else url
        origin = "/".join(url.split("/", 3)[:3])
        if target.startswith("/"):
            target = origin + target
        body = urlencode(fields, quote_via=quote).encode()
        reply = self.send(
            "POST",
            target,
            body,
            *NAVIGATION,
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", origin),
            ("Sec-Fetch-Site", "same-origin"),
        )
        location = reply.get("Location")
        if location and location.startswith("/"):
            location = origin + location
        return location or target, reply
