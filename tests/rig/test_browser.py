"""The browser finds the test's names, trusts its authority and no other, through both nginx."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from tests.rig import manifest
from tests.rig.browser import chromium
from tests.rig.certificates import Certificate, issue
from tests.rig.ingress_nginx import Surroundings, render
from tests.rig.nginx import BOTH, Nginx, start
from tests.rig.processes import Processes, free_port
from tests.rig.stub_servers import Answer, Seen, StubServer

pytestmark = pytest.mark.journey

OPEN = """
kind: Ingress
metadata: {name: app}
spec:
  tls:
    - hosts: [app.corp.test]
  rules:
    - host: app.corp.test
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: app, port: {number: 80}}}
"""


@dataclass
class Served:
    """An application behind nginx with https."""

    app: StubServer
    certificate: Certificate
    http: int
    https: int


@pytest.fixture(scope="module", params=BOTH, ids=lambda nginx: nginx.name)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    nginx: Nginx = request.param
    folder = tmp_path_factory.mktemp("browser")

    def answer(seen: Seen) -> Answer:
        cookie = ("Set-Cookie", "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax")
        return Answer(200, [("Content-Type", "text/html"), cookie], f"<h1>{seen.get('Cookie')}</h1>".encode())

    with StubServer(answer) as app, Processes(folder) as processes:
        ingresses = manifest.read(OPEN)
        certificate = issue(folder, "corp.test")
        http, https = free_port(), free_port()
        around = Surroundings(
            listen_http=f"127.0.0.1:{http}",
            listen_https=f"127.0.0.1:{https}",
            resolver="127.0.0.1:53",
            endpoints={path.backend: app.address for path in ingresses[0].hosts["app.corp.test"]},
            certificate=str(certificate.certificate),
            certificate_key=str(certificate.key),
            escape=nginx.escape,
            http2=nginx.http2,
        )
        start(nginx, render(ingresses, around), folder / "nginx", processes)
        processes.wait_for_port("nginx", ("127.0.0.1", https))
        yield Served(app, certificate, http, https)


def test_names_ports_and_cookies_are_those_of_the_real_world(served: Served) -> None:
    with chromium(served.http, served.https, served.certificate.spki) as browser:
        page = browser.new_page()
        page.goto("http://app.corp.test/x?y=1")
        # The controller sends plain http to https, with the same path and query.
        expect(page).to_have_url("https://app.corp.test/x?y=1")
        page.reload()
        expect(page.get_by_role("heading")).to_have_text("__Host-a=1")


def test_another_authority_is_not_trusted(served: Served, tmp_path: Path) -> None:
    other = issue(tmp_path, "corp.test")
    with chromium(served.http, served.https, other.spki) as browser:
        page = browser.new_page()
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto("https://app.corp.test/")
