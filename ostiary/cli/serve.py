"""`ostiary serve`: listens, and becomes the supervisor of the workers."""

import sys
from typing import Annotated

import typer

from ostiary.cli.context import invocation
from ostiary.settings.tree import split_address
from ostiary.web.supervisor import Plan, listen, replace_process


def serve(
    context: typer.Context,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Worker processes; otherwise `web.workers`.", show_default=False),
    ] = None,
) -> None:
    """Serve pages and checks until SIGTERM; SIGHUP replaces the workers without refusing a check."""
    config = invocation(context).config
    settings = invocation(context).load().settings
    http = listen(*split_address(settings.listen.http), "listen.http")
    metrics = listen(*split_address(settings.listen.metrics), "listen.metrics")
    grpc = listen(*split_address(settings.listen.grpc), "listen.grpc") if settings.listen.grpc else None
    replace_process(
        Plan(
            http=http.detach(),
            metrics=metrics.detach(),
            grpc=None if grpc is None else grpc.detach(),
            workers=workers or settings.web.workers,
            worker=[sys.executable, "-m", "ostiary.cli.worker", str(config or "")],
            json_log=settings.log.as_json,
            quiet=settings.log.level in ("warning", "error"),
        )
    )
