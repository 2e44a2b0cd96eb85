"""Our own client under each reading of what is not known of an axis."""

import asyncio
import os
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from axis_requests import EDOC, NOW
from clocks import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from simulated import SYSTEMS, PacketBytes, Running, client, document, file, running, status

from gateway.axis.port import (
    Accepted,
    AxisRefused,
    AxisUnavailable,
    Item,
    MessageType,
    Registration,
    Rejected,
    SendResult,
    Transport,
)
from gateway.axis.settings import HashFileForm
from gateway.axis.vxp.client import VxpClient
from gateway.axis.vxp.wire import Operation, hash_file_as_sdk
from gateway.problems import Problem
from gateway.simulator.fault_list import FAULTS
from gateway.simulator.readings import KINDER, NAMES, Readings, readings_of

DOCS = Path(__file__).parent.parent.parent / "docs" / "simulator.md"
TWO_UNITS, TWO_CODES, ONE_UNIT = SYSTEMS
SCHEMA: dict[str, dict[str, Any]] = Readings.model_json_schema()["properties"]
NUMBERS = {
    "timestamp-window": ["1min", "none"],
    "header-limit": ["8k", "64k"],
    "list-cap": ["1", "none"],
    "packet-limit": ["1m", "none"],
    "rate-limit": ["100", "none"],
    "retention": ["1d", "none"],
}
VALUES = {name: NUMBERS.get(name) or SCHEMA[name]["enum"] for name in NAMES} | {"directory": ["own"]}
ROUNDS = [
    [f"{name}={values[at % len(values)]}" for name, values in VALUES.items()]
    for at in range(max(len(values) for values in VALUES.values()))
]
"""Every value of every reading stands in one of them; 100 000 units have their own test."""


class Ticking(FakeClock):
    """Goes on by a millisecond each time somebody looks, so that no two requests are signed alike."""

    def __call__(self) -> datetime:
        return self.advance(0.001)


