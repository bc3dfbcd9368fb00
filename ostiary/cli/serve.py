"""`ostiary serve`: listens, and becomes the supervisor of the workers."""

import os
import sys
from typing import Annotated

import typer

from ostiary.cli.context import invocation
from ostiary.settings.load import load
from ostiary.settings.tree import Settings, split_address
from ostiary.web.supervisor import Plan, listen, replace_process


def serve(
    context: typer.Context,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Worker processes; otherwise `web.workers`.", show_default=False),
    ] = None,
    worker: Annotated[str | None, typer.Option("--worker", hidden=True)] = None,
) -> None:
    """Serve pages and checks until SIGTERM; SIGHUP replaces the workers without refusing a check."""
    config = invocation(context).config
    if worker is not None:
        # The supervisor's command has printed the warnings already.
        _work(load(config, os.environ).settings, worker)
        return
    settings = invocation(context).load().settings
    http = listen(*split_address(settings.listen.http), "listen.http")
    metrics = listen(*split_address(settings.listen.metrics), "listen.metrics")
    again = [sys.executable, "-m", "ostiary", *(["--config", str(config)] if config else []), "serve", "--worker"]
    replace_process(
        Plan(
            http=http.detach(),
            metrics=metrics.detach(),
            workers=workers or settings.web.workers,
            worker=again,
            json_log=_json(settings),
            quiet=settings.log.level in ("warning", "error"),
        )
    )


def _json(settings: Settings) -> bool:
    wanted = settings.log.format
    return wanted == "json" or (wanted == "auto" and not sys.stderr.isatty())


def _work(settings: Settings, inherited: str) -> None:
    from ostiary.app import served
    from ostiary.web import logs
    from ostiary.web.server import Inherited, run_worker

    logs.configure(settings.log.level, json=_json(settings))
    run_worker(lambda: served(settings), Inherited.parse(inherited))
