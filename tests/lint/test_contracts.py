"""The import contracts catch what they are for, and name what does not exist yet."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph
from importlinter.configuration import configure

from tests.lint.contracts import Fence

configure()

ROOT = Path(__file__).parents[2]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / ".importlinter")
FENCES = {
    section.rpartition(":")[2]: dict(CONFIG[section])
    for section in CONFIG.sections()
    if CONFIG[section].get("type") == "fence"
}


def kept(contract: str, *imports: tuple[str, str]) -> bool:
    """Whether a program with just these imports keeps the contract."""
    graph = ImportGraph()
    graph.add_module("ostiary")
    for pair in imports:
        for module in pair:
            if module.startswith("ostiary."):
                parts = module.split(".")
                for end in range(2, len(parts) + 1):
                    graph.add_module(".".join(parts[:end]))
            else:
                graph.add_module(module, is_squashed=True)
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="import")
    lists = ("source_modules", "forbidden_modules", "allowed", "excepted_modules")
    options: dict[str, Any] = {name: value.split() for name, value in FENCES[contract].items() if name in lists}
    if "allow_indirect_imports" in FENCES[contract]:
        options["allow_indirect_imports"] = FENCES[contract]["allow_indirect_imports"]
    session = {"root_packages": ["ostiary"], "include_external_packages": "True"}
    return Fence(name=contract, session_options=session, contract_options=options).check(graph, verbose=False).kept


@pytest.mark.parametrize(
    ("contract", "library", "home"),
    [
        ("jose", "joserfc", "ostiary.kit.jose"),
        ("cel", "cel_expr_python", "ostiary.kit.expressions"),
        ("httpx2", "httpx2", "ostiary.kit.http"),
        ("jinja2", "jinja2", "ostiary.web.pages"),
        ("argon2", "argon2", "ostiary.directory.passwords"),
        ("webauthn", "webauthn", "ostiary.mfa.passkeys"),
        ("xml", "lxml", "ostiary.saml.xml"),
        ("xml", "signxml", "ostiary.saml.xml"),
        ("sansldap", "sansldap", "ostiary.ldap.wire"),
        ("lightkube", "lightkube", "ostiary.kubernetes.cluster"),
        ("fastapi", "fastapi", "ostiary.api.users"),
        ("drivers", "sqlite3", "ostiary.storage.engine"),
        ("drivers", "aiosqlite", "ostiary.storage.engine"),
        ("drivers", "asyncpg", "ostiary.storage.feed_postgres"),
    ],
)
def test_a_wire_library_has_one_importer(contract: str, library: str, home: str) -> None:
    assert kept(contract, (home, library))
    assert not kept(contract, (home, library), ("ostiary.portal.home", library))
    assert not kept(contract, ("ostiary.kit.clock", library))


def test_settings_are_read_by_few() -> None:
    for reader in ("ostiary.app", "ostiary.parts", "ostiary.cli.serve", "ostiary.storage.engine"):
        assert kept("settings", (reader, "ostiary.settings.tree"))
    for reader in ("ostiary.web.server", "ostiary.storage.session", "ostiary.forwardauth.routes"):
        assert not kept("settings", (reader, "ostiary.settings.tree"))


def test_starlette_stays_in_web_and_above() -> None:
    assert kept("starlette", ("ostiary.web.pages", "starlette"), ("ostiary.forwardauth.routes", "starlette"))
    for importer in ("ostiary.access.table", "ostiary.sessions.cookie", "ostiary.kit.urls", "ostiary.flows.executor"):
        assert not kept("starlette", (importer, "starlette"))


@pytest.mark.parametrize("core", ["policies.engine", "forwardauth.decide", "forwardauth.dialects", "flows.plan"])
def test_cores_do_no_input_or_output(core: str) -> None:
    assert kept("cores", (f"ostiary.{core}", "dataclasses"))
    for library in ("asyncio", "socket", "sqlalchemy", "time", "os"):
        assert not kept("cores", (f"ostiary.{core}", library))
    through = ("ostiary.kit.urls", "ostiary.storage.session")
    assert not kept("cores-reach", (f"ostiary.{core}", "ostiary.kit.urls"), through)


def test_protocols_know_two_files_of_flows() -> None:
    for part in ("intent", "start"):
        assert kept("flows", ("ostiary.forwardauth.routes", f"ostiary.flows.{part}"))
    for part in ("executor", "plan", "models", "stages.password", "routes"):
        assert not kept("flows", ("ostiary.oidc.routes", f"ostiary.flows.{part}"))
    assert kept("flows", ("ostiary.app", "ostiary.flows.executor"))


def test_what_does_not_exist_yet_is_passed_over() -> None:
    assert kept("cores", ("ostiary.kit.urls", "os"))


def test_no_ring_is_named_twice_and_only_missing_folders_are_optional() -> None:
    layers = CONFIG["importlinter:contract:rings"]["layers"].split("\n")
    names = [name.strip() for layer in layers for name in layer.split("|") if name.strip()]
    plain = [name.strip("()") for name in names]
    assert len(plain) == len(set(plain))
    for name in names:
        folder = ROOT / "ostiary" / name.strip("()")
        exists = folder.is_dir() or folder.with_suffix(".py").is_file()
        assert exists == (not re.fullmatch(r"\(.*\)", name)), f"{name}: parentheses are for what does not exist yet"
