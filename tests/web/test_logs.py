"""Nothing that is secret reaches a line, at the finest level either."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog
import uvicorn.config

from ostiary.web import logs

CANARY = "canary-5f0c"
LONG = "q" * 10 + CANARY.replace("-", "_") + "-" + "A1b2" * 10
CANARIES = ("canary", LONG)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "console"])
def test_trace_shows_a_check_without_its_secrets(stream: io.StringIO, as_json: bool) -> None:
    logs.configure("trace", json=as_json, stream=stream)
    trace = logs.check_trace("trace")
    assert trace is not None
    trace(
        peer="10.0.0.9",
        host="hello.example",
        path=f"/a/b?code={CANARY}",
        method="GET",
        verdict="forbidden",
        cookie=LONG,
    )
    line = stream.getvalue()
    for canary in CANARIES:
        assert canary not in line
    for shown in ("trace", "10.0.0.9", "hello.example", "/a/b?***", "forbidden"):
        assert shown in line
    if as_json:
        assert json.loads(line)["level"] == "trace"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_trace_below_trace(level: str) -> None:
    assert logs.check_trace(level) is None


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        {"password": CANARY},
        {"new_password": CANARY},
        {"cookie": f"a={CANARY}"},
        {"headers": {"Cookie": CANARY, "authorization": CANARY}},
        {"deep": [{"secret_key": CANARY}, (f"Bearer {CANARY}",)]},
        {"url": f"https://a.example/x?y={CANARY}#z"},
        {"url": f"https://a.example/x?{CANARY}"},
        {"target": f"/start?rd=%2Fa%3Fb%3D{CANARY}"},
        {"database": f"postgresql://ostiary:{CANARY}@db/ostiary"},
        {"raw": f"__Host-ostiary={CANARY}; theirs=1".encode()},
        {"text": f"ostiary_try_ab12cd34={CANARY}"},
        {"text": LONG},
        {"path": f"/ostiary/auth/nginx~{CANARY}-and-more"},
        {"object": ValueError(f"[parameters: ('{CANARY}',)]")},
        {"jwt": f"eyJ.{LONG}.{LONG}"},
    ],
    ids=str,
)
def test_a_value_is_masked(stream: io.StringIO, value: dict[str, object], as_json: bool) -> None:
    logs.configure("trace", json=as_json, stream=stream)
    structlog.get_logger().info("something_happened", **value)
    line = stream.getvalue()
    assert "something_happened" in line
    for canary in CANARIES:
        assert canary not in line


def test_a_traceback_is_masked_and_prints_no_local_variables(stream: io.StringIO) -> None:
    logs.configure("info", json=False, stream=stream)
    hidden = CANARY
    try:
        raise RuntimeError(f"could not load https://a.example/?key={hidden}")
    except RuntimeError:
        structlog.get_logger().exception("it_failed")
        logging.getLogger("asyncio").exception("it failed in a library")
    text = stream.getvalue()
    assert text.count("RuntimeError: could not load https://a.example/?***") == 2
    assert "canary" not in text


def test_the_standard_library_and_uvicorn_speak_the_same_lines(stream: io.StringIO) -> None:
    # As uvicorn sets itself up where nobody tells it otherwise.
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    logs.configure("trace", json=True, stream=stream)
    logging.getLogger("uvicorn.asgi").info("path /?a=%s", CANARY)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application at /?a=%s", CANARY)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line).items() >= {"event": "Exception in ASGI application at /?***", "level": "error"}.items()


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("trace", ["debug", "info", "warning", "error"]),
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(stream: io.StringIO, level: str, shown: list[str]) -> None:
    logs.configure(level, json=True, stream=stream)
    logger = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("said", user="ann", code="login.failed", count=3)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == shown
    assert lines[0].items() >= {"event": "said", "user": "ann", "code": "login.failed", "count": 3}.items()
    assert lines[0]["timestamp"].endswith("Z")


def test_only_what_is_meant_to_be_shown_is_shown(stream: io.StringIO) -> None:
    logs.configure("info", json=True, stream=stream)
    structlog.get_logger().warning("setup_open", open=logs.Shown("https://auth.example/?code=abc"), other="/?code=abc")
    line = json.loads(stream.getvalue())
    assert (line["open"], line["other"]) == ("https://auth.example/?code=abc", "/?***")
