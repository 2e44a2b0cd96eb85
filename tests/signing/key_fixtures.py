"""Rings and tokens for the tests of signing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from clocks import FakeClock
from keyring import Rings
from softhsm import Tokens, tokens_in

from gateway.store import Store


@pytest_asyncio.fixture
async def rings(store: Store, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Rings]:
    """Rings on both databases."""
    made = Rings(store, tmp_path, clock)
    yield made
    await made.close()


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """SoftHSM2 with one token named gw."""
    made = tokens_in(tmp_path / "softhsm", monkeypatch)
    made.make("gw")
    return made


@pytest_asyncio.fixture
async def hsm(rings: Rings, tokens: Tokens) -> Rings:
    """Rings that know the library."""
    rings.library = tokens.library
    return rings
