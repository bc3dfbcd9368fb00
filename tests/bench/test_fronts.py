"""Each proxy asks first, or nobody; and nginx keeps its connections only where that is measured."""

import json
from pathlib import Path

import pytest

from bench.fronts import FRONTS, Asked

APPLICATION = ("127.0.0.1", 8001)
ASKED = Asked(("127.0.0.1", 9001), "/ostiary/auth/x", "auth.example")
FILES = {"nginx": "nginx.conf", "Traefik": "dynamic.yaml", "Envoy": "envoy.json"}


@pytest.mark.parametrize("name", FRONTS)
def test_who_is_asked_stands_in_the_configuration(name: str, tmp_path: Path) -> None:
    FRONTS[name](tmp_path / "asked", 7001, APPLICATION, ASKED)
    FRONTS[name](tmp_path / "alone", 7001, APPLICATION, None)
    asked, alone = ((tmp_path / kind / FILES[name]).read_text() for kind in ("asked", "alone"))
    assert "/ostiary/auth/x" in asked
    assert "/ostiary/auth/x" not in alone
    assert "9001" not in alone
    assert all("8001" in text for text in (asked, alone))


def test_nginx_speaks_http_1_0_where_each_check_has_its_connection(tmp_path: Path) -> None:
    FRONTS["nginx"](tmp_path / "nginx", 7001, APPLICATION, Asked(ASKED.address, ASKED.path, ASKED.host, keep=False))
    text = (tmp_path / "nginx" / "nginx.conf").read_text()
    assert "proxy_http_version 1.0;" in text
    assert "upstream asked { server 127.0.0.1:9001;  }" in text


def test_envoy_fails_closed(tmp_path: Path) -> None:
    FRONTS["Envoy"](tmp_path / "envoy", 7001, APPLICATION, ASKED)
    text = json.dumps(json.loads((tmp_path / "envoy" / "envoy.json").read_text()))
    assert '"failure_mode_allow": false' in text
