"""Rules of this house that no ready-made linter knows. Each takes one parsed module and yields what it finds."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "ostiary"

# What runs while a request is answered, in whatever process; commands, migrations and models do not.
REQUEST_ROOMS: Final = frozenset(
    ("access", "applications", "directory", "events", "flows", "forwardauth", "kit", "policies", "portal", "sessions")
    + (
        "storage",
        "web",
        "system",
        "outposts",
        "objects",
        "admin",
        "api",
        "oidc",
        "saml",
        "ldap",
        "radius",
        "scim",
        "sources",
        "mfa",
        "brands",
    )
)
FACES: Final = frozenset(("admin", "api", "cli", "portal"))
BANNED_NAMES: Final = frozenset(("util", "utils", "helper", "helpers", "common", "misc", "service", "services"))
LONGEST_FILE: Final = 500

_MUTABLE_CALLS: Final = frozenset(
    ("list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict", "ChainMap", "count", "cycle")
    + ("WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "SimpleNamespace", "ContextVar", "local")
    + ("Lock", "RLock", "Event", "Condition", "Semaphore", "Queue", "SimpleQueue", "LRUCache", "TTLCache")
)
_READ_ONLY: Final = re.compile(r"\b(?:Mapping|Sequence|Collection|Set|frozenset|AbstractSet)\b")
_CACHES: Final = frozenset(("cache", "lru_cache", "cached"))
_LOGS: Final = frozenset(("trace", "debug", "info", "warning", "error", "exception", "critical"))
_SECRET: Final = re.compile(
    r"(?:^|_)(?:secret|token|mac|hmac|digest|signature|nonce|password|passphrase|hash|csrf|api_key|setup_code)$"
)


@dataclass(frozen=True)
class Module:
    """One source file: its path below the repository, and its tree."""

    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder below the package, or the file's stem at the top."""
        parts = self.path.parts
        return parts[1].removesuffix(".py") if len(parts) > 1 else ""

    @property
    def is_face(self) -> bool:
        return self.room in FACES or self.path.name == "routes.py"


@dataclass(frozen=True)
class Finding:
    """Where a rule is broken, and how to keep it."""

    path: Path
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}"


Rule = Callable[[Module], Iterator[Finding]]


def parse(path: str, source: str) -> Module:
    """A module from text, as if it stood at that path."""
    return Module(Path(path), ast.parse(source))


def modules() -> list[Module]:
    """Every module of the package."""
    return [parse(str(file.relative_to(ROOT)), file.read_text()) for file in sorted(PACKAGE.rglob("*.py"))]


def _name(node: ast.expr) -> str:
    """The last part of a dotted name, looking through a call."""
    match node:
        case ast.Call(func=inner):
            return _name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def no_mutable_state(module: Module) -> Iterator[Finding]:
    """Nothing at module level that one request could change under another."""
    if module.room not in REQUEST_ROOMS or module.path.name == "models.py":
        return
    for node in module.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                continue
            case ast.AnnAssign(annotation=annotation) if _READ_ONLY.search(ast.unparse(annotation)):
                continue
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                if _is_mutable(value):
                    yield Finding(
                        module.path,
                        node.lineno,
                        "a mutable object at module level is shared by all requests; annotate it Mapping or Sequence, "
                        "or make it a tuple or frozenset, or hold it in an object that is passed",
                    )
            case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
                if any(_name(decorator) in _CACHES for decorator in decorators):
                    yield Finding(module.path, node.lineno, "a cache at module level is shared by all requests")
            case _:
                pass
    for inner in ast.walk(module.tree):
        if isinstance(inner, ast.Global):
            yield Finding(module.path, inner.lineno, "`global` changes what all requests share")


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    return isinstance(value, ast.Call) and _name(value) in _MUTABLE_CALLS


def no_guessable_randomness(module: Module) -> Iterator[Finding]:
    """``secrets`` is the only source of chance."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names) if any(alias.name.split(".")[0] == "random" for alias in names):
                yield Finding(module.path, node.lineno, "`random` can be guessed; use `secrets`")
            case ast.ImportFrom(module="random"):
                yield Finding(module.path, node.lineno, "`random` can be guessed; use `secrets`")
            case ast.Call(func=function) if _name(function) in ("uuid1", "uuid3", "uuid5"):
                yield Finding(module.path, node.lineno, "this kind of UUID can be guessed; use new_id()")
            case _:
                pass


def no_exception_text(module: Module) -> Iterator[Finding]:
    """What an exception says never reaches a person or a client: only a sentence that we wrote does."""
    for handler in ast.walk(module.tree):
        if isinstance(handler, ast.ExceptHandler) and handler.name:
            for node in _outside_logs(handler.body):
                if _shows(node, handler.name):
                    yield Finding(module.path, node.lineno, "an exception's own text leaks; write a sentence instead")
    for node in _outside_logs(module.tree.body):
        if isinstance(node, ast.Call) and _name(node) in ("format_exc", "print_exc", "format_exception"):
            yield Finding(module.path, node.lineno, "a stack trace leaks; log it instead")


def _outside_logs(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """Every expression below, except what is handed to a log call."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOGS:
            continue
        if isinstance(node, ast.expr):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _shows(node: ast.expr, name: str) -> bool:
    def is_it(part: ast.expr) -> bool:
        return isinstance(part, ast.Name) and part.id == name

    match node:
        case ast.Call(func=ast.Name(id="str" | "repr" | "format" | "print"), args=[first, *_]):
            return is_it(first)
        case ast.Call(func=ast.Attribute(attr="format"), args=args):
            return any(map(is_it, args))
        case ast.FormattedValue(value=value):
            return is_it(value)
        case ast.BinOp(op=ast.Mod(), right=right):
            return is_it(right) or (isinstance(right, ast.Tuple) and any(map(is_it, right.elts)))
        case ast.Attribute(value=value, attr="args" | "__traceback__"):
            return is_it(value)
        case _:
            return False


