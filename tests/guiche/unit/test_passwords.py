"""Passwords: slow hashes, and nothing to learn from the time an answer takes."""

from __future__ import annotations

import pytest

from guiche import passwords, seed_data
from guiche.passwords import LONGEST, METHOD, check_password, hash_password


def test_round_trip() -> None:
    """The right one, the wrong one; two hashes of one password differ."""
    one, two = hash_password("correct horse"), hash_password("correct horse")
    assert one != two
    assert one.startswith(f"{METHOD}$")
    assert check_password(one, "correct horse")
    assert check_password(two, "correct horse")
    assert not check_password(one, "correct horsE")
    assert not check_password(one, "")


def test_sample_data() -> None:
    """Its hash is of its password."""
    assert check_password(seed_data.PASSWORD_HASH, seed_data.PASSWORD)


def test_nobody_costs_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an unknown user a hash of the same cost is compared, and the answer is no whatever the password is."""
    compared: list[str] = []

    def check(password_hash: str, _password: str) -> bool:
        compared.append(password_hash)
        return True

    monkeypatch.setattr(passwords, "check_password_hash", check)
    assert not check_password(None, "anything")
    (nobody,) = compared
    assert nobody.startswith(f"{METHOD}$")
    assert [len(part) for part in nobody.split("$")] == [len(part) for part in hash_password("x").split("$")]


@pytest.mark.parametrize("password", ["x" * (LONGEST + 1), "\ud800", "a\0b"])
def test_odd_passwords(password: str) -> None:
    """They are wrong, and no error."""
    assert not check_password(seed_data.PASSWORD_HASH, password)
    assert not check_password(None, password)


def test_too_long() -> None:
    """Nobody gets a password that could not be checked."""
    with pytest.raises(ValueError, match="1000 characters"):
        hash_password("x" * (LONGEST + 1))
