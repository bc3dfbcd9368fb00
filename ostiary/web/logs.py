"""Logs: one event name per fact, as console lines or JSON, and no secret in any of them, at `trace` either.

Every line passes `redacted` last before it is rendered: ours, the libraries', and tracebacks.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, TextIO

import structlog

MASK = "***"

LEVELS: Mapping[str, int] = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40}

# A name that says its value is secret, whatever the value looks like.
_SECRET_NAMES = re.compile(
    r"passw|secret|token|cookie|authorization|ticket|nonce|credential|assertion|private|setup_code|api_key|^(key|query)$",
    re.IGNORECASE,
)
# What is secret in the middle of a text: each pattern keeps its first group and masks what follows.
_SECRET_TEXTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(\?|%3[fF])[^\s\"'<>]+",  # a query, percent-encoded or not
        r"(\b(?:__Host-|__Secure-)?ostiary\w*=)[^;\s\"']+",  # our cookies
        r"(~)[\w-]{16,}",  # path secrets
        r"(?i:(\b(?:bearer|basic)\s+)[\w.~+/=-]+)",
        r"(://[^/\s:@]*:)[^@\s]+(?=@)",  # the password of a URL
        r"(\[parameters: ).*",  # what SQLAlchemy says of a failed statement
        r"()[\w-]{40,}",  # whatever is as long as our random values
    )
)
Event = MutableMapping[str, Any]


class Shown(str):
    """The rare text that a log is meant to tell in full: the link that sets a new installation up."""

    __slots__ = ()


def masked(text: str) -> str:
    """The text without query values, cookies, path secrets, credentials and random values."""
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(r"\1" + MASK, text)
    return text


def _clean(name: str, value: Any) -> Any:
    if isinstance(value, Shown):
        return str(value)
    if _SECRET_NAMES.search(name) and not isinstance(value, bool | int | float):
        return MASK if value else value
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return masked(str(value))


def redacted(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: masks every value in place."""
    for name, value in list(event.items()):
        if name != "timestamp":
            event[name] = _clean("" if name == "event" else name, value)
    return event


def _level(_logger: Any, method: str, event: Event) -> Event:
    event["level"] = (
        "trace" if event.pop("_trace", False) else {"warn": "warning", "exception": "error"}.get(method, method)
    )
    return event


def configure(level: str, *, json: bool, stream: TextIO | None = None) -> None:
    """Sends structlog's and the standard library's events to ``stream`` (standard error). ``level`` as in `LEVELS`."""
    stream = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        # The default traceback formatter prints local variables.
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    last = [structlog.processors.format_exc_info, redacted, renderer]
    structlog.configure(
        processors=[*shared, _level, *last],
        wrapper_class=structlog.make_filtering_bound_logger(max(10, LEVELS[level])),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # Below this, uvicorn tells of every request; the protocol has answered what is not well-formed.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access"):
        library = logging.getLogger(name)
        library.setLevel(logging.ERROR)
        library.handlers.clear()
        library.propagate = True


def check_trace(level: str) -> Callable[..., None] | None:
    """What a responder calls after each check when the level is `trace`; None otherwise, so that it costs nothing.

    ``trace(verdict=…, reason=…, host=…, **facts)`` logs one line.
    """
    if level != "trace":
        return None
    return partial(structlog.get_logger("check").debug, "check", _trace=True)
