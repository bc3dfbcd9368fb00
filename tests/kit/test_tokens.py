"""Tokens have one spelling."""

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import b64, digest, random_token, unb64


def test_tokens_are_32_random_bytes_and_survive_their_text_form() -> None:
    token = random_token()
    assert len(token) == 32
    assert token != random_token()
    assert unb64(b64(token)) == token
    assert len(digest(token)) == 32


@pytest.mark.parametrize("text", ["a", "Zh", "Zg==", "Z g", "Zg\n", "Z+/=", "é", "-_-", "\udcff"])
def test_a_second_spelling_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"token\.malformed"):
        unb64(text)
