"""Traefik in Kubernetes, fed by an API server in miniature: its ingress-nginx provider, as
docs/proxies/traefik-ingress-nginx.md sets it up, and its own resources, as docs/proxies/traefik.md does."""

import yaml

from tests.proxies import traefik
from tests.proxies.stand import Place, Stand
from tests.rig.kubernetes_api import KubernetesApi, Object, service

_SERVICES = (
    ("ostiary", "ostiary"),
    ("authentik", "ak-outpost-authentik-embedded-outpost"),
)
_CLASS: Object = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "nginx", "resourceVersion": "1", "uid": "nginx"},
    "spec": {"controller": "k8s.io/ingress-nginx"},
}


def start(place: Place) -> None:
    """The example, once for each application."""
    run(place, "traefik-ingress-nginx/hello.yaml")


def run(place: Place, example: str, *, snippet: bool = True) -> None:
    """An Ingress file of the examples, once for each application, over plain http, so without its TLS part. A cluster's
    names of Ostiary become addresses; nothing else is changed, but that its snippet may be left out."""
    objects = [_CLASS, *_manifests(place, "ingress-nginx/ostiary.yaml", "hello")]
    for namespace, name in _SERVICES:
        objects += service(namespace, name, 9000, place.ostiary)
    for name, address in place.applications.items():
        objects += _manifests(place, example, name, snippet=snippet)
        objects += service(name, name, 80, address)
    api = place.stack.enter_context(KubernetesApi(objects))
    static = place.example("traefik-ingress-nginx/traefik.yaml")
    traefik.run(place, static.replace("https://kubernetes.default.svc", api.url))


def _manifests(place: Place, file: str, name: str, *, snippet: bool = True) -> list[Object]:
    text = place.example(file, name).replace("auth-signin: https://", "auth-signin: http://")
    for namespace, service_name in _SERVICES:
        text = text.replace(f"{service_name}.{namespace}.svc.cluster.local:9000", place.ostiary)
    found = [document for document in yaml.safe_load_all(text) if document]
    for number, document in enumerate(found):
        document["spec"].pop("tls", None)
        if not snippet:
            document["metadata"].get("annotations", {}).pop("nginx.ingress.kubernetes.io/auth-snippet", None)
        document["metadata"] |= {"resourceVersion": "1", "uid": f"{file}-{name}-{number}"}
    return found


def start_by_own_resources(place: Place) -> None:
    """Traefik's own resources, as docs/proxies/traefik.md has them for Kubernetes."""
    objects: list[Object] = []
    for namespace, name in _SERVICES:
        objects += service(namespace, name, 9000, place.ostiary)
    for number, (name, address) in enumerate(place.applications.items()):
        found = _manifests(place, "traefik/kubernetes.yaml", name)
        # Ostiary's own route stands in every copy, and is made once.
        shared = [one for one in found if one["metadata"]["namespace"] == "ostiary"]
        objects += found if number == 0 else [one for one in found if one not in shared]
        objects += service(name, name, 80, address)
    api = place.stack.enter_context(KubernetesApi(objects))
    static = place.example("traefik/kubernetes-static.yaml")
    traefik.run(place, static.replace("https://kubernetes.default.svc", api.url))


TITLE = f"Traefik {traefik.version()}, ingress-nginx provider"
STANDS = (Stand("traefik-nginx", TITLE, "traefik", "in_place", start),)
BY_OWN_RESOURCES = Stand("crd", "Traefik's own resources", "traefik", "in_place", start_by_own_resources)
