"""The table in docs/proxies/README.md is whole."""

from tests.proxies.report import cases, committed
from tests.proxies.stands import STANDS


def test_every_case_stands_in_the_table_for_every_proxy() -> None:
    cells = committed()
    assert [case for case, proxy in cells if proxy == STANDS[0].title] == cases()
    assert list(dict.fromkeys(proxy for _, proxy in cells)) == [stand.title for stand in STANDS]
    assert not [place for place, outcome in cells.items() if not outcome]
