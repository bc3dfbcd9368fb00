"""So much of a Kubernetes API server as Traefik's providers read: lists and watches of a few fixed objects."""

import json
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Object = Mapping[str, Any]
_KINDS: Mapping[str, tuple[str, str]] = {
    "ingresses": ("networking.k8s.io/v1", "Ingress"),
    "ingressclasses": ("networking.k8s.io/v1", "IngressClass"),
    "services": ("v1", "Service"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "secrets": ("v1", "Secret"),
    "configmaps": ("v1", "ConfigMap"),
    "namespaces": ("v1", "Namespace"),
    "nodes": ("v1", "Node"),
    **{
        f"{kind.lower()}s": ("traefik.io/v1alpha1", kind)
        for kind in (
            *("IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Middleware", "MiddlewareTCP", "TLSOption"),
            *("TLSStore", "TraefikService", "ServersTransport", "ServersTransportTCP"),
        )
    },
}


class KubernetesApi:
    """Serves ``objects``, which never change. ``with`` it; ``url`` is its address."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self._stop = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                *above, last = parts.path.strip("/").split("/")
                if last == "version":
                    self._answer({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
                    return
                name = "" if last in _KINDS else last
                resource = last if last in _KINDS else above[-1]
                version, kind = _KINDS.get(resource, ("", ""))
                found = [one for one in objects if one["kind"] == kind and one["apiVersion"] == version]
                if name:
                    named = [one for one in found if one["metadata"]["name"] == name]
                    self._answer(named[0] if named else {"kind": "Status", "code": 404}, 200 if named else 404)
                elif parse_qs(parts.query).get("watch"):
                    self._watch(found, version, kind)
                else:
                    meta = {"resourceVersion": "1"}
                    self._answer({"kind": f"{kind}List", "apiVersion": version, "metadata": meta, "items": found})

            def do_PUT(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            do_PATCH = do_PUT  # noqa: N815 - the base class's way of naming

            def _answer(self, document: Object, status: int = 200) -> None:
                body = json.dumps(document).encode()
                self.send_response_only(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _watch(self, found: Sequence[Object], version: str, kind: str) -> None:
                self.close_connection = True
                self.send_response_only(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if "sendInitialEvents=true" in self.path:
                    for one in found:
                        self._event("ADDED", one)
                    ended = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
                    self._event("BOOKMARK", {"kind": kind, "apiVersion": version, "metadata": ended})
                api._stop.wait()

            def _event(self, what: str, one: Object) -> None:
                line = json.dumps({"type": what, "object": one}).encode() + b"\n"
                self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                self.wfile.flush()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


def service(namespace: str, name: str, port: int, address: str) -> list[Object]:
    """A Service and the slice that says where it answers: ``host:port``."""
    host, _, actual = address.rpartition(":")
    meta = {"namespace": namespace, "name": name, "resourceVersion": "1", "uid": f"{namespace}-{name}"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [{"name": "", "port": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": meta | {"labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True, "serving": True}}],
            "ports": [{"name": "", "port": int(actual), "protocol": "TCP"}],
        },
    ]