def constant_time(module: Module) -> Iterator[Finding]:
    """Secrets are compared by ``hmac.compare_digest``, which takes as long for a near miss as for a far one."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        if not all(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            continue
        if any(isinstance(side, ast.Constant) for side in sides) or any(map(_is_column, sides)):
            continue
        if any(_SECRET.search(_name(side).lower()) for side in sides if not isinstance(side, ast.Call)):
            yield Finding(module.path, node.lineno, "a secret is compared; use hmac.compare_digest")


def _is_column(side: ast.expr) -> bool:
    """A column in a query, as ``Session.token_hash``: the database compares, by its index."""
    return isinstance(side, ast.Attribute) and isinstance(side.value, ast.Name) and side.value.id[:1].isupper()


def faces_only_read(module: Module) -> Iterator[Finding]:
    """Faces get only a ``Reading``; a feature's own verbs open the ``Writing``."""
    if not module.is_face:
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="writing")):
                yield Finding(module.path, node.lineno, "a face writes past rules and events; call a feature's verb")
            case ast.ImportFrom(names=names) if any(alias.name == "Writing" for alias in names):
                yield Finding(module.path, node.lineno, "a face has no use for a Writing; call a feature's verb")
            case _:
                pass


def new_passwords_are_approved(module: Module) -> Iterator[Finding]:
    """Whoever stores a password that somebody chose asks everybody who has a say, not our own rule alone."""
    if module.path.as_posix() == "ostiary/directory/passwords.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "check_new":
            yield Finding(module.path, node.lineno, "a new password passes the policies by; await Passwords.approve")


def named_by_its_thing(module: Module) -> Iterator[Finding]:
    """A file is named after what it does."""
    for part in module.path.with_suffix("").parts:
        if part in BANNED_NAMES:
            yield Finding(module.path, 1, f"{part!r} names no thing; name the file by what it holds")


def packages_hold_a_docstring(module: Module) -> Iterator[Finding]:
    """``__init__.py`` says what the room owns, and holds nothing else."""
    if module.path.name != "__init__.py":
        return
    body = module.tree.body
    if ast.get_docstring(module.tree) is None:
        yield Finding(module.path, 1, "a room opens with a docstring: what it owns, and what it refuses to own")
    # The version stands at the very top, where the build looks for it.
    extra = [node for node in body[1:] if len(module.path.parts) > 2 or "__version__" not in ast.unparse(node)]
    if extra:
        yield Finding(module.path, extra[0].lineno, "code in __init__.py runs for whoever passes by; move it to a file")


def documented_modules(module: Module) -> Iterator[Finding]:
    """Every module says what it is for."""
    if ast.get_docstring(module.tree) is None and "migrations/versions" not in module.path.as_posix():
        yield Finding(module.path, 1, "a module opens with a docstring that says what it is for")


# Where a rule does not hold, and why.
EXCEPTED: Final[Mapping[tuple[str, str], str]] = {
    ("constant_time", "ostiary/flows/stages/initial_setup.py"): "two fields that one visitor typed are compared",
    ("faces_only_read", "ostiary/cli/backup.py"): "a restore hands its own event to the transaction that it runs in",
    ("no_exception_text", "ostiary/kit/expressions.py"): "an expression's author reads what CEL says about it",
    ("no_mutable_state", "ostiary/access/freshness.py"): "a bounded memo of our own statements in another spelling",
    ("no_mutable_state", "ostiary/kit/urls.py"): "a bounded memo of public suffixes, which are the same for everyone",
}

RULES: Final[tuple[Rule, ...]] = (
    no_mutable_state,
    no_guessable_randomness,
    no_exception_text,
    constant_time,
    faces_only_read,
    new_passwords_are_approved,
    named_by_its_thing,
    packages_hold_a_docstring,
    documented_modules,
)
