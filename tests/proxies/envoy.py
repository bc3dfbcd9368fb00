"""Envoy, asking over HTTP and over gRPC, as docs/proxies/envoy.md sets it up."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.proxies.stand import Place, Stand

# The package's binary lies beside this interpreter's other commands.
BINARY = str(Path(sys.executable).parent / "envoy")


def start(file: str, place: Place) -> None:
    """The example, with its application once for each."""
    config = placed(file, place)
    for name in place.applications:
        if name != "hello":
            other = placed(file, place, name)
            hosts(config).append(next(host for host in hosts(other) if host["name"] == name))
            config["static_resources"]["clusters"].append(cluster(other, name))
    run(place, config)


def placed(file: str, place: Place, application: str = "hello") -> dict[str, Any]:
    """An example's tree, with the addresses of this place."""
    config: dict[str, Any] = yaml.safe_load(place.example(file, application))
    config["static_resources"]["listeners"][0]["address"] = address(f"127.0.0.1:{place.port}")
    known = {"ostiary": place.ostiary, "ostiary-grpc": place.grpc, application: place.applications[application]}
    for one in config["static_resources"]["clusters"]:
        one["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] = address(known[one["name"]])
    return config


def address(text: str) -> dict[str, Any]:
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def manager(config: dict[str, Any]) -> dict[str, Any]:
    """The HTTP connection manager of the only listener."""
    found: dict[str, Any] = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def hosts(config: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manager(config)["route_config"]["virtual_hosts"]
    return found


def cluster(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in config["static_resources"]["clusters"] if one["name"] == name)
    return found


def run(place: Place, config: dict[str, Any]) -> None:
    """Runs Envoy with this configuration."""
    file = place.folder / "envoy.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [BINARY, "-c", str(file), "--use-dynamic-base-id", "--concurrency", "2", "--log-level", "warning"]
    place.processes.start("proxy", command)


def version() -> str:
    said = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"/(\d+\.\d+\.\d+)", said)
    assert found, said
    return found[1]


STANDS = tuple(
    Stand(f"envoy-{wire}", f"Envoy {version()} {title}", "envoy", "in_place", partial(start, f"envoy/{wire}.yaml"), 3)
    for wire, title in (("http", "HTTP"), ("grpc", "gRPC"))
)
