"""Passwords: kept as slow hashes, compared without telling who exists."""

from __future__ import annotations

from werkzeug.security import check_password_hash, generate_password_hash

from guiche.plain import storable

#: scrypt with N=2^15, r=8: 32 MB and some 50 ms a guess.
METHOD = "scrypt:32768:8:1"
LONGEST = 1_000  #: characters: nobody remembers more, and hashing takes longer with each
#: Of a password that nobody has, with the same cost.
_NOBODY = (
    "scrypt:32768:8:1$vASligFdbnIxfz5f$"
    "edd0a6c44bcaf7046628b27c4d6ee890b20e02f6cb57b8adc1338ef6efc7a131"
    "ee01131387c868676187e8524a0e2e6938e692f263ecfa568bf357196d937734"
)


def hash_password(password: str) -> str:
    """A hash with a salt of its own.

    Raises:
        ValueError: the password is too long.
    """
    if len(password) > LONGEST:
        raise ValueError(f"a password has at most {LONGEST} characters")
    return generate_password_hash(password, method=METHOD)


def check_password(password_hash: str | None, password: str) -> bool:
    """Whether they belong together; an unknown user (None) takes as long as a wrong password."""
    if len(password) > LONGEST or not storable(password):
        return False
    return check_password_hash(password_hash or _NOBODY, password) and password_hash is not None
