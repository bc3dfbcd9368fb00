"""A kubeconfig that somebody gave us: what it may hold, and how it is shown.

A kubeconfig may name programs to run and files to read, on our machine and with our rights. Such a one is refused: what
it needs has to stand in it.
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ostiary.kit.errors import InvalidInput

HIDDEN: Final = "********"
"""What is shown instead of a secret; given back, it means the one that is stored."""

_LARGEST = 65_536
_SECRET: Final = ("token", "password", "client-key-data")
_TOP: Final = ("apiVersion", "kind", "preferences", "extensions", "current-context", "clusters", "contexts", "users")
_CLUSTER: Final = (
    "server",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "disable-compression",
    "extensions",
)
_USER: Final = ("username", "client-certificate-data", "extensions", *_SECRET)
_CONTEXT: Final = ("cluster", "user", "namespace", "extensions")
_UNSAFE: Final[Mapping[str, str]] = {
    "exec": "it names a program that would run on this server",
    "auth-provider": "it names a program that would run on this server",
    "tokenFile": "it names a file of this server; put its content into token",
    "client-key": "it names a file of this server; put its content into client-key-data",
    "client-certificate": "it names a file of this server; put its content into client-certificate-data",
    "certificate-authority": "it names a file of this server; put its content into certificate-authority-data",
}


def checked(value: Any) -> dict[str, Any]:
    """The same kubeconfig; {} is none. Raises `service_connection.kubeconfig_*`."""
    if not isinstance(value, dict):
        raise _invalid("it is an object, the kubeconfig as JSON.")
    if not value:
        return {}
    if len(json.dumps(value)) > _LARGEST:
        raise _invalid("it is larger than 64 KiB.")
    _known(value, _TOP, "")
    clusters = _entries(value, "clusters", "cluster", _CLUSTER)
    users = _entries(value, "users", "user", _USER)
    contexts = _entries(value, "contexts", "context", _CONTEXT)
    for name, cluster in clusters.items():
        address = cluster.get("server")
        if not isinstance(address, str) or not _is_address(address):
            raise _invalid(f"the cluster {name} needs a server such as https://10.0.0.1:6443.")
    current = value.get("current-context")
    chosen = contexts.get(current) if isinstance(current, str) else None
    if chosen is None:
        raise _invalid("current-context names no context of it.")
    if chosen.get("cluster") not in list(clusters) or chosen.get("user") not in list(users):
        raise _invalid("the current context names a cluster or a user that is not in it.")
    for user in users.values():
        if not all(isinstance(user.get(secret, ""), str) for secret in _SECRET):
            raise _invalid(f"{', '.join(_SECRET)} are texts.")
    return value


def shown(value: Mapping[str, Any]) -> dict[str, Any]:
    """The kubeconfig without its secrets."""
    if not value:
        return {}
    users = [
        {**entry, "user": {key: HIDDEN if key in _SECRET else one for key, one in entry["user"].items()}}
        for entry in value["users"]
    ]
    return {**value, "users": users}


def restored(value: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The kubeconfig with the stored secrets where it holds what :func:`shown` put in their place.

    Only where the server is the same too: else whoever may change a connection could have its token sent anywhere.
    """
    if not value:
        return {}
    stored = {entry["name"]: entry["user"] for entry in before.get("users", [])}
    users = []
    for entry in value["users"]:
        user = dict(entry["user"])
        for key in _SECRET:
            if user.get(key) != HIDDEN:
                continue
            known = stored.get(entry["name"], {}).get(key)
            if known is None or _servers(value) != _servers(before):
                raise _invalid(f"{key} of {entry['name']} is hidden; give it again.")
            user[key] = known
        users.append({**entry, "user": user})
    return {**value, "users": users}


def _servers(value: Mapping[str, Any]) -> list[Any]:
    return [entry["cluster"] for entry in value.get("clusters", [])]


def _entries(value: Mapping[str, Any], many: str, one: str, known: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    entries = value.get(many)
    if not isinstance(entries, list) or not entries:
        raise _invalid(f"it has no {many}.")
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        name = entry.get("name") if isinstance(entry, dict) else None
        inner = entry.get(one) if isinstance(entry, dict) else None
        if not isinstance(name, str) or not isinstance(inner, dict) or name in found:
            raise _invalid(f"each of its {many} has a name of its own and a {one}.")
        _known(inner, known, f" of {one} {name[:60]}")
        found[name] = inner
    return found


def _known(value: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in value:
        if key in _UNSAFE:
            raise InvalidInput(
                "service_connection.kubeconfig_unsafe", f"kubeconfig: {key}{where}: {_UNSAFE[key]}.", field="kubeconfig"
            )
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise _invalid(f"there is no key {str(key)[:60]!r}{where}{hint}")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def _invalid(sentence: str) -> InvalidInput:
    return InvalidInput("service_connection.kubeconfig_invalid", f"kubeconfig: {sentence}", field="kubeconfig")
