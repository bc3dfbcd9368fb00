"""The house's own rules hold on every module, and each catches what it is for."""

from collections.abc import Iterator

import pytest

from tests.lint.rules import (
    EXCEPTED,
    RULES,
    Module,
    Rule,
    constant_time,
    documented_modules,
    faces_only_read,
    modules,
    named_by_its_thing,
    new_passwords_are_approved,
    no_exception_text,
    no_guessable_randomness,
    no_mutable_state,
    packages_hold_a_docstring,
    parse,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps(rule: Rule) -> None:
    found = [
        str(finding)
        for module in modules()
        if (rule.__name__, module.path.as_posix()) not in EXCEPTED
        for finding in rule(module)
    ]
    assert found == []


def test_every_exception_is_still_needed() -> None:
    by_name = {rule.__name__: rule for rule in RULES}
    by_path = {module.path.as_posix(): module for module in modules()}
    for rule, path in EXCEPTED:
        assert list(by_name[rule](by_path[path])), f"{rule} finds nothing in {path} any more"


def found(rule: Rule, source: str, path: str = "ostiary/web/pages.py") -> list[int]:
    return [finding.line for finding in rule(parse(path, source))]


@pytest.mark.parametrize(
    "source",
    [
        "seen = {}",
        "seen: Final = []",
        "seen: dict[str, int] = {}",
        "seen = set()",
        "seen = {x for x in y}",
        "seen = defaultdict(list)",
        "seen = collections.deque(maxlen=3)",
        "lock = asyncio.Lock()",
        "numbers = itertools.count()",
        "current = ContextVar('current')",
        "@lru_cache\ndef f(): ...",
        "@functools.cache\ndef f(): ...",
        "def f():\n    global x\n    x = 1",
    ],
)
def test_mutable_state_is_caught(source: str) -> None:
    assert found(no_mutable_state, source)
    assert not found(no_mutable_state, source, "ostiary/cli/user.py")


@pytest.mark.parametrize(
    "source",
    [
        "names = ('a', 'b')",
        "names = frozenset({'a'})",
        "names: Final[Mapping[str, int]] = {'a': 1}",
        "names: Sequence[str] = ['a']",
        "__all__ = ['a']",
        "log = structlog.get_logger()",
        "def f():\n    seen = {}",
    ],
)
def test_what_cannot_change_is_left_alone(source: str) -> None:
    assert not found(no_mutable_state, source)


@pytest.mark.parametrize(
    "source", ["import random", "from random import choice", "import random as r", "import uuid\nx = uuid.uuid1()"]
)
def test_guessable_randomness_is_caught(source: str) -> None:
    assert found(no_guessable_randomness, source)


@pytest.mark.parametrize(
    "shown",
    [
        "return str(error)",
        "return repr(error)",
        "return f'no: {error}'",
        "return f'no: {error!r}'",
        "return 'no: %s' % error",
        "return 'no: %s %s' % (1, error)",
        "return 'no: {}'.format(error)",
        "return error.args[0]",
        "raise InvalidInput('x', f'{error}') from error",
        "return traceback.format_exc()",
        "if x:\n            return str(error)",
    ],
)
def test_an_exceptions_text_is_caught(shown: str) -> None:
    assert found(
        no_exception_text, f"def f():\n    try:\n        g()\n    except ValueError as error:\n        {shown}\n"
    )


@pytest.mark.parametrize(
    "kept", ["log.warning('x', error=str(error))", "raise Refused('x', 'No.') from error", "return error.message"]
)
def test_logging_an_exception_is_left_alone(kept: str) -> None:
    assert not found(
        no_exception_text, f"try:\n    g()\nexcept ValueError as error:\n    {kept}\n".replace("return", "x =")
    )


@pytest.mark.parametrize(
    "source",
    [
        "ok = token == given",
        "ok = given != self.csrf",
        "ok = user.password_hash == given",
        "ok = a.mac == b",
        "ok = session.api_key == key",
    ],
)
def test_a_plain_comparison_of_secrets_is_caught(source: str) -> None:
    assert found(constant_time, source)


@pytest.mark.parametrize(
    "source",
    [
        "ok = hmac.compare_digest(token, given)",
        "q = select(Session).where(Session.token_hash == digest(token))",
        "ok = token == ''",
        "ok = token is None",
        "ok = len(token) == length",
        "ok = token_kind == kind",
    ],
)
def test_other_comparisons_are_left_alone(source: str) -> None:
    assert not found(constant_time, source)


@pytest.mark.parametrize("path", ["ostiary/portal/home.py", "ostiary/cli/user.py", "ostiary/flows/routes.py"])
def test_a_writing_face_is_caught(path: str) -> None:
    assert found(faces_only_read, "async with database.writing() as w: ...", path) == [1]
    assert found(faces_only_read, "from ostiary.storage.session import Writing", path) == [1]
    assert not found(faces_only_read, "async with database.reading() as r: ...", path)
    assert not found(faces_only_read, "async with database.writing() as w: ...", "ostiary/directory/users.py")


def test_a_password_that_passes_the_policies_by_is_caught() -> None:
    assert found(new_passwords_are_approved, "passwords.check_new(password)", "ostiary/directory/setup.py") == [1]
    assert not found(new_passwords_are_approved, "await passwords.approve(password)", "ostiary/directory/setup.py")
    assert not found(new_passwords_are_approved, "self.check_new(password)", "ostiary/directory/passwords.py")


@pytest.mark.parametrize("path", ["ostiary/web/utils.py", "ostiary/helpers/x.py", "ostiary/kit/common.py"])
def test_a_name_that_names_nothing_is_caught(path: str) -> None:
    assert found(named_by_its_thing, '"""Doc."""', path)
    assert not found(named_by_its_thing, '"""Doc."""', "ostiary/kit/urls.py")


@pytest.mark.parametrize("source", ["", '"""Doc."""\nimport x', "x = 1", '"""Doc."""\n__version__ = "1"'])
def test_a_package_with_code_or_without_docstring_is_caught(source: str) -> None:
    assert found(packages_hold_a_docstring, source, "ostiary/web/__init__.py")


def test_the_version_may_stand_at_the_top() -> None:
    assert not found(packages_hold_a_docstring, '"""Doc."""\n__version__ = "1"', "ostiary/__init__.py")


def test_an_undocumented_module_is_caught() -> None:
    assert found(documented_modules, "x = 1")


def test_every_rule_is_in_force() -> None:
    def rules() -> Iterator[str]:
        for name, value in vars(__import__("tests.lint.rules", fromlist=["x"])).items():
            if callable(value) and getattr(value, "__annotations__", {}).get("module") is Module and name[0] != "_":
                yield name

    assert set(rules()) == {rule.__name__ for rule in RULES}
