import hashlib

import pytest

from ostiary.kit.errors import Unavailable
from ostiary.policies.leaks import Leaks

SUFFIX = hashlib.sha1(b"hello", usedforsecurity=False).hexdigest().upper()[5:]


@pytest.mark.parametrize("body", [b"\xff", f"{SUFFIX}:many".encode()])
async def test_an_answer_that_is_none_is_no_permission(body: bytes) -> None:
    async def fetch(url: str, limit: int) -> bytes:
        return body

    with pytest.raises(Unavailable) as caught:
        await Leaks(fetch=fetch).count("hello")
    assert caught.value.code == "password.leaks_unknown"


@pytest.mark.parametrize(("body", "count"), [("", 0), (f"{SUFFIX.lower()}:12", 12), (f"{SUFFIX}0:3", 0)])
async def test_the_number_is_that_of_the_whole_digest(body: str, count: int) -> None:
    async def fetch(url: str, limit: int) -> bytes:
        return body.encode()

    assert await Leaks(fetch=fetch).count("hello") == count
