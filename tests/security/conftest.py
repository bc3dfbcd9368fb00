"""The rooms' own fixtures: what is held here is what they test."""

from tests.directory.conftest import groups, passwords, secrets, tokens, users
from tests.forwardauth.conftest import house, street

__all__ = ["groups", "house", "passwords", "secrets", "street", "tokens", "users"]
