"""Only declared networks are proxies, and nobody can declare everyone."""

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.proxies import Proxies, ProxyRule


def test_the_narrowest_network_decides() -> None:
    proxies = Proxies([ProxyRule.parse("10.0.0.0/8", "any"), ProxyRule.parse("10.1.0.0/16", "nginx")])
    assert proxies.kind_of("10.2.0.1") == "any"
    assert proxies.kind_of("10.1.0.1") == "nginx"
    assert proxies.kind_of("::ffff:10.1.0.1") == "nginx"


@pytest.mark.parametrize("peer", ["11.0.0.1", "::1", "", "unix", "10.0.0.1, 10.0.0.2", "010.0.0.1"])
def test_everyone_else_is_undeclared(peer: str) -> None:
    assert Proxies([ProxyRule.parse("10.0.0.0/8", "any")]).kind_of(peer) is None


def test_without_a_rule_nobody_is_a_proxy() -> None:
    assert Proxies([]).kind_of("127.0.0.1") is None


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
def test_everyone_cannot_be_declared(cidr: str) -> None:
    with pytest.raises(InvalidInput, match=r"proxies\.everyone"):
        ProxyRule.parse(cidr, "any")


@pytest.mark.parametrize(("cidr", "kind"), [("10.0.0.1/8", "any"), ("ingress", "any"), ("10.0.0.0/8", "apache")])
def test_a_wrong_rule_is_refused_by_name(cidr: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ProxyRule.parse(cidr, kind)
    assert caught.value.field == "proxies"
