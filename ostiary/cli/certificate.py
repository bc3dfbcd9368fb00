"""``ostiary certificate``: certificates with their keys, imported or made here."""

from pathlib import Path
from typing import Annotated

import typer

from ostiary.cli.asking import confirmed
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.events.record import COMMAND
from ostiary.keys.certificates import by_name, certificates
from ostiary.keys.pem import LARGEST_CERTIFICATE
from ostiary.kit.errors import InvalidInput
from ostiary.parts import Parts

_Name = Annotated[str, typer.Argument(help="The certificate's name.", show_default=False)]

commands = typer.Typer(help="Certificates with their keys, imported or made here.", no_args_is_help=True)


@commands.command("import")
def import_command(
    context: typer.Context,
    name: _Name,
    certificate: Annotated[Path, typer.Option(help="A PEM file with the certificate, and perhaps its chain after it.")],
    key: Annotated[Path | None, typer.Option(help="A PEM file with its private key, not encrypted.")] = None,
) -> None:
    """Store a certificate, with its private key or without."""
    values = {"name": name, "certificate_data": _read(certificate, "certificate")}
    if key is not None:
        values["key_data"] = _read(key, "key")
    run(context, lambda parts: parts.certificates.create(values, by=COMMAND))
    say(f"Certificate {name} is stored.")


@commands.command()
def generate(
    context: typer.Context,
    common_name: Annotated[str, typer.Argument(help="Whose it is, such as mail.example.com; its name too.")],
    days: Annotated[int, typer.Option(help="For how many days it is good.")] = 365,
    names: Annotated[
        str, typer.Option("--name", help="DNS names and IP addresses that it is for, parted by commas.")
    ] = "",
    alg: Annotated[str, typer.Option(help="Its key: rsa, ecdsa, ed25519 or ed448.")] = "ecdsa",
) -> None:
    """Make a key and a certificate that it signs itself."""

    async def body(parts: Parts) -> None:
        await parts.certificates.generate(common_name, validity_days=days, names=names, algorithm=alg, by=COMMAND)

    run(context, body)
    say(f"Certificate {common_name} is stored.")


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List the certificates, the one that ends first before the others. Times are UTC."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        rows = [
            (row.name, row.key_type, "yes" if row.private else "no", f"{row.expires:%Y-%m-%d %H:%M}", row.subject)
            for row in await certificates(r)
        ]
    show_columns(("NAME", "TYPE", "KEY", "ENDS", "SUBJECT"), rows)


@commands.command()
def show(
    context: typer.Context,
    name: _Name,
    key: Annotated[bool, typer.Option("--key", help="Its private key instead; the audit log tells of it.")] = False,
) -> None:
    """Print a certificate as PEM."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            row = await by_name(r, name)
        if not key:
            say(row.certificate.rstrip("\n"))
            return
        private = await parts.certificates.reveal(row.id, by=COMMAND)
        if not private:
            raise InvalidInput("certificate.no_key", "key: this certificate was stored without its key.", field="key")
        say(private.rstrip("\n"))

    run(context, body)


@commands.command()
def delete(
    context: typer.Context,
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a certificate that nothing uses, with its key."""
    confirmed(f"Delete the certificate {name} and its key?", yes=yes)

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            row = await by_name(r, name)
        await parts.certificates.delete(row.id, by=COMMAND)

    run(context, body)
    say(f"Certificate {name} is deleted.")


def _read(file: Path, field: str) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST_CERTIFICATE + 1).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "certificate.file_unreadable", f"{field}: {file} cannot be read as a PEM file.", field=field
        ) from error
