"""Houses and visitors for the journeys. Every journey runs in each house: both nginx, both databases, both hand-offs,
https and plain http; always two workers."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.databases import Cluster, postgresql_database
from tests.journeys.house import House, Plan, built
from tests.rig.browser import chromium
from tests.rig.nginx import DEBIAN, WHEEL

PLANS = (
    Plan(DEBIAN, "sqlite", "https", "callback"),
    Plan(WHEEL, "postgresql", "https", "callback"),
    Plan(DEBIAN, "postgresql", "https", "in_place"),
    Plan(WHEEL, "sqlite", "http", "in_place"),
)

Visitor = Callable[[], Page]
Reports = Generator[None, pytest.TestReport, pytest.TestReport]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.journey)


@pytest.fixture(
    scope="module",
    # All journeys of a house run in one test process, so that it is built once for each file.
    params=[pytest.param(plan, id=str(plan), marks=pytest.mark.xdist_group(str(plan))) for plan in PLANS],
)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation that nobody has set up yet."""
    plan: Plan = request.param
    folder = tmp_path_factory.mktemp(str(plan))
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/data/ostiary.sqlite3"
        if plan.database == "postgresql":
            cluster: Cluster = request.getfixturevalue("cluster")
            url = stack.enter_context(postgresql_database(cluster))
        yield stack.enter_context(built(plan, folder, url))


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[Browser]:
    """Chromium in this house's world."""
    trusted = house.certificate.spki if house.certificate else ""
    with chromium(house.ports["http"], house.ports["https"], trusted) as running:
        yield running


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """Makes profiles: each call is a person at a browser of their own, without JavaScript."""
    with ExitStack() as stack:

        def arrive() -> Page:
            context = browser.new_context(java_script_enabled=False)
            stack.callback(context.close)
            context.set_default_timeout(15_000)
            return context.new_page()

        yield arrive


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reports:
    """What the processes wrote stands below a failure."""
    report = yield
    house = getattr(item, "funcargs", {}).get("house")
    if report.failed and isinstance(house, House):
        for name in ("ostiary", "nginx"):
            report.sections.append((f"{name} ({house.plan})", house.processes.log(name)[-6000:]))
    return report
