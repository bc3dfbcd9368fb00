"""Builds a peer from its Go module, at a pinned version, in a directory that git ignores."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.installation import ROOT

CACHE = ROOT / ".cache" / "peers"
# Newer than this is fine; the `go` of Debian 12 is too old.
_GO = "1.26.0"
_LONGEST = 3600


class Missing(Exception):
    """A peer that cannot be had; the reason stands in the table."""


@dataclass(frozen=True)
class Program:
    """What is built: ``version`` is the one that the table names, ``wanted`` what go.mod can say about it.

    ``placeholder`` is a file of a web interface that the module embeds and does not contain; no check touches it.
    """

    name: str
    module: str
    version: str
    package: str = ""
    wanted: str = ""
    tags: str = ""
    placeholder: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} {self.version.removeprefix('v')}"


def built(program: Program, sources: Mapping[str, Path]) -> Path:
    """The program's file. ``sources`` has directories to take modules from in place of the module proxy, by module."""
    place = CACHE / f"{program.name}-{program.version}"
    binary, stamp = place / program.name, place / "finished"
    if stamp.exists():
        return binary
    if shutil.which("go") is None:
        raise Missing("not built: there is no go command")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    lines = [f"module ostiary.bench/{program.name}", f"go {_GO}"]
    lines.append(f"require {program.module} {program.wanted or program.version}")
    for module, directory in sources.items():
        if not directory.is_dir():
            raise Missing(f"not built: {directory} is no directory")
        lines.append(f"replace {module} => {_copied(directory, place / 'sources' / module, program)}")
    (place / "go.mod").write_text("\n".join(lines) + "\n")
    package = "/".join(part for part in (program.module, program.package) if part)
    command = ["nice", "-n", "19", "go", "build", "-mod=mod", "-tags", program.tags, "-o", str(binary), package]
    environ = {**os.environ, "GOFLAGS": "-p=1 -buildvcs=false", "GOMAXPROCS": "1"}
    try:
        subprocess.run(command, cwd=place, env=environ, check=True, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.CalledProcessError as error:
        (place / "build.log").write_text(error.stderr)
        raise Missing(f"not built: {why(error.stderr)}") from error
    stamp.touch()
    return binary


def why(log: str) -> str:
    """The first line of go's output that tells what went wrong, without where it asked."""
    for line in log.splitlines():
        if line.startswith(("go: downloading", "go: finding", "go: found", "go: added")):
            continue
        if "Forbidden" in line or "not available" in line or "Not Found" in line:
            module = line.strip().removeprefix("go: ").split(": ")[0]
            return f"the module proxy does not serve {module}"
        if " imports" not in line:
            return line.strip()[:200]
    return "go build failed"


def _copied(directory: Path, to: Path, program: Program) -> Path:
    """A copy, since a build must not write into somebody's checkout."""
    shutil.copytree(directory, to, ignore=shutil.ignore_patterns(".git", "node_modules"))
    if program.placeholder and str(to).endswith(program.module):
        page = to / program.placeholder
        if not page.exists():
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("<!doctype html><title>Not built</title>\n")
    return to
