"""Readiness by named checks; figures for Prometheus."""

import asyncio

import httpx2
import pytest
from api_bodies import BOUNDARY, document, upload
from api_parts import Api, fine
from prometheus_client.parser import text_string_to_metric_families

from gateway.api.meters import Figures, Meters
from gateway.api.ops import Check, Reading, Scope
from gateway.api.settings import ApiSettings
from gateway.axis.port import Exchange
from gateway.problems import Kind, Problem, Text
from gateway.store import DatabaseUnavailable
from gateway.store.faults import Trouble

pytest_plugins = ["api_fixtures"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def api_settings() -> ApiSettings:
    """Little patience with a check."""
    return ApiSettings(ready_check_seconds=0.1, client_cache_seconds=0)


class TestReadiness:
    async def test_ready_when_every_check_is(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.get("/health/ready")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)

    async def test_a_failing_check_is_named_with_what_to_do(self, api: Api, http: httpx2.AsyncClient) -> None:
        async def full() -> Reading:
            return Reading(ok=False, reason=Text("Đĩa đầy.", "Full."), action=Text("Giải phóng.", "Free some."))

        async def raises() -> Reading:
            raise Problem("blob.x", Kind.UNAVAILABLE, Text("Hỏng.", "Broken."), Text("Sửa.", "Repair."))

        async def hangs() -> Reading:
            await asyncio.Event().wait()
            return await fine()

        api.knobs.checks = [Check("ok", fine), Check("disk", full), Check("blobs", raises), Check("clock", hangs)]
        answer = await http.get("/health/ready")
        told = {check["name"]: (check["ok"], check["reason_vi"]) for check in answer.json()["checks"]}
        assert answer.status_code == 503
        assert told == {
            "ok": (True, "Tốt."),
            "disk": (False, "Đĩa đầy."),
            "blobs": (False, "Hỏng."),
            "clock": (False, "Không có trả lời trong 0.1 giây."),
        }

    async def test_a_database_out_of_reach_is_a_failing_check(self, api: Api, http: httpx2.AsyncClient) -> None:
        api.knobs.database_trouble = DatabaseUnavailable(Trouble.UNREACHABLE)
        for scope in ("all", "node"):
            answer = await http.get("/health/ready", params={"scope": scope})
            assert [(check["name"], check["ok"]) for check in answer.json()["checks"]] == [("database", False)]

    async def test_a_balancer_asks_of_the_node_alone(self, api: Api, http: httpx2.AsyncClient) -> None:
        async def silent() -> Reading:
            return Reading(ok=False, reason=Text("Trục không trả lời.", "The axis is silent."))

        api.knobs.checks = [Check("database", fine, Scope.NODE), Check("poll:truc", silent)]
        of_all, of_node = [await http.get("/health/ready", params={"scope": one}) for one in ("all", "node")]
        assert (of_all.status_code, of_node.status_code) == (503, 200)
        assert [check["name"] for check in of_node.json()["checks"]] == ["database"]


class TestMetrics:
    async def test_requests_are_counted_by_route_template(self, api: Api, http: httpx2.AsyncClient) -> None:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        where = (await http.post("/v1/documents", content=upload(document(), []), headers=headers)).headers["Location"]
        await http.get(where)
        await http.get("/x/y/z")
        metrics = await http.get("/metrics")
        found = samples(metrics.text, "gateway_http_requests_total")
        assert found[("GET", "/v1/documents/{id}", "200")] == 1
        assert found[("POST", "/v1/documents", "202")] == 1
        assert found[("GET", "unknown", "404")] == 1
        assert where.rpartition("/")[2] not in metrics.text

    async def test_figures_of_the_database_are_shown(self, api: Api, http: httpx2.AsyncClient) -> None:
        api.knobs.figures = Figures(
            documents=(("out", "sent", 3), ("in", "waiting", 2)),
            oldest_unsent=12.5,
            poll_ages=(("truc", 30.0),),
            disk_free_bytes=1000,
        )
        text = (await http.get("/metrics")).text
        assert samples(text, "gateway_documents") == {("out", "sent"): 3, ("in", "waiting"): 2}
        assert samples(text, "gateway_oldest_unsent_seconds") == {(): 12.5}
        assert samples(text, "gateway_oldest_unhanded_seconds") == {(): 0}
        assert samples(text, "gateway_poll_age_seconds") == {("truc",): 30}

    async def test_calls_attempts_and_trips_are_measured(self, api: Api) -> None:
        meters = Meters()
        for status, code in ((200, "0"), (200, "18"), (502, None), (None, None)):
            meters.exchange(
                Exchange(
                    operation="sendEdoc",
                    correlation_id=None,
                    http_status=status,
                    error_code=code,
                    error_text=None,
                    seconds=0.3,
                )
            )
        meters.work("dispatch", "done", 2)
        meters.trip("out", 4.0)
        text = meters.exposition(Figures()).decode()
        assert samples(text, "gateway_axis_calls_total") == {
            ("sendEdoc", "ok"): 1,
            ("sendEdoc", "error"): 1,
            ("sendEdoc", "http_502"): 1,
            ("sendEdoc", "no_answer"): 1,
        }
        assert samples(text, "gateway_attempts_sum") == {("dispatch", "done"): 2}
        assert samples(text, "gateway_trip_seconds_sum") == {("out",): 4}


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }
