"""FA-04: a proxy set that trusts everyone refuses the start, wherever it was written."""

from pathlib import Path

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.settings.load import load


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "::0/0"])
@pytest.mark.parametrize("name", ["OSTIARY_PROXIES", "AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS"])
def test_fa_04_trusting_everyone_is_refused(name: str, network: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(None, {name: f"10.0.0.0/8,{network}"})
    assert caught.value.code == "settings.proxy_everyone"


def test_fa_04_trusting_everyone_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ostiary.yaml"
    file.write_text("proxies:\n  - {cidr: 0.0.0.0/0, kind: nginx}\n")
    with pytest.raises(InvalidInput) as caught:
        load(file, {})
    assert caught.value.code == "settings.proxy_everyone"


def test_fa_04_without_a_setting_only_this_machine_is_trusted() -> None:
    assert [proxy.cidr for proxy in load(None, {}).settings.proxies] == ["127.0.0.0/8", "::1/128"]
