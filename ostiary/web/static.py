"""Static files under names that hold their own hash, so that a browser may keep them for ever."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.kit.errors import NotFound
from ostiary.web.look import Looks, PlainLooks

PREFIXES = ("", "/ostiary", "/outpost.goauthentik.io")
"""Below these the files answer; the last two are routed to us on applications' hosts."""

_TYPES: Final[Mapping[str, str]] = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


class Static:
    """The files of one directory, read once at start, and those of looks.

    ``url("style.css")`` is ``/static/style.<12 hex>.css``. The same files answer below other prefixes too, because a
    page that is shown on an application's host can load only what is routed to us there.
    """

    def __init__(self, directory: Path, looks: Looks | None = None) -> None:
        names: dict[str, str] = {}
        files: dict[str, tuple[bytes, str]] = {}
        for file in sorted(directory.iterdir()):
            if file.suffix in _TYPES:
                content = file.read_bytes()
                hashed = f"{file.stem}.{sha256(content).hexdigest()[:12]}{file.suffix}"
                names[file.name] = hashed
                files[hashed] = (content, _TYPES[file.suffix])
        self._names = names
        self._files = files
        self._looks: Looks = looks or PlainLooks()

    def url(self, name: str, prefix: str = "") -> str:
        """The path of a file below ``prefix`` (such as ``/ostiary``). An unknown name is a mistake in a template."""
        return f"{prefix}/static/{self._names[name]}"

    @staticmethod
    def prefix(path: str) -> str:
        """Below which prefix a page at ``path`` finds its files, whichever host it is shown on."""
        return next((prefix for prefix in PREFIXES[1:] if path.startswith(prefix + "/")), "")

    async def serve(self, request: Request) -> Response:
        """Answers ``…/static/{name}``."""
        name = request.path_params["name"]
        found = self._files.get(name) or await self._looks.file(name)
        if found is None:
            raise NotFound("page.not_found", "There is nothing at this address.")
        content, media_type = found
        return Response(
            content,
            headers={
                "Content-Type": media_type,
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
                # A picture may be a document that holds scripts; whoever opens it alone runs none of them.
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
                # Pages of ours that are shown on applications' hosts load their style from here.
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )
