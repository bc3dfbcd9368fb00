"""The list of authentik's operations, and what is built of them."""

import pytest

from ostiary.api import operations
from tests.api.house import ApiHouse
from tests.api.surface import surface


def test_the_list_says_what_is_built() -> None:
    built = {(one.method, one.path, one.name) for one in surface().built if not one.name.startswith("ostiary_")}
    marked = {(method, path, name) for method, path, name, exists in operations.listed() if exists}
    assert marked == built, "run `python -m tests.api.surface`, which marks ostiary/api/operations.txt"


def test_authentik_has_as_many_operations_as_the_list() -> None:
    assert sum(1 for _ in operations.listed()) == 1193


@pytest.mark.parametrize("token", ["", None])
def test_what_is_not_built_says_so(api: ApiHouse, token: str | None) -> None:
    with api.http(token) as http:
        for method, path, name, exists in operations.listed():
            if not exists and name.startswith("rac_"):
                answer = http.request(method, path.replace("{", "").replace("}", ""))
                assert (answer.status_code, answer.json()["code"]) == (501, "api.not_built"), name


def test_what_authentik_does_not_have_is_not_found(api: ApiHouse) -> None:
    with api.http() as http:
        for path in ("/core/nothing/", "/propertymappings/provider/scope"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert http.request("DELETE", "/propertymappings/provider/scope/").status_code == 405
