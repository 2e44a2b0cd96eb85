"""/v1/webhooks: what a document system sees and may do of the webhooks that speak of its units."""

import httpx2
from api_parts import OTHER, OWN, Api

from gateway.handover.webhooks import endpoints
from gateway.handover.webhooks.model import NewEndpoint
from gateway.jobs import Jobs

pytest_plugins = ["api_fixtures"]


async def add(api: Api, name: str, *codes: str) -> None:
    new = NewEndpoint(name=name, url=f"https://{name}/", secret_source="env:A", units=frozenset(codes))
    async with api.store.begin() as tx:
        await endpoints.add(tx, Jobs(api.clock), new, frozenset({name}), api.clock())


class TestWebhooks:
    async def test_those_of_the_key_s_units_are_listed_without_places_of_secrets(
        self, api: Api, http: httpx2.AsyncClient
    ) -> None:
        await add(api, "a.example", OWN)
        await add(api, "b.example", OTHER)
        await add(api, "c.example", OWN, OTHER)
        answer = await http.get("/v1/webhooks")
        (one,) = answer.json()["items"]
        assert (one["name"], one["state"], one["waiting"]) == ("a.example", "active", 0)
        assert "env:A" not in answer.text

    async def test_a_test_call_tells_what_came_of_it(self, api: Api, http: httpx2.AsyncClient) -> None:
        await add(api, "a.example", OWN)
        found = (await http.post("/v1/webhooks/a.example/test")).json()
        assert (found["ok"], found["failure"]) == (False, "host_not_allowed")

    async def test_a_replay_sets_back_the_place_from_which_is_told(self, api: Api, http: httpx2.AsyncClient) -> None:
        await add(api, "a.example", OWN)
        answer = await http.post("/v1/webhooks/a.example/replay", json={"from": "2026-11-22T00:00:00+07:00"})
        assert (answer.status_code, answer.json()["told_to"]) == (202, 0)

    async def test_a_replay_needs_one_place(self, api: Api, http: httpx2.AsyncClient) -> None:
        await add(api, "a.example", OWN)
        answer = await http.post("/v1/webhooks/a.example/replay", json={})
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook.replay_place")

    async def test_another_unit_s_is_not_there(self, api: Api, http: httpx2.AsyncClient) -> None:
        await add(api, "b.example", OTHER)
        tested = await http.post("/v1/webhooks/b.example/test")
        replayed = await http.post("/v1/webhooks/b.example/replay", json={"after": 0})
        assert [one.json()["code"] for one in (tested, replayed)] == ["webhook.unknown"] * 2
