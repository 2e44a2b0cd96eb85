"""The door and what stands behind it: keys, correlation ids, problem details, one log line, nothing told to strangers."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import structlog
from api_bodies import BOUNDARY, document, upload
from api_parts import OPS_TOKEN, OWN, Api
from fastapi import FastAPI

from gateway.api import clients
from gateway.api.application import guard
from gateway.api.clients import Clients
from gateway.api.logging import REDACTED, configure, new_correlation_id, redact
from gateway.api.meters import Meters
from gateway.api.settings import ApiSettings
from gateway.problems import Kind, Problem, Text
from gateway.store import DatabaseUnavailable, Store
from gateway.store.faults import Trouble

pytest_plugins = ["api_fixtures"]

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EVERYWHERE = [
    ("POST", "/v1/documents"),
    ("POST", "/v1/documents:check"),
    ("GET", "/v1/documents"),
    ("GET", "/v1/documents/0193a200-0000-7000-8000-000000000000"),
    ("GET", "/v1/events"),
    ("POST", "/v1/inbox:claim"),
    ("GET", "/v1/agencies/H35"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/nowhere"),
    ("DELETE", "/v1/documents"),
]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged, as it would stand on standard output."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@ON_SQLITE
class TestKeys:
    async def test_nothing_but_liveness_is_anonymous(self, api: Api) -> None:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=api.app), base_url="http://gateway") as http:
            answers = {(method, path): await http.request(method, path) for method, path in EVERYWHERE}
            alive = await http.get("/health/live")
        assert {key: answer.json()["code"] for key, answer in answers.items()} == dict.fromkeys(
            EVERYWHERE, "auth.key_missing"
        )
        assert alive.json() == {"status": "alive"}

    async def test_a_stranger_is_answered_before_the_body_is_read(self, api: Api) -> None:
        read = []

        async def body() -> AsyncIterator[bytes]:
            read.append(True)
            yield b"{}"

        async with api.client("ltg_aaaaaaaa_" + "x" * 43) as http:
            answers = [await http.post(path, content=body()) for path in ("/v1/documents", "/v1/inbox:claim")]
        assert ([answer.status_code for answer in answers], read) == ([401, 401], [])

    @pytest.mark.parametrize(
        "given", ["", "Basic eDp5", "Bearer", "Bearer ", "Bearer x", "Bearer ltg_aaaaaaaa_short", "bearer \u00ff"]
    )
    async def test_what_is_no_key_is_refused(self, api: Api, given: str) -> None:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=api.app), base_url="http://gateway") as http:
            answer = await http.get("/v1/documents", headers=[(b"authorization", given.encode("latin-1"))])
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.key_unknown")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    async def test_a_key_with_one_wrong_letter_is_refused(self, api: Api) -> None:
        wrong = api.key[:-1] + ("A" if api.key[-1] != "A" else "B")
        async with api.client(wrong) as http:
            assert (await http.get("/v1/documents")).status_code == 401

    async def test_a_revoked_key_is_refused_at_once_where_nothing_is_cached(self, api: Api) -> None:
        async with api.client() as http:
            assert (await http.get("/v1/documents")).status_code == 200
            async with api.store.begin() as tx:
                await clients.revoke(tx, "QLVB", api.clock())
            assert (await http.get("/v1/documents")).status_code == 401

    async def test_the_operations_token_opens_operations_only(self, api: Api) -> None:
        async with api.client(OPS_TOKEN) as http:
            statuses = [(await http.get(path)).status_code for path in ("/health/ready", "/metrics", "/v1/documents")]
        assert statuses == [200, 200, 401]


class TestClients:
    async def test_a_revoked_key_lives_no_longer_than_the_cache(self, api: Api) -> None:
        now = 0.0
        checker = Clients(api.store, api.clock, ApiSettings(client_cache_seconds=3), elapsed=lambda: now)
        assert (await checker.of_key(api.key)).units == {OWN}
        await checker.of_key(api.key)
        async with api.store.begin() as tx:
            await clients.revoke(tx, "QLVB", api.clock())
        await checker.of_key(api.key)
        now = 3.1
        with pytest.raises(Problem, match=r"auth\.key_unknown"):
            await checker.of_key(api.key)

    async def test_only_a_hash_is_stored_and_the_day_of_use(self, api: Api) -> None:
        await Clients(api.store, api.clock, ApiSettings()).of_key(api.key)
        async with api.store.read() as tx:
            rows = await clients.listed(tx)
        # the secret may hold "_" itself
        assert api.key.split("_", 2)[2] not in repr(rows)
        assert {row.name: row.last_used_on for row in rows} == {"QLVB": api.clock().date(), "QLVB khác": None}

    @pytest.mark.parametrize(
        ("name", "units", "key", "code"),
        [
            (" ", {OWN}, None, "client.name_empty"),
            ("x", set(), None, "client.no_units"),
            ("x", {OWN}, "secret", "client.key_malformed"),
        ],
    )
    async def test_a_client_without_name_units_or_a_good_key_is_refused(
        self, api: Api, name: str, units: set[str], key: str | None, code: str
    ) -> None:
        with pytest.raises(Problem) as caught:
            async with api.store.begin() as tx:
                await clients.add(tx, name, frozenset(units), api.clock(), key)
        assert caught.value.code == code

    async def test_revoking_nobody_is_said(self, api: Api) -> None:
        with pytest.raises(Problem, match=r"client\.unknown"):
            async with api.store.begin() as tx:
                await clients.revoke(tx, "nobody", api.clock())


@ON_SQLITE
class TestProblems:
    async def test_a_refusal_has_every_member(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.get("/v1/nowhere", headers={"X-Request-Id": "qlvb-00001"})
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-Id"] == "qlvb-00001"
        assert answer.json() == {
            "type": "urn:lienthong:problem:route.unknown",
            "title": "Not Found",
            "status": 404,
            "code": "route.unknown",
            "detail": "There is nothing at this address.",
            "detail_vi": "Không có địa chỉ này.",
            "action": "See openapi.yaml for the addresses.",
            "action_vi": "Xem openapi.yaml để biết các địa chỉ.",
            "instance": "urn:lienthong:request:qlvb-00001",
            "errors": [],
        }

    async def test_a_method_that_is_not_there_names_those_that_are(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.delete("/v1/documents")
        assert (answer.status_code, answer.json()["code"]) == (405, "method.not_allowed")
        assert "POST" in answer.headers["Allow"] or "GET" in answer.headers["Allow"]

    async def test_a_small_body_over_its_limit_is_refused(self, api: Api, http: httpx2.AsyncClient) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield b" " * 1000

        answer = await http.post("/v1/inbox:claim", content=chunks(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body.too_large")

    async def test_a_small_body_that_stops_is_given_up(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.post("/v1/inbox:claim", content=stopping(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (408, "body.too_slow")

    @pytest.mark.parametrize(
        ("body", "status", "code", "pointer"),
        [
            (b"{", 400, "body.malformed", ""),
            (b'{"limit": 0}', 422, "field.out_of_range", "/limit"),
            (b'{"limit": "x"}', 422, "field.wrong_type", "/limit"),
            (b'{"x": 1}', 422, "field.unknown", "/x"),
            (b"", 422, "field.missing", ""),
        ],
    )
    async def test_a_wrong_field_is_named(
        self, api: Api, http: httpx2.AsyncClient, body: bytes, status: int, code: str, pointer: str
    ) -> None:
        answer = await http.post("/v1/inbox:claim", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (status, code, pointer)


@ON_SQLITE
class TestFaults:
    @pytest_asyncio.fixture
    async def broken(self, store: Store, api: Api) -> httpx2.AsyncClient:
        """An application whose routes fail in every way."""
        app = FastAPI()
        guard(app, Clients(store, api.clock, ApiSettings()), Meters(), ApiSettings())

        @app.get("/fault")
        async def fault() -> None:
            raise RuntimeError("mật khẩu: hunter2")

        @app.get("/database")
        async def database() -> None:
            raise DatabaseUnavailable(Trouble.UNREACHABLE)

        @app.get("/busy")
        async def busy() -> None:
            raise Problem("x.busy", Kind.BUSY, Text("a", "b"), Text("c", "d"), retry_after=7)

        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://gateway",
            headers={"Authorization": f"Bearer {api.key}"},
        )

    async def test_a_fault_tells_the_client_nothing_and_the_log_where(
        self, broken: httpx2.AsyncClient, logged: io.StringIO
    ) -> None:
        answer = await broken.get("/fault")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal.unexpected")
        assert "hunter2" not in answer.text + logged.getvalue()
        found = next(line for line in lines(logged) if line["event"] == "unexpected")
        assert found["error"] == "RuntimeError"
        assert any(frame.endswith(" fault") for frame in found["frames"])
        assert answer.json()["instance"].endswith(found["correlation_id"])

    async def test_a_database_out_of_reach_is_503_with_retry_after(self, broken: httpx2.AsyncClient) -> None:
        answer = await broken.get("/database")
        assert (answer.status_code, answer.json()["code"]) == (503, "database.unreachable")
        assert int(answer.headers["Retry-After"]) > 0

    async def test_busy_is_429_with_retry_after(self, broken: httpx2.AsyncClient) -> None:
        answer = await broken.get("/busy")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


class TestLogs:
    @ON_SQLITE
    async def test_a_request_is_one_line_without_values(
        self, api: Api, http: httpx2.AsyncClient, logged: io.StringIO
    ) -> None:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "X-Request-Id": "qlvb-00002"}
        where = (await http.post("/v1/documents", content=upload(document(), []), headers=headers)).headers["Location"]
        await http.get(where)
        await http.get("/v1/documents", params={"number": "bí-mật-123"})
        written = lines(logged)
        assert [(line["method"], line["route"], line["status"]) for line in written] == [
            ("POST", "/v1/documents", 202),
            ("GET", "/v1/documents/{id}", 200),
            ("GET", "/v1/documents", 200),
        ]
        assert written[0]["correlation_id"] == "qlvb-00002"
        text = logged.getvalue()
        assert "123" not in text.replace(written[0]["client"], "")
        assert api.key not in text
        assert "liên thông" not in text

    def test_a_library_s_traceback_is_told_without_its_values(self, logged: io.StringIO) -> None:
        try:
            raise ValueError("hunter2")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        (line,) = lines(logged)
        assert (line["error"], "hunter2" in logged.getvalue()) == ("ValueError", False)

    def test_values_under_telling_names_are_hidden(self) -> None:
        event: dict[str, object] = {
            "event": "x",
            "secret": "1",
            "Authorization": "2",
            "nested": {"api_key": "3", "n": 4},
            "content": b"5",
        }
        assert redact(None, "info", event) == {
            "event": "x",
            "secret": REDACTED,
            "Authorization": REDACTED,
            "nested": {"api_key": REDACTED, "n": 4},
            "content": REDACTED,
        }

    @pytest.mark.parametrize("offered", [None, "short", "x" * 65, "a b c d e f", 'x"}\n{"y', "đđđđđđđđđ"])
    def test_only_a_harmless_request_id_is_taken(self, offered: str | None) -> None:
        assert len(new_correlation_id(offered)) == 36


async def stopping() -> AsyncIterator[bytes]:
    """A body that begins and never ends."""
    yield b"{"
    await asyncio.Event().wait()
