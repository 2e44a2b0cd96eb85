"""/v1/documents end to end on a real database: handed over once, refused with nothing kept, shown to its unit only."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import pytest
from api_bodies import BOUNDARY, document, multipart, packet, status_packet, upload, with_content
from api_parts import OTHER, Api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.api.parameters import cursor_of
from gateway.documents.repository import document_table
from gateway.problems import Problem

pytest_plugins = ["api_fixtures"]

MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
PDF = b"%PDF-1.4\n"
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is refused before any database is asked; a PostgreSQL would only make it slower."""


async def post(
    http: httpx2.AsyncClient, said: Mapping[str, object], files: Sequence[bytes] = (), *, key: str | None = None
) -> httpx2.Response:
    headers = MULTIPART | ({"Idempotency-Key": key} if key else {})
    return await http.post("/v1/documents", content=upload(said, files), headers=headers)


async def documents(api: Api) -> int:
    async with api.store.read() as tx:
        return int((await tx.execute(select(func.count()).select_from(document_table))).scalar_one())


async def refused(api: Api, response: httpx2.Response) -> dict[str, Any]:
    """The problem of a refusal that must have changed nothing."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert await documents(api) == 0
    assert api.files() == []
    problem: dict[str, Any] = response.json()
    assert problem["status"] == response.status_code
    return problem


class TestHandOver:
    async def test_a_document_is_taken_over_and_addressed(self, api: Api, http: httpx2.AsyncClient) -> None:
        taken = await post(http, document(["Kế hoạch.pdf"]), [PDF])
        assert taken.status_code == 202
        shown = (await http.get(taken.headers["Location"])).json()
        assert shown["document_id"] == "H35.04,2026/11/20,12/UBND-VP"
        assert shown["recipients"][0] | {"name": ""} == {
            "code": "G22",
            "name": "",
            "transport_state": "queued",
            "processing_state": None,
        }
        assert shown["attachments"][0]["sha256"] == hashlib.sha256(PDF).hexdigest()

    async def test_json_with_base64_says_the_same(self, api: Api, http: httpx2.AsyncClient) -> None:
        said = with_content(document(["a.pdf"]), [PDF])
        taken = await http.post("/v1/documents", content=json.dumps(said).encode(), headers=JSON)
        again = await post(http, document(["a.pdf"]), [PDF])
        assert (taken.status_code, again.headers["Location"]) == (202, taken.headers["Location"])

    async def test_a_ready_made_packet_is_taken_over_with_its_files(self, api: Api, http: httpx2.AsyncClient) -> None:
        taken = await http.post("/v1/documents", content=packet(document(["Kế hoạch.pdf"]), [PDF]), headers=XML)
        assert taken.status_code == 202, taken.text
        shown = (await http.get(taken.headers["Location"])).json()
        assert [one["attachment_name"] for one in shown["attachments"]] == ["Kế hoạch.pdf"]
        assert (await http.get(shown["attachments"][0]["href"])).content == PDF

    async def test_what_is_shown_can_be_checked_again(self, api: Api, http: httpx2.AsyncClient) -> None:
        shown = (await http.get((await post(http, document(["a.pdf"]), [PDF])).headers["Location"])).json()
        said = {name: shown[name] for name in ("message_header", "trace_header_list")} | {"attachments": []}
        assert (await http.post("/v1/documents:check", content=json.dumps(said), headers=JSON)).status_code == 200

    async def test_two_files_of_one_name_are_both_kept(self, api: Api, http: httpx2.AsyncClient) -> None:
        taken = await post(http, document(["a.pdf", "a.pdf"]), [PDF + b"1", PDF + b"2"])
        contents = [(await http.get(f"{taken.headers['Location']}/attachments/{n}")).content for n in (1, 2)]
        assert contents == [PDF + b"1", PDF + b"2"]

    async def test_a_repeat_of_the_same_document_gives_the_first(self, api: Api, http: httpx2.AsyncClient) -> None:
        first = await post(http, document())
        again = await post(http, document())
        assert again.status_code == 202
        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert await documents(api) == 1

    async def test_the_same_id_with_other_content_is_a_conflict(self, api: Api, http: httpx2.AsyncClient) -> None:
        said = document()
        await post(http, said)
        header = said["message_header"]
        assert isinstance(header, dict)
        header["subject"] = "Khác"
        answer = await post(http, said)
        assert (answer.status_code, answer.json()["code"]) == (409, "document.id_used")

    async def test_checking_keeps_nothing(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.post("/v1/documents:check", content=upload(document(["a.pdf"]), [PDF]), headers=MULTIPART)
        assert (answer.status_code, answer.json()["recipients"]) == (200, ["G22"])
        assert await documents(api) == 0
        assert api.files() == []


@ON_SQLITE
class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "headers", "status", "code"),
        [
            pytest.param(b"{", JSON, 400, "body.malformed", id="malformed JSON"),
            pytest.param(b"", JSON, 400, "body.malformed", id="nothing"),
            pytest.param(multipart([("document", None, b"{")]), MULTIPART, 400, "body.malformed", id="JSON in a part"),
            pytest.param(b"--x\r\n", MULTIPART, 400, "body.malformed", id="another boundary"),
            pytest.param(b"x", {"Content-Type": "multipart/form-data"}, 400, "header.malformed", id="no boundary"),
            pytest.param(b"x", {"Content-Type": "text/plain"}, 415, "body.type_unsupported", id="another type"),
            pytest.param(b"x", JSON | {"Content-Encoding": "gzip"}, 415, "body.encoding_unsupported", id="compressed"),
            pytest.param(
                upload(document(["a.pdf"]), []), MULTIPART, 422, "attachments.part_missing", id="part missing"
            ),
            pytest.param(upload(document(), [PDF]), MULTIPART, 422, "attachments.part_surplus", id="part surplus"),
            pytest.param(multipart([("files", "a", PDF)]), MULTIPART, 422, "document.part_missing", id="no document"),
            pytest.param(
                upload(document(["a.pdf"]), [b"x" * 100_001]), MULTIPART, 413, "attachments.too_large", id="file"
            ),
            pytest.param(b" " * 50_001, JSON, 413, "body.too_large", id="JSON over its limit"),
            pytest.param(
                upload(document() | {"secrecy": "x" * 20_001}, []), MULTIPART, 413, "document.too_large", id="document"
            ),
            pytest.param(
                upload(document(list("abcdef")), [PDF] * 6), MULTIPART, 413, "attachments.too_many", id="count"
            ),
            pytest.param(b"<!DOCTYPE a><a/>", XML, 422, "X.Doctype", id="DOCTYPE"),
        ],
    )
    async def test_is_refused(
        self, api: Api, http: httpx2.AsyncClient, body: bytes, headers: dict[str, str], status: int, code: str
    ) -> None:
        answer = await http.post("/v1/documents", content=body, headers=headers)
        problem = await refused(api, answer)
        assert (answer.status_code, problem["code"]) == (status, code)

    @pytest.mark.parametrize("where", ["secrecy", "notation", "type"])
    async def test_a_secret_document_is_refused_before_its_files(
        self, api: Api, http: httpx2.AsyncClient, where: str
    ) -> None:
        said: Any = document(["a.pdf"])
        if where == "secrecy":
            said["secrecy"] = "Tối mật"
        elif where == "notation":
            said["message_header"]["other_info"] = {"typer_notation": "TUYỆT MẬT"}
        else:
            said["message_header"]["document_type"]["type_name"] = "Mật"
        text = json.dumps(said).encode()
        begun = multipart([("document", None, text), ("files", "a.pdf", PDF)], end=False)
        answer = await http.post("/v1/documents", content=begun, headers=MULTIPART)
        problem = await refused(api, answer)
        assert problem["code"] == "document.secret"
        assert "pointer" in problem

    async def test_a_packet_that_cannot_be_read_is_refused_with_its_findings(
        self, api: Api, http: httpx2.AsyncClient
    ) -> None:
        answer = await http.post("/v1/documents", content=b"<a/>", headers=XML)
        problem = await refused(api, answer)
        assert answer.status_code == 422
        assert (problem["errors"] or [problem])[0]["code"].startswith("X.")

    async def test_a_packet_marked_secret_is_refused(self, api: Api, http: httpx2.AsyncClient) -> None:
        said: Any = document(["a.pdf"])
        said["message_header"]["document_type"]["type_name"] = "Tối mật"
        answer = await http.post("/v1/documents", content=packet(said, [PDF]), headers=XML)
        assert (await refused(api, answer))["code"] == "document.secret"

    async def test_a_file_in_a_packet_is_bounded_too(self, api: Api, http: httpx2.AsyncClient) -> None:
        body = packet(document(["a.pdf"]), [PDF + b"x" * 100_000])
        answer = await http.post("/v1/documents", content=body, headers=XML)
        assert (await refused(api, answer))["code"] == "attachments.too_large"

    async def test_a_status_packet_is_no_document(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.post("/v1/documents", content=status_packet(), headers=XML)
        assert (await refused(api, answer))["code"] == "packet.not_document"

    async def test_a_subject_that_speaks_of_secrets_is_no_mark(self, api: Api, http: httpx2.AsyncClient) -> None:
        said: Any = document()
        said["message_header"]["subject"] = "Về bảo vệ bí mật nhà nước"
        assert (await post(http, said)).status_code == 202

    async def test_an_empty_file_is_refused(self, api: Api, http: httpx2.AsyncClient) -> None:
        problem = await refused(api, await post(http, document(["a.pdf"]), [b""]))
        assert problem["pointer"].startswith("/attachments/0")

    async def test_an_unknown_receiver_is_named(self, api: Api, http: httpx2.AsyncClient) -> None:
        said: Any = document()
        said["message_header"]["to"].append({"organ_id": "Z99.01"})
        problem = await refused(api, await post(http, said))
        assert (problem["code"], problem["pointer"]) == ("recipient.unknown", "/message_header/to/1/organ_id")

    async def test_an_over_long_field_is_named(self, api: Api, http: httpx2.AsyncClient) -> None:
        said: Any = document()
        said["message_header"]["subject"] = "x" * 501
        assert (await refused(api, await post(http, said)))["pointer"] == "/message_header/subject"

    async def test_another_unit_as_sender_is_refused(self, api: Api, http: httpx2.AsyncClient) -> None:
        said: Any = document()
        said["message_header"]["from"]["organ_id"] = OTHER
        assert (await refused(api, await post(http, said)))["code"] == "sender.not_own"

    @pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..\\..\\x.pdf", "x" * 300 + ".pdf"])
    async def test_a_hostile_name_is_refused_or_made_harmless(
        self, api: Api, http: httpx2.AsyncClient, name: str
    ) -> None:
        answer = await post(http, document([name]), [PDF])
        if answer.status_code == 202:
            headers = (await http.get(f"{answer.headers['Location']}/attachments/1")).headers
            assert "/" not in headers["Content-Disposition"]
            return
        assert (await refused(api, answer))["pointer"].startswith("/attachments/0")

    @pytest.mark.parametrize("field", ["size", "sha256"])
    async def test_a_file_that_is_not_what_was_said_is_refused(
        self, api: Api, http: httpx2.AsyncClient, field: str
    ) -> None:
        said: Any = document(["a.pdf"])
        said["attachments"][0][field] = 1 if field == "size" else "0" * 64
        problem = await refused(api, await post(http, said, [PDF]))
        assert (problem["code"], problem["pointer"]) == (f"attachments.{field}_differs", f"/attachments/0/{field}")

    async def test_a_length_over_the_limit_is_refused_without_the_body(
        self, api: Api, http: httpx2.AsyncClient
    ) -> None:
        read = []

        async def body() -> Any:
            read.append(True)
            yield b""

        answer = await http.post("/v1/documents", content=body(), headers=MULTIPART | {"Content-Length": "200001"})
        assert ((await refused(api, answer))["code"], read) == ("body.too_large", [])

    async def test_a_body_without_a_length_is_counted(self, api: Api, http: httpx2.AsyncClient) -> None:
        async def body() -> Any:
            yield upload(document(["a.pdf"]), [])[:-30] + b"\r\n"
            for _ in range(5):
                yield b"x" * 50_000

        answer = await http.post("/v1/documents", content=body(), headers=MULTIPART)
        assert (await refused(api, answer))["code"] in {"body.too_large", "body.malformed", "attachments.too_large"}

    async def test_no_room_is_said_before_the_body_is_read(self, api: Api, http: httpx2.AsyncClient) -> None:
        api.knobs.busy = 42
        answer = await http.post("/v1/documents", content=b"not even multipart", headers=MULTIPART)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "42")

    async def test_too_many_uploads_at_once_are_asked_to_wait(self, api: Api, http: httpx2.AsyncClient) -> None:
        go = asyncio.Event()

        async def slow() -> Any:
            yield upload(document(), [])[:20]
            await go.wait()
            yield upload(document(), [])[20:]

        running = [
            asyncio.ensure_future(http.post("/v1/documents", content=slow(), headers=MULTIPART)) for _ in range(3)
        ]
        done, waiting = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        go.set()
        await asyncio.gather(*waiting)
        answer = done.pop().result()
        assert (answer.status_code, answer.json()["code"]) == (429, "uploads.busy")
        assert int(answer.headers["Retry-After"]) > 0

    async def test_a_body_that_stops_is_given_up(self, api: Api, http: httpx2.AsyncClient) -> None:
        async def stops() -> Any:
            yield upload(document(["a.pdf"]), [PDF])[:-40]
            await asyncio.Event().wait()

        answer = await http.post("/v1/documents", content=stops(), headers=MULTIPART)
        assert (answer.status_code, (await refused(api, answer))["code"]) == (408, "body.too_slow")

    @given(st.binary(max_size=400), st.sampled_from([MULTIPART, JSON, XML]))
    @settings(
        deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )  # the same API serves all examples: none may leave a trace
    async def test_whatever_is_sent_the_answer_is_a_problem(
        self, api: Api, body: bytes, headers: dict[str, str]
    ) -> None:
        async with api.client() as http:
            answer = await http.post("/v1/documents", content=body, headers=headers)
        assert 400 <= answer.status_code < 500
        await refused(api, answer)


class TestIdempotencyKey:
    async def test_the_same_key_and_content_give_the_first_answer(self, api: Api, http: httpx2.AsyncClient) -> None:
        first = await post(http, document(["a.pdf"]), [PDF], key="k1")
        said = with_content(document(["a.pdf"]), [PDF])
        again = await http.post("/v1/documents", content=json.dumps(said), headers=JSON | {"Idempotency-Key": "k1"})
        assert (again.status_code, again.json()) == (202, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"

    async def test_other_content_is_a_conflict(self, api: Api, http: httpx2.AsyncClient) -> None:
        await post(http, document(["a.pdf"]), [PDF], key="k1")
        answer = await post(http, document(["a.pdf"]), [PDF + b"!"], key="k1")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency.other_body")
        assert await documents(api) == 1

    async def test_a_known_key_is_answered_though_there_is_no_room(self, api: Api, http: httpx2.AsyncClient) -> None:
        await post(http, document(), key="k1")
        api.knobs.busy = 60
        assert (await post(http, document(), key="k1")).status_code == 202

    async def test_keys_of_two_clients_are_apart(self, api: Api, http: httpx2.AsyncClient) -> None:
        await post(http, document(), key="k1")
        said: Any = document()
        said["message_header"]["from"]["organ_id"] = OTHER
        async with api.client(api.other_key) as other:
            answer = await post(other, said, key="k1")
        assert "Idempotent-Replayed" not in answer.headers

    async def test_a_refused_document_does_not_use_up_its_key(self, api: Api, http: httpx2.AsyncClient) -> None:
        await post(http, document(["a.pdf"]), [b""], key="k1")
        assert (await post(http, document(["a.pdf"]), [PDF], key="k1")).status_code == 202

    @pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
    async def test_a_malformed_key_is_refused(self, api: Api, http: httpx2.AsyncClient, key: str) -> None:
        headers = [*MULTIPART.items(), ("Idempotency-Key", key.encode("latin-1"))]
        answer = await http.post("/v1/documents", content=b"", headers=headers)  # type: ignore[arg-type]  # mixed pairs
        assert (answer.status_code, (await refused(api, answer))["code"]) == (400, "idempotency.key_malformed")

    async def test_racing_requests_make_one_document(self, api: Api, http: httpx2.AsyncClient) -> None:
        answers = await asyncio.gather(*(post(http, document(), key="k1") for _ in range(2)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.headers["Location"] for answer in answers}) == 1
        assert await documents(api) == 1

    async def test_racing_requests_that_differ_make_one_document(self, api: Api, http: httpx2.AsyncClient) -> None:
        said: Any = document()
        said["message_header"]["code"]["code_number"] = "13"
        answers = await asyncio.gather(post(http, document(), key="k1"), post(http, said, key="k1"))
        assert sorted(answer.status_code for answer in answers) == [202, 409]
        assert await documents(api) == 1


class TestShowing:
    async def test_another_unit_s_document_is_as_unknown(self, api: Api, http: httpx2.AsyncClient) -> None:
        where = (await post(http, document(["a.pdf"]), [PDF])).headers["Location"]
        unknown = (await http.get("/v1/documents/00000000-0000-7000-8000-000000000000")).json()
        async with api.client(api.other_key) as other:
            answers = [
                await other.get(where),
                await other.get(f"{where}/packet"),
                await other.get(f"{where}/attachments/1"),
                await other.post(f"{where}/cancel"),
                await other.post(f"{where}/statuses", json={"code": "13", "description": "x"}),
            ]
            listed = (await other.get("/v1/documents")).json()["items"]
        assert [answer.status_code for answer in answers] == [404] * 5
        assert {answer.json()["detail"] for answer in answers} == {unknown["detail"]}
        assert listed == []

    async def test_a_file_is_saved_under_its_name_and_never_run(self, api: Api, http: httpx2.AsyncClient) -> None:
        where = (await post(http, document(['Kế "hoạch".pdf']), [PDF])).headers.get("Location")
        where = where or (await post(http, document(["Kế hoạch.pdf"]), [PDF])).headers["Location"]
        answer = await http.get(f"{where}/attachments/1")
        assert answer.content == PDF
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "filename*=UTF-8''K%E1%BA%BF" in answer.headers["Content-Disposition"]
        digest = base64.b64encode(hashlib.sha256(PDF).digest()).decode()
        assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"

    async def test_no_such_file_no_packet_yet(self, api: Api, http: httpx2.AsyncClient) -> None:
        where = (await post(http, document())).headers["Location"]
        codes = [(await http.get(f"{where}/{rest}")).json()["code"] for rest in ("attachments/1", "packet")]
        assert codes == ["attachment.unknown", "packet.not_built"]

    async def test_a_lost_blob_is_said_before_the_answer_begins(self, api: Api, http: httpx2.AsyncClient) -> None:
        where = (await post(http, document(["a.pdf"]), [PDF])).headers["Location"]
        for path in api.blobs.root.rglob(hashlib.sha256(PDF).hexdigest()):
            path.unlink()
        answer = await http.get(f"{where}/attachments/1")
        assert (answer.status_code, answer.json()["code"]) == (503, "blob.missing")

    async def test_pages_follow_each_other_without_a_gap(self, api: Api, http: httpx2.AsyncClient) -> None:
        for number in range(5):
            said: Any = document()
            said["message_header"]["code"]["code_number"] = str(number + 1)
            await post(http, said)
            api.clock.advance(0 if number % 2 else 1)
        seen, cursor = [], None
        while True:
            page = (
                await http.get("/v1/documents", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
            ).json()
            seen += [one["code_number"] for one in page["items"]]
            if (cursor := page["next"]) is None:
                break
        assert sorted(seen) == ["1", "2", "3", "4", "5"]

    async def test_a_list_is_narrowed(self, api: Api, http: httpx2.AsyncClient) -> None:
        await post(http, document())
        wanted: list[tuple[dict[str, str], int]] = [
            ({"direction": "out"}, 1),
            ({"direction": "in"}, 0),
            ({"state": "waiting"}, 1),
            ({"state": "sent"}, 0),
            ({"number": "12", "notation": "UBND-VP"}, 1),
            ({"number": "1"}, 0),
            ({"document_id": "H35.04,2026/11/20,12/UBND-VP"}, 1),
            ({"from": "2026-11-22", "to": "2026-11-22"}, 1),
            ({"from": "2026-11-23"}, 0),
            ({"to": "2026-11-21"}, 0),
        ]
        found = [(one, len((await http.get("/v1/documents", params=one)).json()["items"])) for one, _ in wanted]
        assert found == wanted

    @ON_SQLITE
    @pytest.mark.parametrize(
        ("wanted", "parameter"),
        [
            ({"limit": "201"}, "limit"),
            ({"limit": "x"}, "limit"),
            ({"state": "lost"}, "state"),
            ({"from": "22/11/2026"}, "from"),
            ({"number": "a\x00"}, "number"),
            ({"cursor": "xyz"}, "cursor"),
        ],
    )
    async def test_a_wrong_parameter_is_named(
        self, api: Api, http: httpx2.AsyncClient, wanted: dict[str, str], parameter: str
    ) -> None:
        answer = await http.get("/v1/documents", params=wanted)
        assert (answer.status_code, answer.json()["parameter"]) == (422, parameter)

    async def test_a_document_that_waits_is_cancelled(self, api: Api, http: httpx2.AsyncClient) -> None:
        where = (await post(http, document())).headers["Location"]
        assert (await http.post(f"{where}/cancel")).json()["state"] == "cancelled"

    @given(st.text(max_size=60))
    def test_a_cursor_is_ours_or_refused(self, text: str) -> None:
        with pytest.raises(Problem, match=r"cursor\.unknown"):
            cursor_of(text)
