"""An installation on each kind of database, and a blueprint that changes who may open what."""

from collections.abc import AsyncIterator

import pytest

from ostiary.parts import Parts, build
from ostiary.settings.tree import Settings


@pytest.fixture
async def parts(database_url: str) -> AsyncIterator[Parts]:
    """Every part of a fresh installation."""
    given = {"secret_key": ["k" * 32], "database": {"url": database_url}, "web": {"base_url": "https://id.example.com"}}
    made = await build(Settings.model_validate(given))
    yield made
    await made.close()
