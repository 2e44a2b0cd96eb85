"""Fixtures: a whole API on a fresh database, a clock that stands still, two units, two keys."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from api_parts import OPS_TOKEN, Api, Knobs, assembled, fine, populated
from clocks import FakeClock

from gateway.api.ops import Check
from gateway.api.settings import ApiSettings
from gateway.store import FolderBlobs, Store


@pytest.fixture
def api_settings() -> ApiSettings:
    """Small limits, so that tests reach them."""
    return ApiSettings(
        body_bytes=200_000,
        file_bytes=100_000,
        json_body_bytes=50_000,
        document_bytes=20_000,
        small_body_bytes=4096,
        attachments=5,
        body_seconds=5,
        body_idle_seconds=1,
        uploads=2,
        client_cache_seconds=0,
        ops_token=OPS_TOKEN,
    )


@pytest_asyncio.fixture
async def api(store: Store, blobs: FolderBlobs, clock: FakeClock, api_settings: ApiSettings) -> Api:
    """The API on a fresh database."""
    knobs = Knobs(checks=[Check("database", fine)])
    key, other_key = await populated(store, clock)
    app, feed, inbox = assembled(store, blobs, clock, api_settings, knobs)
    return Api(
        app=app,
        store=store,
        blobs=blobs,
        clock=clock,
        knobs=knobs,
        feed=feed,
        inbox=inbox,
        key=key,
        other_key=other_key,
    )


@pytest_asyncio.fixture
async def http(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with the first unit's key."""
    async with api.client() as client:
        yield client
