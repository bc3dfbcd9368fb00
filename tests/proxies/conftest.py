"""One Ostiary for each test process, and each proxy once, with everything that is asked of it in one process."""

from collections.abc import Callable, Generator, Iterator, Sequence

import pytest
from _pytest.mark import ParameterSet

from tests.proxies import authentik, shaped_nginx
from tests.proxies.installation import ANNA, BERT, Installation, installed
from tests.proxies.report import Cell, committed
from tests.proxies.stand import APPLICATIONS, Stand, Standing, standing
from tests.proxies.stands import STANDS
from tests.proxies.traefik_kubernetes import BY_OWN_RESOURCES

Reports = Generator[None, pytest.TestReport, pytest.TestReport]


def commands(stand: Stand) -> Iterator[tuple[tuple[str, ...], str]]:
    """The applications of a stand."""
    if stand.name == "ak-domain":
        where = ("--host", f"http://login.{stand.domain}", "--domain", stand.domain)
        yield ("app", "add", stand.name, *where, "--everyone"), ""
        return
    for name in APPLICATIONS:
        slug = f"{name}-{stand.name}"
        who = ("--group", "board") if name == "vault" else ("--everyone",)
        where = ("--host", f"http://{name}.{stand.domain}", "--handoff", stand.handoff)
        yield ("app", "add", slug, *where, *who, *(("--open-path", "/public") if name == "docs" else ())), ""
    # In docs everyone reads what is below /public, those who signed in the rest, and the board what is below /admin.
    where = ("--host", f"http://docs.{stand.domain}/admin", "--handoff", stand.handoff)
    yield ("app", "add", f"admin-{stand.name}", *where, "--group", "board"), ""


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Ostiary with two people and the applications of every stand."""
    people = [
        (("group", "create", "staff"), ""),
        (("group", "create", "board"), ""),
        (("user", "create", ANNA[0], "--password", "--name", "Anna Ångström", "--group", "staff"), ANNA[1]),
        (("user", "create", BERT[0], "--password", "--name", "Bert", "--group", "board"), BERT[1]),
    ]
    stands = (*STANDS, *authentik.STANDS, *shaped_nginx.STANDS, BY_OWN_RESOURCES)
    applications = [command for stand in stands for command in commands(stand)]
    peers = [(stand.name, stand.kind) for stand in stands]
    with installed(tmp_path_factory.mktemp("ostiary"), peers, [*people, *applications]) as running:
        yield running


def once(stands: Sequence[Stand]) -> list[ParameterSet]:
    """Each stand as a parameter whose tests all run in one process."""
    return [pytest.param(stand, id=stand.name, marks=pytest.mark.xdist_group(stand.name)) for stand in stands]


@pytest.fixture(scope="session", params=once(STANDS))
def door(
    request: pytest.FixtureRequest, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    """Each proxy in turn."""
    stand: Stand = request.param
    with standing(stand, installation, tmp_path_factory.mktemp(stand.name)) as running:
        yield running


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(stand, id=stand.name, marks=pytest.mark.xdist_group(stand.name)) for stand in authentik.STANDS
    ],
)
def old_door(
    request: pytest.FixtureRequest, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    """Each set-up that was written for authentik in turn."""
    stand: Stand = request.param
    with standing(stand, installation, tmp_path_factory.mktemp(stand.name)) as running:
        yield running


def _shaped(stand: Stand) -> Callable[..., Iterator[Standing]]:
    @pytest.fixture(scope="session", name=stand.name, params=once([stand]))
    def fixture(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
        with standing(stand, installation, tmp_path_factory.mktemp(stand.name)) as running:
            yield running

    return fixture


nic, ngf = map(_shaped, shaped_nginx.STANDS)
crd = _shaped(BY_OWN_RESOURCES)


@pytest.fixture
def cell(request: pytest.FixtureRequest, door: Standing, record_property: Callable[[str, object], None]) -> Cell:
    """Says what came of a case; a difference to the page fails."""
    case = request.function.__doc__

    def says(outcome: str) -> None:
        record_property("matrix", [case, door.stand.title, outcome])
        if not request.config.getoption("--write-matrix"):
            assert committed().get((case, door.stand.title)) == outcome, "--write-matrix writes it into the page"

    return says


@pytest.fixture(autouse=True)
def _forgotten(request: pytest.FixtureRequest) -> None:
    """Every test begins with applications that have seen nothing."""
    for name in {"door", "old_door", "nic", "ngf", "crd"} & set(request.fixturenames):
        request.getfixturevalue(name).forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reports:
    """What the processes wrote stands below a failure."""
    report = yield
    given = getattr(item, "funcargs", {})
    running = next((given[name] for name in ("door", "old_door", "nic", "ngf", "crd") if name in given), None)
    if report.failed and isinstance(running, Standing):
        report.sections.append((f"proxy ({running.stand})", running.processes.log("proxy")[-4000:]))
        report.sections.append(("ostiary", running.installation.processes.log("ostiary")[-4000:]))
    return report