@pytest.fixture
def clock() -> Ticking:
    return Ticking(NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "axis"


def under(folder: Path, clock: Ticking, *readings: str) -> AbstractContextManager[Running]:
    """An axis that reads the rest the harsher way."""
    return running(folder, clock, readings=readings)


async def send(
    sender: VxpClient, packet: bytes, from_code: str = "H97", to: tuple[str, ...] | None = None
) -> SendResult:
    return await sender.send(MessageType.EDOC, from_code, PacketBytes(packet), to)


async def listed(receiver: VxpClient, kind: MessageType = MessageType.EDOC) -> list[Item]:
    return await receiver.received(kind)


async def drained(receiver: VxpClient, kind: MessageType = MessageType.EDOC) -> list[Item]:
    """What a poller does: ask, fetch, acknowledge, until nothing new comes."""
    seen: dict[str, Item] = {}
    while new := [item for item in await listed(receiver, kind) if item.doc_id not in seen]:
        for item in new:
            pieces: list[bytes] = []
            await receiver.fetch(item.doc_id, pieces.append)
            assert b"".join(pieces).rstrip().endswith(b"</edXML>")
            await receiver.acknowledge(item.doc_id, Transport.DONE)
            seen[item.doc_id] = item
    return list(seen.values())


@pytest.mark.parametrize("readings", ROUNDS, ids=range(len(ROUNDS)))
async def test_a_round_succeeds_under_every_reading(folder: Path, clock: Ticking, readings: list[str]) -> None:
    form = HashFileForm.PADDED if "hash-file=padded" in readings else HashFileForm.SDK
    with under(folder, clock, *readings) as axis:
        async with (
            client(axis, ONE_UNIT, clock, hash_file_form=form) as sender,
            client(axis, TWO_UNITS, clock, hash_file_form=form, use_download=True) as receiver,
        ):
            sent = await send(sender, document("H99", "H99.07", from_code="H97"))
            assert isinstance(sent, Accepted)
            came = await drained(receiver)
            assert {item.to_code for item in came} <= {"H99", "H99.07"}
            rows = await sender.sent(MessageType.EDOC, sent.doc_id)
            assert {row.receiver_doc_id for row in rows} == {item.doc_id for item in came} != set()
            packet = PacketBytes(status("01", to="H97", from_code="H99"))
            assert isinstance(await receiver.send(MessageType.STATUS, "H99", packet), Accepted)
            assert [item.from_code for item in await drained(sender, MessageType.STATUS)] == ["H99"]
            assert [await sender.count(kind) for kind in MessageType] == [0, 0]
            assert {"H99", "H97"} <= {agency.code async for agency in sender.agencies()}


class TestRequests:
    @pytest.mark.parametrize(("reading", "refused"), [("5min", True), ("10min", False), ("none", False)])
    async def test_a_signed_time_may_be_off_by_the_window(
        self, folder: Path, clock: Ticking, reading: str, refused: bool
    ) -> None:
        slow = Ticking(NOW)
        slow.advance(-6 * 60)
        with under(folder, clock, f"timestamp-window={reading}") as axis:
            async with client(axis, ONE_UNIT, slow) as receiver:
                assert await is_refused(receiver, "15") is refused

    @pytest.mark.parametrize(("reading", "codes"), [("refused", ["0", "15"]), ("taken", ["0", "0"])])
    def test_the_same_signed_request_again(self, folder: Path, clock: Ticking, reading: str, codes: list[str]) -> None:
        with under(folder, clock, f"replay={reading}") as axis:
            headers = axis.other.headers(Operation.RECEIVED, EDOC)
            answers = [axis.other.call(Operation.RECEIVED, headers=headers).json() for _ in range(2)]
        assert [answer["ErrorCode"] for answer in answers] == codes

    async def test_a_client_that_signs_anew_is_never_taken_for_a_replay(self, folder: Path, clock: Ticking) -> None:
        with under(folder, clock) as axis:
            async with client(axis, ONE_UNIT, clock) as receiver:
                assert [await listed(receiver) for _ in range(3)] == [[], [], []]

    @pytest.mark.parametrize(("reading", "code"), [("checked", "15"), ("ignored", "0")])
    @pytest.mark.parametrize("header", ["User-Agent", "XroadVnpt-version"])
    def test_a_client_that_is_not_the_sdk(
        self, folder: Path, clock: Ticking, reading: str, code: str, header: str
    ) -> None:
        with under(folder, clock, f"client-name={reading}") as axis:
            headers = axis.other.headers(Operation.RECEIVED, EDOC) | {header: "curl/8"}
            assert axis.other.call(Operation.RECEIVED, headers=headers).json()["ErrorCode"] == code

    @pytest.mark.parametrize(("reading", "stored"), [("1m", 0), ("2m", 1), ("none", 1)])
    async def test_a_packet_may_be_too_large_for_a_proxy(
        self, folder: Path, clock: Ticking, reading: str, stored: int
    ) -> None:
        packet = document("H97", from_code="H99", files=[file("a.bin", os.urandom(900_000))])
        with under(folder, clock, f"packet-limit={reading}") as axis:
            async with client(axis, TWO_UNITS, clock) as sender:
                outcome = await send(sender, packet, "H99")
            assert isinstance(outcome, Accepted) == bool(stored)
            assert len(axis.ledger()["packets"]) == stored

    @pytest.mark.parametrize(("reading", "answered"), [("2", 2), ("9", 5), ("none", 5)])
    async def test_a_system_may_ask_too_often(self, folder: Path, clock: Ticking, reading: str, answered: int) -> None:
        with under(folder, clock, f"rate-limit={reading}") as axis:
            async with client(axis, ONE_UNIT, clock) as receiver, client(axis, TWO_UNITS, clock) as other:
                asked = await asyncio.gather(*(listed(receiver) for _ in range(5)), return_exceptions=True)
                assert await listed(other) == []
        assert sum(found == [] for found in asked) == answered
        assert all(found == [] or isinstance(found, AxisUnavailable) for found in asked)

    @pytest.mark.parametrize(("reading", "statuses"), [("4xx", [401, 404]), ("200", [200, 200])])
    async def test_a_refusal_is_the_same_to_us_with_any_http_status(
        self, folder: Path, clock: Ticking, reading: str, statuses: list[int]
    ) -> None:
        with under(folder, clock, f"refusal-status={reading}") as axis:
            async with client(axis, "00.97.H97:wrong:H97", clock) as stranger:
                assert await is_refused(stranger, "15")
                found = [stranger.last_exchange and stranger.last_exchange.http_status]
            async with client(axis, ONE_UNIT, clock) as sender:
                result = await send(sender, document("H11", from_code="H97"))
                assert isinstance(result, Rejected)
                assert result.code == "18"
                found.append(sender.last_exchange and sender.last_exchange.http_status)
        assert found == statuses

    @pytest.mark.parametrize(("reading", "stored"), [("8k", 0), ("64k", 1)])
    async def test_a_long_to_header_is_too_large_for_some(
        self, folder: Path, clock: Ticking, reading: str, stored: int
    ) -> None:
        with under(folder, clock, f"header-limit={reading}") as axis:
            async with client(axis, ONE_UNIT, clock, send_to_header=True) as sender:
                result = await send(sender, document("H99", from_code="H97"), to=("H99",) * 800)
                assert isinstance(result, Accepted) is bool(stored)
            assert axis.ledger()["counts"]["packets"] == stored

    @pytest.mark.parametrize(("reading", "form", "taken"), [
        ("unpadded", HashFileForm.SDK, True),
        ("unpadded", HashFileForm.PADDED, False),
        ("padded", HashFileForm.SDK, False),
        ("padded", HashFileForm.PADDED, True),
        ("either", HashFileForm.SDK, True),
        ("either", HashFileForm.PADDED, True),
    ])  # fmt: skip
    async def test_the_form_of_hash_file(
        self, folder: Path, clock: Ticking, reading: str, form: HashFileForm, taken: bool
    ) -> None:
        packet = document("H99", from_code="H97")
        while len(hash_file_as_sdk(PacketBytes(packet).sha256)) == 64:
            packet += b" "
        with under(folder, clock, f"hash-file={reading}") as axis:
            async with client(axis, ONE_UNIT, clock, hash_file_form=form) as sender:
                result = await send(sender, packet)
        assert taken is isinstance(result, Accepted)
        assert taken or (isinstance(result, Rejected) and result.code == "10")

    @pytest.mark.parametrize(("reading", "crlf", "taken"), [
        ("cut", True, True),
        ("cut", False, False),
        ("optional", True, True),
        ("optional", False, True),
    ])  # fmt: skip
    async def test_the_last_crlf(self, folder: Path, clock: Ticking, reading: str, crlf: bool, taken: bool) -> None:
        with under(folder, clock, f"trailing-crlf={reading}") as axis:
            async with client(axis, ONE_UNIT, clock, trailing_crlf=crlf) as sender:
                result = await send(sender, document("H99", from_code="H97"))
        assert taken is isinstance(result, Accepted)


async def is_refused(receiver: VxpClient, code: str) -> bool:
    try:
        await listed(receiver)
    except AxisRefused as refused:
        return refused.code == code
    return False


class TestLists:
    async def filled(self, axis: Running, clock: Ticking, count: int) -> list[str]:
        """So many documents before H97; their ids, oldest first."""
        axis.fault(f"duplicate-delivery={count - 1}copies,once")
        async with client(axis, TWO_UNITS, clock) as sender:
            assert isinstance(await send(sender, document("H97"), "H99"), Accepted)
        return [item["doc_id"] for item in axis.ledger()["items"]]

    async def test_the_order(self, folder: Path, clock: Ticking) -> None:
        orders = {}
        for reading in ("oldest", "newest", "random"):
            with under(folder / reading, clock, f"list-order={reading}") as axis:
                ids = await self.filled(axis, clock, 30)
                async with client(axis, ONE_UNIT, clock) as receiver:
                    orders[reading] = [ids.index(item.doc_id) for item in await listed(receiver)]
        assert (orders["oldest"], orders["newest"]) == ([*range(30)], [*range(30)][::-1])
        assert orders["random"] not in (orders["oldest"], orders["newest"])
        assert sorted(orders["random"]) == orders["oldest"]

    @pytest.mark.parametrize(("cap", "first"), [("7", 7), ("none", 30)])
    async def test_a_capped_list_is_drained_by_acknowledging(
        self, folder: Path, clock: Ticking, cap: str, first: int
    ) -> None:
        with under(folder, clock, f"list-cap={cap}") as axis:
            ids = await self.filled(axis, clock, 30)
            async with client(axis, ONE_UNIT, clock) as receiver:
                assert len(await listed(receiver)) == first
                assert {item.doc_id for item in await drained(receiver)} == set(ids)
                assert await listed(receiver) == []

    @pytest.mark.parametrize(("reading", "count"), [("30d", 0), ("31d", 1), ("none", 1)])
    async def test_what_nobody_fetched_is_gone_after_a_time(
        self, folder: Path, clock: Ticking, reading: str, count: int
    ) -> None:
        with under(folder, clock, f"retention={reading}", "timestamp-window=none") as axis:
            (doc_id,) = await self.filled(axis, clock, 1)
            clock.advance(30 * 86_400)
            async with client(axis, ONE_UNIT, clock) as receiver:
                assert [item.doc_id for item in await listed(receiver)] == [doc_id] * count
                assert await receiver.count(MessageType.EDOC) == count
                if not count:
                    with pytest.raises(AxisRefused):
                        await receiver.fetch(doc_id, lambda _: None)

    @pytest.mark.parametrize("state", [Transport.PROCESSING, Transport.FAIL])
    @pytest.mark.parametrize(("reading", "count"), [("again", 1), ("gone", 0)])
    async def test_what_comes_again(
        self, folder: Path, clock: Ticking, state: Transport, reading: str, count: int
    ) -> None:
        with under(folder, clock, f"after-{state.value}={reading}") as axis:
            (doc_id,) = await self.filled(axis, clock, 1)
            async with client(axis, ONE_UNIT, clock) as receiver:
                await receiver.acknowledge(doc_id, state)
                assert [item.status for item in await listed(receiver)] == [state] * count

    async def test_a_failed_item_that_comes_again_leaves_the_list_once_it_is_done(
        self, folder: Path, clock: Ticking
    ) -> None:
        with under(folder, clock, "after-fail=again", "second-ack=fail") as axis:
            (doc_id,) = await self.filled(axis, clock, 1)
            async with client(axis, ONE_UNIT, clock) as receiver:
                await receiver.acknowledge(doc_id, Transport.FAIL)
                await drained(receiver)
                assert await listed(receiver) == []

    @pytest.mark.parametrize(("reading", "count"), [("ignored", 1), ("honoured", 0)])
    async def test_date_filters(self, folder: Path, clock: Ticking, reading: str, count: int) -> None:
        with under(folder, clock, f"date-filters={reading}") as axis:
            await self.filled(axis, clock, 1)
            clock.advance(3600)
            later = clock()
            async with client(axis, ONE_UNIT, clock) as receiver, client(axis, TWO_UNITS, clock) as sender:
                assert len(await receiver.received(MessageType.EDOC, since=later)) == count
                assert len(await sender.sent(MessageType.EDOC, since=later)) == count

    @pytest.mark.parametrize(("reading", "codes"), [("system", ["H99"]), ("unit", ["H99", "H99.07"])])
    async def test_two_units_of_one_system(self, folder: Path, clock: Ticking, reading: str, codes: list[str]) -> None:
        with under(folder, clock, f"items-per={reading}", "list-order=oldest") as axis:
            async with client(axis, ONE_UNIT, clock) as sender, client(axis, TWO_UNITS, clock) as receiver:
                await send(sender, document("H99", "H99.07", from_code="H97"))
                assert [item.to_code for item in await listed(receiver)] == codes

    async def test_times_are_kept_as_they_are_written(self, folder: Path, clock: Ticking) -> None:
        with under(folder, clock, "time-text=mixed") as axis:
            await self.filled(axis, clock, 60)
            async with client(axis, ONE_UNIT, clock) as receiver:
                texts = {(item.created_time or "")[:10] for item in await listed(receiver)}
        assert texts == {"2026-11-22", "22/11/2026", "1795312800"}

    @pytest.mark.parametrize(("reading", "words"), [("numbers", ["01", "03"]), ("transport", ["initial", "done"])])
    async def test_words_of_the_sent_list_are_kept_raw(
        self, folder: Path, clock: Ticking, reading: str, words: list[str]
    ) -> None:
        with under(folder, clock, f"state-words={reading}") as axis:
            (doc_id,) = await self.filled(axis, clock, 1)
            async with client(axis, ONE_UNIT, clock) as receiver, client(axis, TWO_UNITS, clock) as sender:
                before = [row.receive_status for row in await sender.sent(MessageType.EDOC)]
                await receiver.acknowledge(doc_id, Transport.DONE)
                assert [*before, *(row.receive_status for row in await sender.sent(MessageType.EDOC))] == words

    @pytest.mark.parametrize(("reading", "text"), [("sentence", "Van ban dang cho tiep nhan"), ("empty", None)])
    async def test_status_desc(self, folder: Path, clock: Ticking, reading: str, text: str | None) -> None:
        with under(folder, clock, f"status-desc={reading}") as axis:
            await self.filled(axis, clock, 1)
            async with client(axis, ONE_UNIT, clock) as receiver:
                assert [item.status_desc for item in await listed(receiver)] == [text]

    @pytest.mark.parametrize(("reading", "refused"), [("fail", True), ("ok", False)])
    @pytest.mark.parametrize("which", ["second", "unknown"])
    async def test_an_acknowledgement_too_many(
        self, folder: Path, clock: Ticking, reading: str, refused: bool, which: str
    ) -> None:
        with under(folder, clock, f"{which}-ack={reading}") as axis:
            (doc_id,) = await self.filled(axis, clock, 1)
            async with client(axis, ONE_UNIT, clock) as receiver:
                await receiver.acknowledge(doc_id, Transport.DONE)
                wanted = doc_id if which == "second" else "11111111-2222-3333-4444-555555555555"
                assert await is_refused_ack(receiver, wanted) is refused
            assert axis.ledger()["counts"]["by_state"] == {"done": 1}

    @pytest.mark.parametrize(
        ("reading", "second"), [("changes", ["H97.05"]), ("all", ["H99", "H99.07", "H98.01", "H97", "H97.05"])]
    )
    async def test_get_synchronize_unit(self, folder: Path, clock: Ticking, reading: str, second: list[str]) -> None:
        with under(folder, clock, f"sync-units={reading}") as axis:
            async with client(axis, ONE_UNIT, clock) as receiver:
                first = [agency.code async for agency in receiver.units()]
                await receiver.register(Registration(parent_code="00.97.H97", code="H97.05", name="Sở Mẫu"))
                assert (first, [agency.code async for agency in receiver.units()]) == (
                    ["H99", "H99.07", "H98.01", "H97"],
                    second,
                )


async def is_refused_ack(receiver: VxpClient, doc_id: str) -> bool:
    try:
        await receiver.acknowledge(doc_id, Transport.DONE)
    except AxisRefused:
        return True
    return False


def field_of(name: str) -> str:
    return name.replace("-", "_")


class TestSending:
    @pytest.mark.parametrize(("reading", "count"), [("twice", 2), ("once", 1)])
    async def test_the_same_packet_again(self, folder: Path, clock: Ticking, reading: str, count: int) -> None:
        packet = document("H97")
        with under(folder, clock, f"same-packet={reading}") as axis:
            async with client(axis, TWO_UNITS, clock) as sender, client(axis, ONE_UNIT, clock) as receiver:
                results = [await send(sender, packet, "H99") for _ in range(2)]
                assert len(set(results)) == count == len(await listed(receiver))

    @pytest.mark.parametrize(("reading", "count"), [("ignored", 1), ("restricts", 0)])
    async def test_the_to_header(self, folder: Path, clock: Ticking, reading: str, count: int) -> None:
        with under(folder, clock, f"to-header={reading}") as axis:
            async with (
                client(axis, TWO_UNITS, clock, send_to_header=True) as sender,
                client(axis, ONE_UNIT, clock) as receiver,
            ):
                await send(sender, document("H97", "H98.01"), "H99", to=("H98.01",))
                assert len(await listed(receiver)) == count

    @pytest.mark.parametrize(("reading", "operation"), [("missing", "getEdoc"), ("offered", "downloadEdoc")])
    async def test_download_edoc(self, folder: Path, clock: Ticking, reading: str, operation: str) -> None:
        with under(folder, clock, f"download={reading}") as axis:
            async with client(axis, TWO_UNITS, clock, use_download=True) as receiver:
                doc_id = laid(axis, document("H99"))
                assert await receiver.fetch(doc_id, lambda _: None) == len(document("H99"))
                assert receiver.last_exchange is not None
                assert receiver.last_exchange.operation == operation


def laid(axis: Running, packet: bytes) -> str:
    answer = axis.http.post(f"{axis.endpoint}/_sim/items", params={"from": "H97", "to": "H99"}, content=packet)
    doc_id: str = answer.json()["doc_id"]
    return doc_id


class TestGrammar:
    def test_the_harsher_reading_is_the_default_of_all_that_is_unknown(self) -> None:
        default, kinder = readings_of([]), readings_of(["kinder"])
        same = {name for name in NAMES if getattr(default, field_of(name)) == getattr(kinder, field_of(name))}
        assert same == {*NAMES} - {*KINDER}
        assert default == Readings()

    def test_the_later_wins(self) -> None:
        readings = readings_of(["list-cap=5", "kinder", "list-order=newest", "list-order=random"])
        assert (readings.list_cap, readings.list_order, readings.replay) == (None, "random", "taken")

    @pytest.mark.parametrize(
        "spec",
        ["", "list-order", "list-order=", "list-order=up", "list_order=random", "list-cap=0", "list-cap=1k",
         "timestamp-window=5", "timestamp-window=0min", "packet-limit=1k", "retention=5", "rate-limit=0", "header-limit=8", "kinder=1", "replay=REFUSED"],
    )  # fmt: skip
    def test_what_is_not_a_reading_is_refused_with_the_names_there_are(self, spec: str) -> None:
        with pytest.raises(Problem, match=r"simulator\.reading") as caught:
            readings_of([spec])
        assert "list-order" in caught.value.action.vi

    @given(
        st.text(max_size=40)
        | st.sampled_from(NAMES).flatmap(lambda name: st.text(max_size=9).map(lambda end: f"{name}={end}"))
    )
    def test_any_text_is_a_reading_or_a_problem(self, text: str) -> None:
        try:
            code = type(readings_of([text])).__name__
        except Problem as problem:
            code = problem.code
        assert code in ("Readings", "simulator.reading")

    def test_all_faults_and_readings_are_documented_with_their_values(self) -> None:
        text = DOCS.read_text("utf-8")
        missing = [name for name in (*FAULTS, *NAMES) if f"| `{name}" not in text]
        values = [f"`{value}`" for name in NAMES for value in SCHEMA[name].get("enum", ())]
        assert (missing, [value for value in values if value not in text]) == ([], [])
