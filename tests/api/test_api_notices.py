"""The inbox carries statuses, what became of documents, and alarms, as it carries documents."""

import httpx2
import pytest
from api_parts import OTHER, OWN, Api
from arrivals import arrive

from gateway.documents.announcing import Announcement, Happening

pytest_plugins = ["api_fixtures"]


async def happen(api: Api, kind: Happening, unit_code: str | None = OWN, document: str | None = None) -> None:
    async with api.store.begin() as tx:
        said = Announcement(kind=kind, at=api.clock(), unit_code=unit_code, document=document, data={"code": "03"})
        await api.feed.announce(tx, said)


async def claimed(http: httpx2.AsyncClient, **said: object) -> list[dict[str, object]]:
    answer = await http.post("/v1/inbox:claim", json=said)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["items"]
    return found


async def test_documents_statuses_and_alarms_are_claimed_and_confirmed_alike(
    api: Api, http: httpx2.AsyncClient
) -> None:
    came = await arrive(api, OWN)
    await happen(api, Happening.STATUS_RECEIVED, document=came.id)
    await happen(api, Happening.ALARM_CONNECTION, unit_code=None)
    items = await claimed(http)
    for one in items:
        done = await http.post(f"/v1/inbox/{one['id']}/confirm", json={"lease": one["lease"]})
        assert done.status_code == 200
    api.clock.advance(1000)
    assert [one["kind"] for one in items] == ["document.arrived", "status.received", "alarm.connection_stopped"]
    assert await claimed(http) == []


async def test_a_notice_bears_its_document_and_the_entry_of_the_feed(api: Api, http: httpx2.AsyncClient) -> None:
    came = await arrive(api, OWN)
    await happen(api, Happening.STATUS_RECEIVED, document=came.id)
    (one,) = await claimed(http, kinds=["status"])
    (entry,) = [it for it in (await http.get("/v1/events")).json()["items"] if it["kind"] == "status.received"]
    assert (one["seq"], one["data"], one["at"]) == (entry["seq"], entry["data"], entry["at"])
    assert isinstance(one["document"], dict)
    assert one["document"]["id"] == came.id


async def test_what_is_not_confirmed_in_time_is_offered_again(api: Api, http: httpx2.AsyncClient) -> None:
    await happen(api, Happening.STATUS_RECEIVED)
    (first,) = await claimed(http)
    meanwhile = await claimed(http)
    api.clock.advance(301)
    (again,) = await claimed(http)
    late = await http.post(f"/v1/inbox/{first['id']}/confirm", json={"lease": first["lease"]})
    assert (meanwhile, again["id"], late.status_code) == ([], first["id"], 409)


async def test_confirming_twice_is_the_same(api: Api, http: httpx2.AsyncClient) -> None:
    await happen(api, Happening.STATUS_RECEIVED)
    (one,) = await claimed(http)
    answers = [await http.post(f"/v1/inbox/{one['id']}/confirm", json={"lease": one["lease"]}) for _ in range(2)]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "confirmed")] * 2


async def test_a_rejected_notice_comes_back_and_is_set_apart_in_the_end(api: Api, http: httpx2.AsyncClient) -> None:
    await happen(api, Happening.ALARM_DIRECTORY)
    states = []
    for _ in range(5):
        (one,) = await claimed(http)
        said = {"lease": one["lease"], "reason": "Hệ thống bảo trì"}
        states.append((await http.post(f"/v1/inbox/{one['id']}/reject", json=said)).json()["state"])
        api.clock.advance(10_000)
    assert states == ["waiting"] * 4 + ["set_apart"]
    assert await claimed(http) == []


async def test_only_the_kinds_that_are_asked_for_come_and_the_others_wait(api: Api, http: httpx2.AsyncClient) -> None:
    await happen(api, Happening.STATUS_RECEIVED)
    await happen(api, Happening.SENT)
    first = await claimed(http, kinds=["sending"])
    second = await claimed(http, kinds=["status", "alarm"])
    assert [one["kind"] for one in [*first, *second]] == ["document.sent", "status.received"]


async def test_echoes_of_what_the_document_system_did_itself_do_not_come(api: Api, http: httpx2.AsyncClient) -> None:
    for kind in (Happening.ACCEPTED, Happening.CANCELLED, Happening.HANDED_OVER, Happening.STATUS_REPORTED):
        await happen(api, kind)
    assert await claimed(http) == []


async def test_every_client_of_a_unit_has_its_own_and_nobody_another_unit_s(api: Api, http: httpx2.AsyncClient) -> None:
    await happen(api, Happening.STATUS_RECEIVED, unit_code=OTHER)
    await happen(api, Happening.ALARM_DIRECTORY, unit_code=None)
    async with api.client(api.other_key) as other:
        theirs = await claimed(other)
        ours = await claimed(http)
        stolen = await other.post(f"/v1/inbox/{ours[0]['id']}/confirm", json={"lease": ours[0]["lease"]})
    assert [one["kind"] for one in theirs] == ["status.received", "alarm.directory_shrank"]
    assert [one["kind"] for one in ours] == ["alarm.directory_shrank"]
    assert (stolen.status_code, stolen.json()["code"]) == (404, "delivery.unknown")


async def test_many_documents_do_not_hold_up_statuses(api: Api, http: httpx2.AsyncClient) -> None:
    for number in range(6):
        await arrive(api, OWN, number=str(number))
    await happen(api, Happening.STATUS_RECEIVED)
    assert "status.received" in [one["kind"] for one in await claimed(http, limit=4)]


async def test_a_long_backlog_is_claimed_whole_once_and_in_order(api: Api, http: httpx2.AsyncClient) -> None:
    for _ in range(25):
        await happen(api, Happening.STATUS_RECEIVED)
        await happen(api, Happening.STATUS_SENT)
    seqs = []
    while items := await claimed(http, limit=10):
        seqs += [one["seq"] for one in items]
    assert seqs == list(range(1, 51, 2))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kinds", [[], ["everything"], "status"])
async def test_unknown_kinds_are_refused(api: Api, http: httpx2.AsyncClient, kinds: object) -> None:
    assert api is not None
    answer = await http.post("/v1/inbox:claim", json={"kinds": kinds})
    assert answer.status_code == 422
