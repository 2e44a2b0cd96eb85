"""Inbox, statuses, events and agencies over HTTP, on a real database."""

import asyncio

import httpx2
import pytest
from api_bodies import BOUNDARY, document, upload
from api_parts import OTHER, OWN, Api
from arrivals import arrive

pytest_plugins = ["api_fixtures"]

MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class TestInbox:
    async def test_a_claimed_document_is_confirmed_and_01_goes_out(self, api: Api, http: httpx2.AsyncClient) -> None:
        came = await arrive(api, OWN)
        (claim,) = (await http.post("/v1/inbox:claim", json={"limit": 5})).json()["items"]
        done = await http.post(f"/v1/inbox/{claim['id']}/confirm", json={"lease": claim["lease"]})
        shown = (await http.get(claim["document"]["href"])).json()
        assert (claim["document"]["id"], done.json()["state"]) == (came.id, "handed_over")
        assert [(one["step"], one["name_vi"]) for one in shown["timeline"] if one["code"]] == [("status.out", "Đã đến")]

    async def test_the_most_urgent_comes_first(self, api: Api, http: httpx2.AsyncClient) -> None:
        await arrive(api, OWN, number="1")
        await arrive(api, OWN, number="2", priority=3)
        claims = (await http.post("/v1/inbox:claim", json={"limit": 1})).json()["items"]
        assert [claim["document"]["code_number"] for claim in claims] == ["2"]

    async def test_what_is_claimed_is_not_claimed_again(self, api: Api, http: httpx2.AsyncClient) -> None:
        await arrive(api, OWN)
        assert len((await http.post("/v1/inbox:claim", json={})).json()["items"]) == 1
        assert (await http.post("/v1/inbox:claim", json={})).json()["items"] == []

    async def test_another_unit_sees_and_confirms_nothing(self, api: Api, http: httpx2.AsyncClient) -> None:
        await arrive(api, OWN)
        async with api.client(api.other_key) as other:
            assert (await other.post("/v1/inbox:claim", json={})).json()["items"] == []
            (claim,) = (await http.post("/v1/inbox:claim", json={})).json()["items"]
            answer = await other.post(f"/v1/inbox/{claim['id']}/confirm", json={"lease": claim["lease"]})
            wanted = await other.post("/v1/inbox:claim", json={"unit": OWN})
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery.unknown")
        assert (wanted.status_code, wanted.json()["code"]) == (404, "unit.not_yours")

    async def test_a_wrong_lease_is_a_conflict(self, api: Api, http: httpx2.AsyncClient) -> None:
        await arrive(api, OWN)
        (claim,) = (await http.post("/v1/inbox:claim", json={"unit": OWN})).json()["items"]
        answer = await http.post(f"/v1/inbox/{claim['id']}/confirm", json={"lease": "x"})
        assert (answer.status_code, answer.json()["pointer"]) == (409, "/lease")

    async def test_a_rejected_document_comes_back_later(self, api: Api, http: httpx2.AsyncClient) -> None:
        await arrive(api, OWN)
        (claim,) = (await http.post("/v1/inbox:claim", json={})).json()["items"]
        said = {"lease": claim["lease"], "reason": "Hệ thống bảo trì"}
        answer = (await http.post(f"/v1/inbox/{claim['id']}/reject", json=said)).json()
        now = (await http.post("/v1/inbox:claim", json={})).json()["items"]
        api.clock.advance(61)
        later = (await http.post("/v1/inbox:claim", json={})).json()["items"]
        assert (answer["state"], len(now), len(later)) == ("waiting", 0, 1)

    async def test_a_long_poll_ends_when_something_comes(self, api: Api, http: httpx2.AsyncClient) -> None:
        polling = asyncio.ensure_future(http.post("/v1/inbox:claim", json={"wait": 30}))
        await arrive(api, OWN)
        assert len((await asyncio.wait_for(polling, 5)).json()["items"]) == 1


class TestStatuses:
    async def test_a_step_is_recorded_once_and_shown(self, api: Api, http: httpx2.AsyncClient) -> None:
        came = await arrive(api, OWN)
        said = {"code": "03", "staff": {"staff": "Trần B"}, "source_time": "2026-11-22T08:00:00+07:00"}
        first = await http.post(f"/v1/documents/{came.id}/statuses", json=said)
        again = await http.post(f"/v1/documents/{came.id}/statuses", json=said)
        assert first.status_code == 202
        assert first.json() == again.json()
        assert first.json()["items"][0]["source_time"] == "2026-11-22T08:00:00+07:00"

    @pytest.mark.parametrize(
        ("said", "code", "pointer"),
        [
            ({"code": "99"}, "status.unknown_code", "/code"),
            ({"code": "13"}, "status.not_yours", "/code"),
            ({"code": "02"}, "status.reason_missing", "/description"),
            ({"code": "abc"}, "field.too_long", "/code"),
            ({"code": "03", "source_time": "2026-11-22T08:00:00"}, "field.wrong_type", "/source_time"),
            ({"code": "03", "description": "a\u0001"}, "field.not_allowed", "/description"),
        ],
    )
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    async def test_a_wrong_report_is_refused(
        self, api: Api, http: httpx2.AsyncClient, said: dict[str, str], code: str, pointer: str
    ) -> None:
        came = await arrive(api, OWN)
        answer = await http.post(f"/v1/documents/{came.id}/statuses", json=said)
        assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, code, pointer)


class TestEvents:
    async def test_the_feed_is_read_on_from_where_it_was_left(self, api: Api, http: httpx2.AsyncClient) -> None:
        await http.post("/v1/documents", content=upload(document(), []), headers=MULTIPART)
        first = (await http.get("/v1/events")).json()
        await arrive(api, OWN)
        second = (await http.get("/v1/events", params={"after": first["next"]})).json()
        third = (await http.get("/v1/events", params={"after": second["next"]})).json()
        kinds = [[one["kind"] for one in page["items"]] for page in (first, second, third)]
        assert kinds == [["document.accepted"], ["document.arrived"], []]
        assert third["next"] == second["next"]

    async def test_another_unit_s_events_are_not_told(self, api: Api) -> None:
        await arrive(api, OTHER)
        async with api.client() as http:
            page = (await http.get("/v1/events")).json()
            assert page["items"] == []
            assert page["next"] > 0  # beyond what is not its own: not gone through again
            await arrive(api, OWN)
            after = (await http.get("/v1/events", params={"after": page["next"]})).json()
        assert [one["unit_code"] for one in after["items"]] == [OWN]

    async def test_a_long_poll_ends_with_the_first_event(self, api: Api, http: httpx2.AsyncClient) -> None:
        polling = asyncio.ensure_future(http.get("/v1/events", params={"wait": 30}))
        await arrive(api, OWN)
        assert len((await asyncio.wait_for(polling, 5)).json()["items"]) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestAgencies:
    async def test_a_known_code_is_told(self, api: Api, http: httpx2.AsyncClient) -> None:
        found = (await http.get("/v1/agencies/G22")).json()
        assert (found["known_by"], found["open"]) == ("level1", "open")

    async def test_an_unknown_code_is_404_with_what_to_do(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.get("/v1/agencies/Z99.01")
        assert (answer.status_code, answer.json()["code"]) == (404, "agency.unknown")

    async def test_a_code_in_the_other_form_is_proposed(self, api: Api, http: httpx2.AsyncClient) -> None:
        answer = await http.get("/v1/agencies/000.00.04.H35")
        assert OWN in answer.json()["action"]
