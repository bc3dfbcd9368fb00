"""Reads Ingress manifests: the part of networking.k8s.io/v1 that decides who is asked before an application answers."""

from dataclasses import dataclass

import yaml

PREFIX = "nginx.ingress.kubernetes.io/"


@dataclass(frozen=True)
class Backend:
    """One Service port, as an Ingress names it."""

    namespace: str
    service: str
    port: int


@dataclass(frozen=True)
class Path:
    """One path of one host."""

    path: str
    path_type: str
    backend: Backend


@dataclass(frozen=True)
class Ingress:
    """One manifest. ``annotations`` holds those of ingress-nginx, without their prefix."""

    name: str
    namespace: str
    hosts: dict[str, tuple[Path, ...]]
    annotations: dict[str, str]
    tls_hosts: frozenset[str]


def read(text: str) -> list[Ingress]:
    """All Ingress documents of a YAML text, in order; documents of other kinds are left out."""
    documents = [document for document in yaml.safe_load_all(text) if document]
    return [_ingress(document) for document in documents if document["kind"] == "Ingress"]


def _ingress(document: dict[str, object]) -> Ingress:
    metadata = document["metadata"]
    spec = document["spec"]
    assert isinstance(metadata, dict)
    assert isinstance(spec, dict)
    namespace = metadata.get("namespace", "default")
    hosts: dict[str, tuple[Path, ...]] = {}
    for rule in spec["rules"]:
        paths = tuple(
            Path(
                entry.get("path", "/"),
                entry["pathType"],
                Backend(namespace, entry["backend"]["service"]["name"], entry["backend"]["service"]["port"]["number"]),
            )
            for entry in rule["http"]["paths"]
        )
        hosts[rule["host"]] = hosts.get(rule["host"], ()) + paths
    return Ingress(
        name=metadata["name"],
        namespace=namespace,
        hosts=hosts,
        annotations={
            key.removeprefix(PREFIX): value
            for key, value in (metadata.get("annotations") or {}).items()
            if key.startswith(PREFIX)
        },
        tls_hosts=frozenset(host for entry in spec.get("tls") or [] for host in entry["hosts"]),
    )
