from pathlib import Path
from typing import Any

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.outposts.config import KEYS, checked, defaults, refresh_seconds, rows

PAGE = Path(__file__).parents[2] / "docs" / "outposts.md"


def test_the_defaults_are_good_and_all_of_authentiks_keys_are_there() -> None:
    assert checked(defaults()) == defaults()
    assert len(KEYS) == 23
    assert refresh_seconds({}) == 300
    assert refresh_seconds({"refresh_interval": "seconds=30"}) == 30


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("log_level", ["trace", "error"], ["loud", None, 1]),
        ("refresh_interval", ["minutes=1"], ["seconds=1", "soon", 5]),
        (
            "authentik_host",
            ["", "https://id.example.com", "https://id.example.com/"],
            ["id.example.com", None, "x://y"],
        ),
        ("authentik_host_insecure", [True], ["true", 0, None]),
        ("object_naming_template", ["ak-%(uuid)s", "%(name)s"], ["fixed", "a b %(name)s", "%(other)s", 1]),
        ("container_image", [None, "registry.example/outpost:%(version)s"], ["a b", 1]),
        ("docker_labels", [None, {"a": "b"}], [{"a": 1}, []]),
        ("kubernetes_replicas", [0, 3], [-1, True, "1", 101]),
        ("kubernetes_namespace", ["apps"], ["Not A Name", ""]),
        ("kubernetes_ingress_annotations", [{"a/b": "c"}], [{"a": None}, None]),
        ("kubernetes_ingress_secret_name", ["", "tls"], ["Not A Name", None]),
        ("kubernetes_ingress_path_type", [None, "Prefix"], ["prefix", ""]),
        (
            "kubernetes_httproute_parent_refs",
            [[{"name": "gateway", "namespace": "infra", "port": 443, "kind": "Gateway"}]],
            [[{"namespace": "infra"}], [{"name": "g", "port": "443"}], [{"name": "g", "more": "x"}], {}],
        ),
        ("kubernetes_service_type", ["NodePort"], ["ExternalName", None]),
        ("kubernetes_disabled_components", [["ingress"]], [["door"], "ingress"]),
        ("kubernetes_image_pull_secrets", [["pull"]], [[1]]),
        (
            "kubernetes_json_patches",
            [None, {"deployment": [{"op": "add", "path": "/spec", "value": 1}]}],
            [{"door": []}, {"deployment": [{"op": "grow", "path": "/"}]}, {"deployment": [{"op": "add"}]}, []],
        ),
    ],
)
def test_each_key_takes_its_own_values(key: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert checked({key: value}) == {key: value}
    for value in bad:
        with pytest.raises(InvalidInput) as caught:
            checked({key: value})
        assert (caught.value.code, caught.value.field) == ("outpost.config_invalid", "config")
        assert key in caught.value.message


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean kubernetes_replicas"):
        checked({"kubernetes_replica": 1})
    wrong: tuple[Any, ...] = (None, [], "{}", {"docker_labels": {"a": "x" * 70_000}})
    for config in wrong:
        with pytest.raises(InvalidInput):
            checked(config)


def test_the_page_shows_every_key() -> None:
    assert rows() in PAGE.read_text(), (
        "put into docs/outposts.md: python -c 'from ostiary.outposts.config import rows; print(rows())'"
    )
