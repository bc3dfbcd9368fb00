"""Which file each command is in. A file is imported when its command is called, so that starting is quick."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

# A command and where it is: a `typer.Typer` with commands of its own, or one function.
COMMANDS: Final[Mapping[str, str]] = {
    "settings": "ostiary.cli.settings:settings",
    "setup-code": "ostiary.cli.setup_code:setup_code",
    "user": "ostiary.cli.user:commands",
    "group": "ostiary.cli.group:commands",
    "role": "ostiary.cli.role:commands",
    "token": "ostiary.cli.token:commands",
    "app": "ostiary.cli.app:commands",
    "access": "ostiary.cli.access:commands",
    "policy": "ostiary.cli.policy:commands",
    "mapping": "ostiary.cli.mapping:commands",
    "outpost": "ostiary.cli.outpost:commands",
    "flow": "ostiary.cli.flow:commands",
    "path-secret": "ostiary.cli.path_secret:commands",
    "session": "ostiary.cli.session:commands",
    "key": "ostiary.cli.key:commands",
    "certificate": "ostiary.cli.certificate:commands",
    "plan": "ostiary.cli.blueprint:plan",
    "simulate": "ostiary.cli.simulate:simulate",
    "apply": "ostiary.cli.blueprint:apply",
    "export": "ostiary.cli.blueprint:export",
    "serve": "ostiary.cli.serve:serve",
    "migrate": "ostiary.cli.backup:migrate",
    "backup": "ostiary.cli.backup:backup",
    "restore": "ostiary.cli.backup:restore",
    "events": "ostiary.cli.events:events",
    "reference": "ostiary.cli.reference:reference",
}
# Not shown in the help: for those who write the documents.
_HIDDEN = ("reference",)


class Commands(TyperGroup):
    """The group of all commands."""

    @property
    def commands(self) -> Any:
        """All of them, imported."""
        return {name: self.get_command(None, name) for name in COMMANDS}

    @commands.setter
    def commands(self, _: Any) -> None:
        """What the frame sets, an empty dictionary, has no meaning here."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        found = getattr(import_module(module), attribute)
        around = typer.Typer(add_completion=False)
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=cmd_name)
            return get_group(around).commands[cmd_name]
        around.command(cmd_name, hidden=cmd_name in _HIDDEN)(found)
        return get_command(around)
