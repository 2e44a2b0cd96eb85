"""Webhooks on a real database, told to a real HTTP receiver."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from clocks import FakeClock
from hand_parts import NEW_SECRET, OTHER, OWN, SECRET, House, house, populated
from webhook_receiver import Receiver, always, answer, receiving

from gateway.documents.announcing import Happening
from gateway.handover import repository
from gateway.handover.model import DeliveryState
from gateway.handover.webhooks import endpoints
from gateway.handover.webhooks.model import EndpointState
from gateway.problems import Problem
from gateway.store import Store


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest_asyncio.fixture
async def gateway(store: Store, clock: FakeClock) -> AsyncIterator[House]:
    await populated(store, clock)
    made = house(store, clock)
    yield made
    await made.caller.close()


class TestTelling:
    async def test_a_call_is_signed_and_bears_the_entry_of_the_feed(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        came = await gateway.arrive()
        await gateway.run()
        (call,) = receiver.calls
        assert call.verified(SECRET)
        assert not call.verified(NEW_SECRET)
        assert call.headers["webhook-timestamp"] == str(int(gateway.clock().timestamp()))
        assert call.json["data"]["href"] == f"/v1/documents/{came.id}"
        assert b"nghi\xe1\xbb\x87m" not in call.body

    async def test_only_events_of_its_units_and_from_now_on_are_told(self, gateway: House, receiver: Receiver) -> None:
        await gateway.arrive()
        await gateway.endpoint(receiver.url)
        await gateway.arrive(OTHER)
        await gateway.happen(Happening.ALARM_DIRECTORY, unit_code=None)
        await gateway.run()
        assert receiver.kinds == ["alarm.directory_shrank"]

    async def test_the_events_of_a_document_are_told_in_order(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        documents = [await gateway.arrive() for _ in range(3)]
        for kind in (Happening.STATUS_REPORTED, Happening.STATUS_SENT, Happening.STATUS_LOST):
            for document in documents:
                await gateway.happen(kind, document.id)
        await gateway.run()
        for document in documents:
            told = [call.json["data"]["seq"] for call in receiver.calls if call.json["data"]["document"] == document.id]
            assert (len(told), told) == (4, sorted(told))

    async def test_a_failing_document_keeps_its_order_and_holds_up_no_other(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url)
        first, second = await gateway.arrive(), await gateway.arrive()
        await gateway.happen(Happening.STATUS_SENT, first.id)
        receiver.respond = lambda call: answer(500 if first.id.encode() in call.body else 200)
        await gateway.run()
        assert second.id in {call.json["data"]["document"] for call in receiver.calls}
        receiver.respond, receiver.calls = always(200), []
        await gateway.later(7)
        assert receiver.kinds == ["document.arrived", "status.sent"]

    async def test_calls_of_different_documents_are_made_side_by_side(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        for _ in range(4):
            await gateway.arrive()
        receiver.gate.clear()
        running = asyncio.create_task(gateway.run())
        async with asyncio.timeout(5):
            while receiver.now < 4:
                await asyncio.sleep(0.005)
        receiver.gate.set()
        await running
        assert receiver.most_at_once == 4

    async def test_a_retry_bears_the_same_id_and_a_new_time(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = always(503)
        await gateway.run()
        receiver.respond = always(204)
        await gateway.later(7)
        first, second = receiver.calls
        assert first.id == second.id
        assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]

    async def test_retry_after_is_heeded(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = always(503, Retry_After="600")
        await gateway.run()
        await gateway.later(500)
        assert len(receiver.calls) == 1
        await gateway.later(101)
        assert len(receiver.calls) == 2

    async def test_a_long_backlog_is_told_whole(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        for _ in range(60):
            await gateway.happen(Happening.ALARM_DIRECTORY)
        await gateway.run()
        assert [call.json["data"]["seq"] for call in receiver.calls] == sorted(
            event.seq for event in await gateway.events()
        )

    async def test_what_a_process_told_and_could_not_note_is_told_again_with_the_same_id(
        self, store: Store, clock: FakeClock, receiver: Receiver
    ) -> None:
        await populated(store, clock)

        def dies(point: str) -> None:
            if point == "webhook.called":
                raise asyncio.CancelledError

        dying, living = house(store, clock, passed=dies), house(store, clock)
        await dying.endpoint(receiver.url, hands_over=True)
        came = await dying.arrive()
        await dying.webhooks.look()
        await dying.worker.drain(rounds=50)
        before = await living.state_of(came)
        await living.later(61)
        arrived = [call.id for call in receiver.calls if call.kind == "document.arrived"]
        assert (len(arrived), len(set(arrived))) == (2, 1)
        assert (before, await living.state_of(came)) == ("claimed", "handed_over")
        for one in (dying, living):
            await one.caller.close()


class TestHandingOver:
    async def test_an_answer_2xx_hands_the_document_over_and_01_goes_out(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url, hands_over=True)
        came = await gateway.arrive()
        await gateway.run()
        assert await gateway.state_of(came) == "handed_over"
        assert await gateway.statuses_of(came) == ["01"]
        assert receiver.kinds == ["document.arrived", "document.handed_over", "status.reported"]

    async def test_an_endpoint_that_only_listens_hands_nothing_over(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        came = await gateway.arrive()
        await gateway.run()
        assert (await gateway.state_of(came), await gateway.statuses_of(came)) == ("waiting", [])

    async def test_what_fails_is_offered_by_the_inbox_and_then_no_more_by_the_webhook(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url, hands_over=True)
        came = await gateway.arrive()
        receiver.respond = always(500)
        await gateway.run()
        (claim,) = await gateway.inbox.claim({OWN}, limit=5)
        await gateway.inbox.confirm(claim.delivery.id, claim.delivery.lease or "", {OWN})
        receiver.respond, receiver.calls = always(200), []
        await gateway.later(7)
        assert "document.arrived" not in receiver.kinds
        assert await gateway.statuses_of(came) == ["01"]

    async def test_the_inbox_does_not_offer_what_a_webhook_is_being_told(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url, hands_over=True)
        await gateway.arrive()
        receiver.gate.clear()
        running = asyncio.create_task(gateway.run())
        async with asyncio.timeout(5):
            while not receiver.calls:
                await asyncio.sleep(0.005)
        meanwhile = await gateway.inbox.claim({OWN}, limit=5)
        receiver.gate.set()
        await running
        assert meanwhile == []

    async def test_what_the_inbox_gave_out_is_not_told_until_its_lease_is_over(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url, hands_over=True)
        came = await gateway.arrive()
        await gateway.inbox.claim({OWN}, limit=5)
        await gateway.run()
        assert receiver.calls == []
        await gateway.later(301)
        assert await gateway.state_of(came) == "handed_over"

    async def test_what_a_person_discarded_meanwhile_is_not_handed_over(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url, hands_over=True)
        async with gateway.store.begin() as tx:
            await endpoints.pause(tx, "qlvb", gateway.clock())
        came = await gateway.arrive()
        async with gateway.store.begin() as tx:
            delivery = await repository.delivery_of(tx, came.id)
            assert delivery is not None
            await repository.save_delivery(tx, replace(delivery, state=DeliveryState.DISCARDED))
            await endpoints.resume(tx, gateway.jobs, "qlvb", gateway.clock())
        await gateway.run()
        assert (receiver.calls, await gateway.statuses_of(came)) == ([], [])
        assert await gateway.state_of(came) == "discarded"

    async def test_two_endpoints_that_hand_over_do_so_once(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url, name="a", hands_over=True)
        await gateway.endpoint(receiver.url, name="b", hands_over=True)
        came = await gateway.arrive()
        await gateway.run()
        await gateway.later(60)
        assert receiver.kinds.count("document.arrived") == 1
        assert await gateway.statuses_of(came) == ["01"]


class TestTrouble:
    async def test_410_pauses_at_once_with_an_alarm(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = always(410)
        await gateway.run()
        await gateway.later(3600)
        assert len(receiver.calls) == 1
        standing = await gateway.standing()
        assert (standing.state, standing.paused_reason) == (EndpointState.PAUSED, "gone")
        assert [event.data["reason"] for event in await gateway.events() if event.kind == "alarm.webhook_paused"] == [
            "gone"
        ]

    async def test_an_endpoint_that_fails_is_not_hammered(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        receiver.respond = always(500)
        for _ in range(40):
            await gateway.arrive()
        await gateway.run()
        first = len(receiver.calls)
        for _ in range(30):
            await gateway.later(10)
        assert first <= 16  # what was under way when the fifth failed
        assert len(receiver.calls) - first <= 4

    async def test_after_an_outage_everything_is_told(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        receiver.respond = always(500)
        documents = {(await gateway.arrive()).id for _ in range(30)}
        await gateway.run()
        receiver.respond, receiver.calls = always(200), []
        for _ in range(10):
            await gateway.later(61)
        assert {call.json["data"]["document"] for call in receiver.calls} == documents
        assert (await gateway.standing()).failures == 0

    async def test_one_that_fails_for_days_is_paused_with_an_alarm_and_loses_nothing(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url)
        receiver.respond = always(500)
        documents = {(await gateway.arrive()).id for _ in range(8)}
        await gateway.run()
        for _ in range(75):
            await gateway.later(3600)
        assert (await gateway.standing()).paused_reason == "failing"
        receiver.respond, receiver.calls = always(200), []
        await gateway.later(3600)
        assert receiver.calls == []
        async with gateway.store.begin() as tx:
            await endpoints.resume(tx, gateway.jobs, "qlvb", gateway.clock())
        await gateway.run()
        assert documents <= {call.json["data"]["document"] for call in receiver.calls}
        assert "alarm.webhook_paused" in receiver.kinds

    async def test_a_document_that_is_always_refused_is_given_up_and_resumed_by_a_person(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url)
        bad = await gateway.arrive()
        receiver.respond = lambda call: answer(400 if call.json["data"]["document"] == bad.id else 200)
        await gateway.run()
        for _ in range(4):
            await gateway.arrive()
            await gateway.later(400)
        assert "alarm.webhook_call_given_up" in receiver.kinds
        async with gateway.store.begin() as tx:
            ((_, backlog),) = await endpoints.every(tx)
            await endpoints.resume(tx, gateway.jobs, "qlvb", gateway.clock())
        receiver.respond, receiver.calls = always(200), []
        await gateway.run()
        assert (backlog.failed, receiver.kinds) == (1, ["document.arrived"])

    async def test_no_redirect_is_followed(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = always(302, Location=receiver.url + "/other")
        await gateway.run()
        assert [call.target for call in receiver.calls] == ["/hook"]
        assert (await gateway.standing()).last_error == "http_302"

    async def test_a_receiver_that_hangs_is_left_in_time(
        self, store: Store, clock: FakeClock, receiver: Receiver
    ) -> None:
        await populated(store, clock)
        gateway = house(store, clock, seconds=0.2)
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = lambda _: None
        async with asyncio.timeout(5):
            await gateway.run()
        assert (await gateway.standing()).last_error == "timeout"
        await gateway.caller.close()

    async def test_an_endless_answer_counts_by_its_status_and_is_cut(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = lambda _: answer(200, b"x" * 5_000_000)
        async with asyncio.timeout(5):
            await gateway.run()
        await gateway.later(3600)
        assert len(receiver.calls) == 1

    async def test_nobody_at_the_address_is_a_failure_like_others(self, gateway: House) -> None:
        await gateway.endpoint("http://127.0.0.1:1/hook")
        await gateway.arrive()
        await gateway.run()
        assert (await gateway.standing()).last_error == "connect"


class TestOperating:
    async def test_while_rotating_both_secrets_sign(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        async with gateway.store.begin() as tx:
            await endpoints.rotate(tx, "qlvb", "env:NEW", gateway.clock())
        await gateway.arrive()
        await gateway.run()
        async with gateway.store.begin() as tx:
            await endpoints.finish_rotation(tx, "qlvb", gateway.clock())
        await gateway.arrive()
        await gateway.run()
        signed = [(call.verified(SECRET), call.verified(NEW_SECRET)) for call in receiver.calls]
        assert signed == [(True, True), (False, True)]

    async def test_while_paused_nothing_is_called_and_then_all_is_told(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url)
        async with gateway.store.begin() as tx:
            await endpoints.pause(tx, "qlvb", gateway.clock())
        await gateway.arrive()
        await gateway.later(7200)
        assert receiver.calls == []
        async with gateway.store.begin() as tx:
            await endpoints.resume(tx, gateway.jobs, "qlvb", gateway.clock())
        await gateway.run()
        assert receiver.kinds == ["document.arrived"]

    async def test_a_replay_tells_again_with_the_same_ids_and_hands_nothing_over_twice(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url, hands_over=True)
        await gateway.arrive()
        await gateway.run()
        gateway.clock.advance(100)
        since = gateway.clock()
        came = await gateway.arrive()
        await gateway.run()
        before = [call.id for call in receiver.calls if call.json["data"]["document"] == came.id]
        receiver.calls = []
        async with gateway.store.begin() as tx:
            await endpoints.replay(tx, gateway.jobs, "qlvb", since=since)
        await gateway.run()
        assert [call.id for call in receiver.calls] == before
        assert await gateway.statuses_of(came) == ["01"]

    async def test_a_replay_leaves_out_nothing_that_was_still_to_be_told(
        self, gateway: House, receiver: Receiver
    ) -> None:
        await gateway.endpoint(receiver.url)
        came = await gateway.arrive()
        await gateway.run()
        receiver.respond = always(500)
        await gateway.happen(Happening.STATUS_SENT, came.id)
        await gateway.run()
        async with gateway.store.begin() as tx:
            await endpoints.replay(tx, gateway.jobs, "qlvb", after=0)
        receiver.respond, receiver.calls = always(200), []
        await gateway.later(61)
        assert receiver.kinds == ["document.arrived", "status.sent"]

    async def test_a_removed_endpoint_is_called_no_more(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        await gateway.arrive()
        receiver.respond = always(500)
        await gateway.run()
        async with gateway.store.begin() as tx:
            await endpoints.remove(tx, "qlvb")
        await gateway.later(100_000)
        assert len(receiver.calls) == 1
        async with gateway.store.read() as tx:
            assert await gateway.jobs.counts(tx) == []  # all are done

    async def test_a_test_call_speaks_of_nothing_and_changes_nothing(self, gateway: House, receiver: Receiver) -> None:
        endpoint = await gateway.endpoint(receiver.url)
        called = await gateway.caller.test(endpoint)
        (call,) = receiver.calls
        assert (called.failure, called.http_status, call.kind) == (None, 200, "webhook.test")
        assert call.verified(SECRET)
        assert await gateway.standing() == endpoint

    async def test_a_name_is_given_once(self, gateway: House, receiver: Receiver) -> None:
        await gateway.endpoint(receiver.url)
        with pytest.raises(Problem, match=r"webhook\.exists"):
            await gateway.endpoint(receiver.url)


async def test_the_watch_sees_what_another_node_committed(store: Store, clock: FakeClock, receiver: Receiver) -> None:
    await populated(store, clock)
    here, there = house(store, clock), house(store, clock)
    await here.endpoint(receiver.url)
    await here.run()
    stop = asyncio.Event()
    watching, working = asyncio.create_task(here.webhooks.watch()), asyncio.create_task(here.worker.run(stop))
    await there.arrive()
    async with asyncio.timeout(10):
        while not receiver.calls:
            await asyncio.sleep(0.01)
    stop.set()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await working
    await here.caller.close()
