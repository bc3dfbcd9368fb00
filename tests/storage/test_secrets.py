import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.storage.secrets import MAC_BYTES, Secrets

OLD, NEW = "o" * 40, "n" * 40


def test_a_hash_means_nothing_at_another_purpose_or_under_another_key() -> None:
    secrets = Secrets([NEW])
    assert len(secrets.hash("session", b"value")) == 64
    assert secrets.hash("session", b"value") == Secrets([NEW]).hash("session", b"value")
    assert secrets.hash("session", b"value") != secrets.hash("ticket", b"value")
    assert secrets.hash("session", b"value") != Secrets([OLD]).hash("session", b"value")


def test_the_first_key_hashes_and_every_key_finds() -> None:
    both = Secrets([NEW, OLD])
    assert both.hashes("token", b"v") == [Secrets([NEW]).hash("token", b"v"), Secrets([OLD]).hash("token", b"v")]
    assert both.hash("token", b"v") == both.hashes("token", b"v")[0]


def test_a_mac_is_accepted_under_any_listed_key_and_no_other() -> None:
    mac = Secrets([OLD]).mac("cookie", b"v")
    assert len(mac) == MAC_BYTES
    assert Secrets([NEW, OLD]).check_mac("cookie", b"v", mac)
    assert not Secrets([NEW]).check_mac("cookie", b"v", mac)
    assert not Secrets([OLD]).check_mac("form", b"v", mac)
    assert not Secrets([OLD]).check_mac("cookie", b"w", mac)
    assert not Secrets([OLD]).check_mac("cookie", b"v", mac[:-1])
    assert not Secrets([OLD]).check_mac("cookie", b"v", b"")


def test_a_sealed_value_opens_only_for_its_purpose_and_place() -> None:
    secrets = Secrets([NEW])
    text = secrets.seal("totp", b"seed", "devices.seed")
    assert secrets.open("totp", text, "devices.seed") == b"seed"
    assert text != secrets.seal("totp", b"seed", "devices.seed")
    for purpose, context in (("totp", "users.name"), ("oauth", "devices.seed")):
        with pytest.raises(InvalidInput, match=r"secret\.unreadable"):
            secrets.open(purpose, text, context)


def test_rotation_reads_old_values_and_says_which_need_resealing() -> None:
    text = Secrets([OLD]).seal("totp", b"seed", "c")
    both = Secrets([NEW, OLD])
    assert both.open("totp", text, "c") == b"seed"
    assert both.needs_resealing(text)
    assert not both.needs_resealing(both.seal("totp", b"seed", "c"))
    with pytest.raises(InvalidInput, match=r"secret\.unreadable"):
        Secrets([NEW]).open("totp", text, "c")


def test_every_altered_character_of_a_sealed_value_is_refused() -> None:
    secrets = Secrets([NEW])
    text = secrets.seal("p", b"data", "c")
    for index, character in enumerate(text):
        altered = text[:index] + ("B" if character == "A" else "A") + text[index + 1 :]
        with pytest.raises(InvalidInput, match=r"secret\.unreadable"):
            secrets.open("p", altered, "c")


@pytest.mark.parametrize("text", ["", ".", "1..", "1.x.y", "2.a.b", "1.é.b", "no dots", "1.a.b.c"])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"secret\.unreadable"):
        Secrets([NEW]).open("p", text, "c")


def test_a_short_or_missing_key_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(InvalidInput, match="secret_key: key 2 is shorter than 32 bytes"):
        Secrets([NEW, "short"])
    with pytest.raises(InvalidInput, match=r"secret_key\.missing"):
        Secrets([])
