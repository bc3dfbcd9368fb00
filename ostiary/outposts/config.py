"""The keys of an outpost's ``config``: each with its type, default and meaning, in one table from which the page and
forms are made. An unknown key, or a value of another type, is refused.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput
from ostiary.kit.urls import parse_origin

COMPONENTS: Final = (
    "secret",
    "deployment",
    "service",
    "prometheus servicemonitor",
    "ingress",
    "traefik middleware",
    "httproute",
)
_LARGEST = 65_536
_OPERATIONS: Final = ("add", "remove", "replace", "move", "copy", "test")
_PARENT: Final = ("name", "namespace", "sectionName", "port", "kind", "group")
_DNS: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_IMAGE: Final = re.compile(r"[\w.:/@%()-]{1,500}")

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Key:
    """``wanted`` completes "write …". ``today`` says what the key does now; empty if it waits for the controller."""

    default: Any
    wanted: str
    fits: Check
    help: str
    today: str = ""


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _text(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


def _or_null(fits: Check) -> Check:
    return lambda value: value is None or fits(value)


def _list_of(fits: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= 100 and all(map(fits, value))


def _duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_duration(value) >= 10
    except InvalidInput:
        return False


def _address(value: Any) -> bool:
    if value == "":
        return True
    try:
        return isinstance(value, str) and bool(parse_origin(value))
    except InvalidInput:
        return False


def _template(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    name = value.replace("%(name)s", "n").replace("%(uuid)s", "u").lower()
    return name != value.lower() and _DNS.fullmatch(name) is not None


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


def _parent(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= set(_PARENT)
        and isinstance(value.get("name"), str)
        and all(
            (isinstance(one, int) and not isinstance(one, bool)) if name == "port" else isinstance(one, str)
            for name, one in value.items()
            if one is not None
        )
    )


def _patches(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= set(COMPONENTS)
        and all(isinstance(one, list) and all(map(_patch, one)) for one in value.values())
    )


def _patch(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("op") in _OPERATIONS
        and isinstance(value.get("path"), str)
        and set(value) <= {"op", "path", "value", "from"}
    )


_NAME: Final = _text(_DNS.pattern)
_YES_NO: Final = "true or false"
_LABELS: Final = "an object of texts"

KEYS: Final[Mapping[str, Key]] = {
    "log_level": Key(
        "info",
        "one of trace, debug, info, warning, error",
        lambda value: value in ("trace", "debug", "info", "warning", "error"),
        "How much an outpost that runs on its own logs; the embedded one follows the setting `log.level`.",
    ),
    "refresh_interval": Key(
        "minutes=5",
        "a length of time of at least ten seconds, such as minutes=5",
        _duration,
        "How often an outpost that runs on its own reads everything anew. The embedded one needs no interval: it "
        "follows each change within a second.",
        "Shown as `refresh_interval_s`.",
    ),
    "authentik_host": Key(
        "",
        "an address such as https://id.example.com, or nothing",
        _address,
        "Where an outpost that runs on its own reaches this installation. The embedded one uses our own address "
        "(`base_url`) whatever stands here.",
        "Shown as `embedded_outpost_host` of `/admin/system/`.",
    ),
    "authentik_host_insecure": Key(
        default=False,
        wanted=_YES_NO,
        fits=_boolean,
        help="Whether an outpost that runs on its own accepts any certificate of that address.",
    ),
    "authentik_host_browser": Key(
        "",
        "an address such as https://id.example.com, or nothing",
        _address,
        "Where browsers reach this installation, if elsewhere. The embedded one uses our own address.",
    ),
    "object_naming_template": Key(
        "ak-outpost-%(name)s",
        "a name that Kubernetes takes, with %(name)s or %(uuid)s in it",
        _template,
        "What objects in a cluster are called.",
    ),
    "container_image": Key(
        None, "the name of an image, or null", _or_null(_text(_IMAGE.pattern)), "Which image a controller runs."
    ),
    "docker_network": Key(
        None, "a network's name, or null", _or_null(_text(r"[\w.-]{1,100}")), "The network that a container joins."
    ),
    "docker_map_ports": Key(
        default=True, wanted=_YES_NO, fits=_boolean, help="Whether a container's ports are published."
    ),
    "docker_labels": Key(None, f"{_LABELS}, or null", _or_null(_texts), "Labels of a container."),
    "kubernetes_replicas": Key(1, "a whole number from 0 to 100", _number, "How many pods a controller runs."),
    "kubernetes_namespace": Key("default", "a namespace's name", _NAME, "Where a controller makes its objects."),
    "kubernetes_ingress_annotations": Key({}, _LABELS, _texts, "Annotations of the Ingress, over those of the house."),
    "kubernetes_ingress_secret_name": Key(
        "authentik-outpost-tls",
        "a Secret's name, or nothing",
        lambda value: value == "" or _NAME(value),
        "The Secret with the certificate of the Ingress; nothing leaves TLS out.",
    ),
    "kubernetes_ingress_class_name": Key(None, "a class's name, or null", _or_null(_NAME), "The Ingress's class."),
    "kubernetes_ingress_path_type": Key(
        None,
        "one of Prefix, Exact, ImplementationSpecific, or null",
        lambda value: value in (None, "Prefix", "Exact", "ImplementationSpecific"),
        "How the Ingress's paths are compared; null is Prefix.",
    ),
    "kubernetes_httproute_parent_refs": Key(
        [],
        f"a list of objects of {', '.join(_PARENT)}",
        _list_of(_parent),
        "The Gateways that an HTTPRoute attaches to; none makes no HTTPRoute.",
    ),
    "kubernetes_httproute_annotations": Key({}, _LABELS, _texts, "Annotations of the HTTPRoute."),
    "kubernetes_service_type": Key(
        "ClusterIP",
        "one of ClusterIP, NodePort, LoadBalancer",
        lambda value: value in ("ClusterIP", "NodePort", "LoadBalancer"),
        "The type of the Service.",
    ),
    "kubernetes_disabled_components": Key(
        [],
        f"a list of {', '.join(COMPONENTS)}",
        _list_of(lambda value: value in COMPONENTS),
        "Objects that a controller leaves to you.",
    ),
    "kubernetes_image_pull_secrets": Key([], "a list of names of Secrets", _list_of(_NAME), "Secrets to fetch images."),
    "kubernetes_disable_x509_strict": Key(
        default=False,
        wanted=_YES_NO,
        fits=_boolean,
        help="Whether a cluster's certificate may break the stricter rules of RFC 5280.",
    ),
    "kubernetes_json_patches": Key(
        None,
        "an object from component to a list of RFC 6902 operations, or null",
        _or_null(_patches),
        "Changes to what a controller makes.",
    ),
}


def defaults() -> dict[str, Any]:
    """Every key with its default."""
    return {name: key.default for name, key in KEYS.items()}


def checked(config: Any) -> dict[str, Any]:
    """The same config. Raises `outpost.config_invalid`, `outpost.config_unknown`."""
    if not isinstance(config, dict):
        raise _invalid("it is an object of keys, such as {}.")
    for name, value in config.items():
        key = KEYS.get(name)
        if key is None:
            near = difflib.get_close_matches(str(name), KEYS, 1)
            raise InvalidInput(
                "outpost.config_unknown",
                f"config: there is no key {str(name)[:60]!r}{f'; did you mean {near[0]}?' if near else '.'}",
                field="config",
            )
        if not key.fits(value):
            raise _invalid(f"{name}: write {key.wanted}.")
    if len(json.dumps(config)) > _LARGEST:
        raise _invalid("it is larger than 64 KiB.")
    return config


def refresh_seconds(config: Mapping[str, Any]) -> int:
    """How often an outpost with this config would read everything anew."""
    return parse_duration(config.get("refresh_interval", KEYS["refresh_interval"].default))


def rows() -> str:
    """The table of the page about outposts."""
    lines = ["| key | default | takes | meaning | today |", "|---|---|---|---|---|"]
    for name, key in KEYS.items():
        lines.append(
            f"| `{name}` | `{json.dumps(key.default)}` | {key.wanted} | {key.help} | {key.today or 'nothing'} |"
        )
    return "\n".join(lines)


def _invalid(sentence: str) -> InvalidInput:
    return InvalidInput("outpost.config_invalid", f"config: {sentence}", field="config")
