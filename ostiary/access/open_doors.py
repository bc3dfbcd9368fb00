"""What of an application is open to anybody, as its stored fields say, ready to be asked.

Only the whole canonical path of a question is looked at: no query, no fragment, and never a path that servers read in
different ways. Every pattern is compiled when rules are loaded and takes linear time.
"""

import json
from dataclasses import dataclass
from typing import Any

from ostiary.kit.errors import InvalidInput
from ostiary.kit.patterns import Pattern, compile_pattern


@dataclass(frozen=True)
class OpenDoors:
    """``paths`` are open with all below them. ``patterns`` meet the path or, ``whole``, scheme, host and path."""

    paths: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    whole: bool = False
    preflight: bool = False
    """Whether browsers' preflight requests pass unasked."""

    def __bool__(self) -> bool:
        """Whether anything is open at all."""
        return bool(self.paths or self.patterns or self.preflight)

    def is_open(self, address: str, path: str | None) -> bool:
        """Whether anybody may open ``path``, canonical or None, at ``address``, such as ``https://hello.example.com``."""
        if path is None:
            return False
        for prefix in self.paths:
            if path == prefix or path.startswith(prefix + "/"):
                return True
        text = address + path if self.whole else path
        return any(pattern.meets(text) for pattern in self.patterns)


def open_doors(mode: Any, open_paths: Any, skip_path_regex: Any, cors_preflight: Any) -> OpenDoors:
    """The doors of a provider's stored columns, JSON as text or parsed.

    What cannot be read, stored by hand or by a newer release, opens nothing.
    """
    try:
        stored = json.loads(open_paths) if isinstance(open_paths, str | bytes) else open_paths
    except ValueError:
        stored = None
    paths = stored if isinstance(stored, list) else []
    lines = skip_path_regex.splitlines() if isinstance(skip_path_regex, str) else []
    return OpenDoors(
        paths=tuple(path for path in paths if isinstance(path, str) and path.startswith("/") and len(path) > 1),
        patterns=tuple(pattern for line in lines if (pattern := _pattern(line)) is not None),
        whole=mode == "forward_domain",
        preflight=bool(cors_preflight),
    )


def _pattern(line: str) -> Pattern | None:
    try:
        return compile_pattern(line, "skip_path_regex")
    except InvalidInput:
        return None
