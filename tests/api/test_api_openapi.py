"""openapi.yaml says what the application does: no drift, and schemathesis finds nothing that is not documented."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from api_parts import Knobs, assembled, fine, populated
from clocks import FakeClock
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from unmeasured import unmeasured

from gateway.api.ops import Check
from gateway.api.settings import ApiSettings
from gateway.store import FolderBlobs, Store, StoreSettings

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Running:
    """The API on a port, with a key for it."""

    url: str
    key: str


@pytest.fixture(scope="module")
def running(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The API in a thread of its own, so that its database lives in one event loop."""
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "gateway.db").write_bytes(sqlite_template.read_bytes())
    found: list[Running] = []
    server: list[uvicorn.Server] = []
    up = threading.Event()

    async def serve() -> None:
        store = Store(StoreSettings.model_validate({"database_url": f"sqlite:///{folder / 'gateway.db'}"}))
        clock = FakeClock()
        key, _ = await populated(store, clock)
        knobs = Knobs(checks=[Check("database", fine)])
        app, _, _ = assembled(store, FolderBlobs(folder / "blobs"), clock, ApiSettings(wait_seconds=0), knobs)
        one = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
        server.append(one)
        serving = asyncio.ensure_future(one.serve())
        async with asyncio.timeout(10):
            while not one.started:
                await asyncio.sleep(0.01)
        port = one.servers[0].sockets[0].getsockname()[1]
        found.append(Running(f"http://127.0.0.1:{port}", key))
        up.set()
        await serving
        await store.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert up.wait(15)
    yield found[0]
    server[0].should_exit = True
    thread.join(10)


BOUNDED = partial(
    settings,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

schema = schemathesis.openapi.from_path(ROOT / "openapi.yaml")


UPLOADS = ["postDocument", "checkDocument"]
"""One body for both, and ten seconds to make up the first example of it; tests by hand are many."""


@schema.exclude(operation_id=UPLOADS).parametrize()
@BOUNDED(max_examples=6)
def test_the_api_does_what_it_says(case: "schemathesis.Case[Any]", running: Running) -> None:
    conforms(case, running)


@schema.include(operation_id="postDocument").parametrize()
@BOUNDED(max_examples=2)
def test_uploads_are_answered_as_it_says(case: "schemathesis.Case[Any]", running: Running) -> None:
    conforms(case, running)


def conforms(case: "schemathesis.Case[Any]", running: Running) -> None:
    """Whatever is sent, the answer is one that openapi.yaml tells of."""
    response = case.call(base_url=running.url, headers={"Authorization": f"Bearer {running.key}"}, timeout=10)
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )


def test_openapi_yaml_is_what_the_application_says() -> None:
    command = [sys.executable, str(ROOT / "tools" / "openapi"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, env=unmeasured())
    assert done.returncode == 0, done.stderr


def test_every_operation_tells_its_refusals() -> None:
    undocumented = [
        (path, method)
        for path, item in schema.raw_schema["paths"].items()
        for method, operation in item.items()
        if path != "/health/live" and "401" not in operation["responses"]
    ]
    assert undocumented == []
