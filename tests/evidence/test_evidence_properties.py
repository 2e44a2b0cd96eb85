"""Whatever is done to entries that were chained, short of making the chain anew with its heads, is found."""

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence.auditing import Flaw, Reading
from gateway.evidence.entry import GENESIS, Link, body_of, link
from gateway.evidence.heads import Head, read_heads


def chain(values: list[str]) -> list[Link]:
    """Entries chained."""
    made: list[Link] = []
    for number, value in enumerate(values, start=1):
        body = body_of(
            at=datetime(2026, 11, 22, tzinfo=UTC),
            kind="document.sent",
            unit_code=None,
            document_id="d",
            subject=None,
            data={"reason": value},
        )
        made.append(replace(link(number, body, made[-1].hash if made else GENESIS), document_id="d"))
    return made


def flaws(entries: list[Link], *heads: Head) -> tuple[Flaw, ...]:
    """What a reading finds."""
    reading = Reading(heads)
    for one in entries:
        reading.read(one)
    return reading.ended()


CHAINS = st.lists(st.text(max_size=8), min_size=2, max_size=12).map(chain)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(CHAINS, st.data())
def test_a_chain_that_nobody_touched_is_whole(entries: list[Link], data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(entries))
    assert flaws(entries, Head(day=date(2026, 11, 22), seq=one.seq, hash=one.hash), _present(entries)) == ()


@given(CHAINS, st.data())
def test_a_changed_entry_is_found(entries: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    field, value = data.draw(
        st.one_of(
            st.tuples(st.just("body"), st.text(max_size=40)),
            st.tuples(st.sampled_from(["hash", "previous"]), HEX | st.text(max_size=3)),
            st.tuples(st.sampled_from(["document_id", "subject"]), st.text(max_size=3)),
        )
    )
    spoilt = replace(entries[at], **{field: value})  # type: ignore[arg-type]  # never the number
    if spoilt != entries[at]:
        found = flaws([*entries[:at], spoilt, *entries[at + 1 :]], _present(entries))
        assert any(one.first <= at + 1 <= one.last or one.first == at + 2 for one in found)


@given(CHAINS, st.data())
def test_a_removed_entry_is_named(entries: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    found = flaws(entries[:at] + entries[at + 1 :], _present(entries))
    assert any(one.wrong in ("removed", "cut_off") and one.first <= at + 1 <= one.last for one in found)


@given(CHAINS, st.data())
def test_entries_in_another_order_are_found(entries: list[Link], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(entries))))
    moved = [replace(entries[place], seq=number) for number, place in enumerate(order, start=1)]
    assert bool(flaws(moved, _present(entries))) == (list(order) != sorted(order))


@given(CHAINS, st.data())
def test_a_chain_made_anew_contradicts_its_head(entries: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    bodies = [one.body for one in entries]
    bodies[at] = bodies[at].replace('"at"', '"At"')
    previous, anew = GENESIS, []
    for number, body in enumerate(bodies, start=1):
        anew.append(replace(link(number, body, previous), document_id="d"))
        previous = anew[-1].hash
    assert flaws(anew) == ()
    assert [one.wrong for one in flaws(anew, _present(entries))] == ["head_differs"]


@given(st.lists(st.tuples(st.dates(), st.integers(0, 10**17), HEX), max_size=5))
def test_heads_are_read_as_they_were_written(values: list[tuple[date, int, str]]) -> None:
    heads = tuple(Head(day=day, seq=seq, hash=hash_) for day, seq, hash_ in values)
    assert read_heads([head.line() for head in heads]) == heads


def _present(entries: list[Link]) -> Head:
    return Head(day=None, seq=entries[-1].seq, hash=entries[-1].hash)
