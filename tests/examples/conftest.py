"""A served installation, as for the API."""

from tests.api.conftest import api

__all__ = ["api"]
