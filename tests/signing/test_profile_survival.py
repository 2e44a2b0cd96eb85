"""Whatever the axis does, however often, leaves a signature intact; whatever changes the meaning is found and named.

Each packet that is made is looked at in five ways: `HYPOTHESIS_PROFILE=exhaustive pytest
tests/signing/test_profile_survival.py` looks at 10 000 cases of each.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

from axis_pass import Habits, MemorySink, digests, passed, read, rewritten
from edxml_strategies import documents, file_sets, hops, statuses
from hypothesis import given
from hypothesis import strategies as st
from profile_keys import VECTORS, key

from gateway.edxml import layout
from gateway.edxml.model import DocumentPacket, Organ, StatusPacket, Wire
from gateway.edxml.normal import FileDigest
from gateway.edxml.packing import ZIP, Packing
from gateway.edxml.reader import ReadPacket
from gateway.edxml.signable import normal_form
from gateway.edxml.signature_parts import survive_signature
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.signing.facts import SignatureFacts
from gateway.signing.sign import sign_document, sign_status
from gateway.signing.verify import verify

NOW = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
NONCE = bytes(range(16))
DS = "http://www.w3.org/2000/09/xmldsig#"


def facts(packet: bytes | ReadPacket) -> SignatureFacts:
    return verify(read(packet) if isinstance(packet, bytes) else packet, received=NOW)


def signed(packet: DocumentPacket | StatusPacket, files: list[FileToSend]) -> bytes:
    out = BytesIO()
    if isinstance(packet, StatusPacket):
        write_status(packet, out, signature=sign_status(packet, key(), NOW, NONCE).parts)
        return out.getvalue()
    known = []
    for file in files:
        with file.source.open() as stream:
            sink = MemorySink(stream.read())
        known.append(
            FileDigest(name=file.attachment_name, description=file.description, size=sink.size, sha256=sink.sha256)
        )
    signature = sign_document(packet, known, key(), NOW, NONCE)
    write_document(packet, files, out, signature=signature.parts)
    return out.getvalue()


@st.composite
def signed_packets(draw: st.DrawFn) -> bytes:
    """A signed document with its files, or a signed status."""
    if draw(st.integers(0, 4)) == 0:
        return signed(draw(statuses()), [])
    return signed(draw(documents()), draw(file_sets()))


HABITS = st.builds(
    Habits,
    hop=hops() | st.none(),
    old_codes=st.booleans(),
    prefixed=st.booleans(),
    packing=st.sampled_from([None, Packing(ZIP, zipped=True)]),
    one_line=st.booleans(),
)


def _wrapped(packet: bytes) -> bytes:
    """The values of the signature in lines of 76, as other tools write base64."""

    def lines(found: re.Match[bytes]) -> bytes:
        value = b"".join(found[2].split())
        cut = b"\r\n".join(value[at : at + 76] for at in range(0, len(value), 76))
        return found[1] + b"\r\n" + cut + b"\r\n" + found[3]

    return re.sub(rb"(<(?:SignatureValue|X509Certificate|DigestValue)>)([^<]*)(</)", lines, packet)


LAYOUTS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda packet: packet,
    "in the namespace of XMLDSig": lambda packet: packet.replace(b"<Signature>", f'<Signature xmlns="{DS}">'.encode()),
    "prefixed": lambda packet: re.sub(
        rb"<Signature>.*</Signature>",
        lambda found: re.sub(rb"<(/?)(\w)", rb"<\1ds:\2", found[0]).replace(
            b"<ds:Signature>", f'<ds:Signature xmlns:ds="{DS}">'.encode()
        ),
        packet,
        flags=re.DOTALL,
    ),
    "base64 in lines": _wrapped,
    "decomposed letters": lambda packet: unicodedata.normalize("NFD", packet.decode()).encode(),
    "comments": lambda packet: packet.replace(b"<Transforms>", b"<!-- x --><Transforms>").replace(
        b"</edXML:OrganId>", b"<!-- y --></edXML:OrganId>"
    ),
    "tags spelt out": lambda packet: re.sub(rb"<(\w+)( Algorithm=\"[^\"]*\") />", rb"<\1\2></\1>", packet),
}


CASES = 5
"""Of each packet: making one takes longer than anything that is done with it."""

WAYS = st.lists(st.tuples(HABITS, st.sampled_from(sorted(LAYOUTS))), min_size=1, max_size=4)


@given(signed_packets(), st.lists(WAYS, min_size=CASES, max_size=CASES))
def test_any_rewriting_any_number_of_times_leaves_it_intact(sent: bytes, ways: list[list[tuple[Habits, str]]]) -> None:
    for way in ways:
        packet = sent
        for habits, written in way:
            packet = LAYOUTS[written](passed(packet, habits))
        found = facts(packet)
        assert (found.well_formed, found.intact, found.covers) == (True, True, True), found.reasons
        assert not [reason for reason in found.reasons if reason.code != "signature.receiver_added"]


@given(signed_packets(), HABITS, st.data())
def test_any_change_of_meaning_is_found_and_named(packet: bytes, habits: Habits, data: st.DataObject) -> None:
    arrived = read(passed(packet, habits))
    for _ in range(CASES):
        changed, part = _changed(arrived, data)
        found = facts(changed)
        assert found.well_formed
        assert (found.intact, found.covers) != (True, True)
        named = {reason.part for reason in found.reasons if reason.part}
        assert part in named, (part, found.reasons)
        if found.intact is not True:
            told = {one.part for one in found.parts if one.intact is not True and one.covered}
            assert part in told


def _changed(arrived: ReadPacket, data: st.DataObject) -> tuple[bytes, str]:
    """The packet with one thing changed, its signature left as it was, and the part that this concerns."""
    changes = [_leaf, _leaf, _leaf]
    if isinstance(arrived.packet, DocumentPacket):
        changes += [_receivers]
        if normal_form(arrived.packet).business is not None:
            changes += [_no_business]
        if arrived.attachments:
            changes += [_content, _name, _fewer, _more]
    changed, part = data.draw(st.sampled_from(changes))(arrived, data)
    return rewritten(changed, survive_signature(arrived.signature), Habits()), part


Change = tuple[ReadPacket, str]


def _leaf(arrived: ReadPacket, data: st.DataObject) -> Change:
    packet = arrived.packet
    assert packet is not None
    if isinstance(packet, StatusPacket):
        nodes = [*layout.leaves(layout.status_header(packet))]
    else:
        nodes = [*layout.leaves(layout.document_header(packet)), *layout.leaves(layout.trace_header_list(packet))]
    pointless = ("/trace_header_list/trace_headers", "/message_header/other_info/direction")
    marked = [
        f"/message_header/to/{at}/"
        for at, organ in enumerate(packet.message_header.to if isinstance(packet, DocumentPacket) else ())
        if organ.organization_in_charge == "TLTVBQG_CDMDD_QD20"
    ]
    node = data.draw(st.sampled_from([one for one in nodes if not one.pointer.startswith((*pointless, *marked))]))
    business = node.pointer.startswith("/trace_header_list")
    removable = not any(node.pointer.startswith(needed) for needed in _NEEDED)
    gone = removable and data.draw(st.booleans())
    before = normal_form(packet)
    new = _set(packet, node.pointer.split("/")[1:], None if gone else _other)
    assert isinstance(new, DocumentPacket | StatusPacket)
    if normal_form(new) == before:  # what the axis adds by itself says nothing, there or not
        new = _set(packet, node.pointer.split("/")[1:], _other)
        assert isinstance(new, DocumentPacket | StatusPacket)
    lost = business and normal_form(new).business is None
    assert lost or normal_form(new) != before, node
    return replace(arrived, packet=new), "business" if business else "header"


_NEEDED = ("/message_header/status_code", "/message_header/response_for/document_id")
"""Without which it would be another kind of packet."""

_Setter = Callable[[object], object] | None


def _set(group: object, steps: list[str], setter: _Setter) -> object:
    if not steps:
        return None if setter is None else setter(group)
    name, rest = ("from_" if steps[0] == "from" else steps[0]), steps[1:]
    if isinstance(group, tuple):
        at = int(name)
        new = _set(group[at], rest, setter)
        return (*group[:at], *(() if new is None else (new,)), *group[at + 1 :])
    assert isinstance(group, Wire)
    value: object = getattr(group, name)
    update: dict[str, object] = {name: _set(value, rest, setter)}
    if not rest and f"{name}_text" in type(group).model_fields:
        update[f"{name}_text"] = None
    return group.model_copy(update=update)


def _other(value: object) -> object:
    match value:
        case datetime():
            return value + timedelta(seconds=1)
        case date():
            return value + timedelta(days=1)
        case int():
            return value + 1
        case str() if value.isdigit():
            return str(int(value) + 1).zfill(len(value))
        case str():
            return f"{value}x"
    raise AssertionError(value)


def _receivers(arrived: ReadPacket, data: st.DataObject) -> Change:
    assert isinstance(arrived.packet, DocumentPacket)
    header = arrived.packet.message_header
    to = (*header.to, Organ(organ_id="H01.99"))
    if len(header.to) > 1 and data.draw(st.booleans()):
        real = [organ for organ in header.to if organ.organization_in_charge != "TLTVBQG_CDMDD_QD20"]
        to = tuple(reversed(real)) if len(real) > 1 else to
    header = header.model_copy(update={"to": to})
    return replace(arrived, packet=arrived.packet.model_copy(update={"message_header": header})), "header"


def _no_business(arrived: ReadPacket, data: st.DataObject) -> Change:
    assert isinstance(arrived.packet, DocumentPacket)
    trace = arrived.packet.trace_header_list.model_copy(update={"bussiness": None})
    return replace(arrived, packet=arrived.packet.model_copy(update={"trace_header_list": trace})), "business"


def _content(arrived: ReadPacket, data: st.DataObject) -> Change:
    at = data.draw(st.integers(0, len(arrived.attachments) - 1))
    one = arrived.attachments[at]
    assert isinstance(one.content, MemorySink)
    place = data.draw(st.integers(0, one.content.size - 1))
    spoilt = bytearray(one.content.data)
    spoilt[place] ^= 1 + data.draw(st.integers(0, 254))
    if data.draw(st.booleans()):
        spoilt += b"x"
    return _with_file(arrived, at, content=MemorySink(bytes(spoilt))), f"file:{at + 1}"


def _name(arrived: ReadPacket, data: st.DataObject) -> Change:
    at = data.draw(st.integers(0, len(arrived.attachments) - 1))
    if data.draw(st.booleans()):
        return _with_file(arrived, at, description=f"{arrived.attachments[at].description or ''}x"), "header"
    return _with_file(arrived, at, attachment_name=f"x{arrived.attachments[at].attachment_name}"), "header"


def _fewer(arrived: ReadPacket, data: st.DataObject) -> Change:
    return replace(arrived, attachments=arrived.attachments[:-1]), f"file:{len(arrived.attachments)}"


def _more(arrived: ReadPacket, data: st.DataObject) -> Change:
    more = replace(arrived.attachments[0], attachment_name="them.pdf", content_id="them")
    return replace(arrived, attachments=(*arrived.attachments, more)), f"file:{len(arrived.attachments) + 1}"


def _with_file(arrived: ReadPacket, at: int, **changes: object) -> ReadPacket:
    files = list(arrived.attachments)
    files[at] = replace(files[at], **changes)  # type: ignore[arg-type] # the fields are named by whoever calls
    return replace(arrived, attachments=tuple(files))


def test_the_signed_files_are_those_that_were_read() -> None:
    """The vectors' own packets come through as what they were."""
    before = read((VECTORS / "new-ecdsa-p256" / "packet.edxml").read_bytes())
    after = read((VECTORS / "new-ecdsa-p256" / "after-3.edxml").read_bytes())
    assert before.packet is not None
    assert after.packet is not None
    assert normal_form(before.packet, digests(before)) == normal_form(after.packet, digests(after))
