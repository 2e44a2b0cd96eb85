"""What operators see: logs, health and metrics tell what happened, and neither secrets nor content."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from agencies import World
from world import DEPARTMENT, PDF, SECRET, SENDER, Json, a_document, id_of, until

from gateway.api.logging import configure

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBJECT = "V/v chuyện không ai được ghi vào nhật ký"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """All that is logged, as `serve` writes it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = StringIO()
    configure("DEBUG", written)
    yield written
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def _lines(log: StringIO) -> list[Json]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_one_correlation_id_leads_from_the_request_to_the_axis(world: World, log: StringIO) -> None:
    document = a_document(to=(DEPARTMENT,))
    address = await world.sender.sent(document, headers={"X-Request-Id": f"request-{id(document)}"})
    await world.sender.until_state(address, "sent")
    (claim,) = await world.receiver.claims(of=id_of(document))
    body, name = {"lease": claim["lease"]}, {"X-Request-Id": f"confirm-{id(document)}"}
    (await world.receiver.post(f"/v1/inbox/{claim['id']}/confirm", body, **name)).raise_for_status()
    await world.sender.until_processing(address, "01", DEPARTMENT)
    for wanted in (f"request-{id(document)}", f"confirm-{id(document)}"):
        found = [one for one in _lines(log) if one.get("correlation_id") == wanted]
        assert "request" in {one["event"] for one in found}
        assert "sendEdoc" in {one["operation"] for one in found if one["event"] == "axis.exchange"}


async def test_logs_metrics_and_health_hold_no_secret_and_no_content(world: World, log: StringIO) -> None:
    document = a_document(to=(DEPARTMENT,), subject=SUBJECT)
    await world.axis.fault("html-502@getEdoc=once")
    address = await world.sender.sent(document)
    (claim,) = await world.receiver.claims(of=id_of(document))
    await world.receiver.confirm(claim)
    reason = "Lý do riêng của đơn vị"
    said = {"code": "02", "description": reason, "staff": {"staff": "Trần Thị Mẫu"}}
    (await world.receiver.post(f"{claim['document']['href']}/statuses", said)).raise_for_status()
    await world.sender.until_processing(address, "02", DEPARTMENT)
    shown = [log.getvalue()]
    for node in (world.sender, world.receiver):
        shown += [(await node.get("/metrics")).text, (await node.get("/health/ready")).text]
        assert node.key not in "".join(shown)
    everything = "".join(shown)
    for hidden in (SECRET, SUBJECT, "Nguyễn Văn Mẫu", "Trần Thị Mẫu", reason, PDF.name):
        assert hidden not in everything
        assert json.dumps(hidden)[1:-1] not in everything


async def test_looking_at_the_version_of_the_database_is_not_logged_each_time(world: World, log: StringIO) -> None:
    for _ in range(3):
        await world.sender.get("/health/ready")
    assert [line for line in _lines(log) if str(line.get("logger")).startswith("alembic")] == []


async def test_metrics_and_readiness_tell_how_things_stand(world: World) -> None:
    address = await world.sender.sent()
    await world.sender.until_state(address, "sent")
    text = (await world.sender.get("/metrics")).text
    assert 'gateway_trip_seconds_count{trip="dispatch"}' in text
    assert "gateway_oldest_unsent_seconds 0.0" in text

    async def polled() -> bool:
        return (await world.sender.get("/health/ready")).status_code == 200

    await until(polled)
    names = {one["name"] for one in (await world.sender.get("/health/ready")).json()["checks"]}
    assert {"database", "blobs", "disk", "poll:axis", "clock:axis"} <= names


async def test_nothing_but_liveness_is_anonymous(world: World) -> None:
    http = world.sender.http
    answers = {}
    for path in ("/health/live", "/health/ready", "/metrics", "/v1/documents", "/v1/events", f"/v1/agencies/{SENDER}"):
        answers[path] = (await http.get(path, headers={"Authorization": ""})).status_code
    assert answers.pop("/health/live") == 200
    assert set(answers.values()) == {401}
