"""The schemas against what we write, and the checks against the strict schema: both refuse the same."""

import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from edxml_strategies import TODAY, documents, facts, file_sets, statuses
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.edxml.checks import FileFacts, check_document, check_status
from gateway.edxml.fields import FIELDS
from gateway.edxml.model import NAMESPACE, DocumentPacket, StatusPacket
from gateway.edxml.writer import FileToSend, write_document, write_status

SCHEMAS = Path(__file__).parents[2] / "schemas"
PACKETS = sorted((Path(__file__).parents[1] / "data" / "packets").glob("own_*.edxml"))


def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / f"edxml-{name}.xsd"))


STRICT, LENIENT = schema("strict"), schema("lenient")


def tree_of(packet: DocumentPacket | StatusPacket, files: list[FileToSend] | None = None) -> etree._Element:
    out = BytesIO()
    if isinstance(packet, StatusPacket):
        write_status(packet, out)
    else:
        write_document(packet, files or [], out)
    return etree.fromstring(out.getvalue())


def errors(packet: DocumentPacket | StatusPacket, files: list[FileFacts] | None = None) -> list[str]:
    found = (
        check_status(packet)
        if isinstance(packet, StatusPacket)
        else check_document(packet, files or [FileFacts(attachment_name="a.pdf", size=1)], TODAY)
    )
    return [finding.code for finding in found if finding.is_error]


@settings(max_examples=25, deadline=None)
@given(documents(), file_sets())
def test_what_passes_the_checks_is_valid_when_written(packet: DocumentPacket, files: list[FileToSend]) -> None:
    assert errors(packet, facts(files)) == []
    tree = tree_of(packet, files)
    STRICT.assertValid(tree)
    LENIENT.assertValid(tree)


@settings(max_examples=20, deadline=None)
@given(statuses())
def test_a_status_that_passes_the_checks_is_valid_when_written(packet: StatusPacket) -> None:
    assert errors(packet) == []
    tree = tree_of(packet)
    STRICT.assertValid(tree)
    LENIENT.assertValid(tree)


@pytest.mark.parametrize("path", PACKETS, ids=lambda path: path.stem)
def test_our_own_samples_are_valid(path: Path) -> None:
    tree = etree.parse(path)
    STRICT.assertValid(tree)
    LENIENT.assertValid(tree)


@settings(max_examples=20, deadline=None)
@given(documents(), file_sets(), st.randoms(use_true_random=False))
def test_lenient_schema_takes_any_order_unknown_and_empty_elements(
    packet: DocumentPacket, files: list[FileToSend], chance: random.Random
) -> None:
    tree = tree_of(packet, files)
    for element in list(tree.iter(f"{{{NAMESPACE}}}*")):
        children = list(element)
        chance.shuffle(children)
        element[:] = children
        if children and local(element) not in ("edXML", "edXMLEnvelope", "edXMLHeader"):
            etree.SubElement(element, f"{{{NAMESPACE}}}Unknown").text = "x"
            etree.SubElement(element, f"{{{NAMESPACE}}}DueDate")
    LENIENT.assertValid(tree)
    assert not STRICT.validate(tree)


@pytest.mark.parametrize("missing", ["edXMLEnvelope", "edXMLHeader", "MessageHeader"])
@given(packet=documents("0"))
@settings(max_examples=3, deadline=None)
def test_lenient_schema_demands_the_skeleton(missing: str, packet: DocumentPacket) -> None:
    tree = tree_of(packet)
    (element,) = tree.iter(f"{{{NAMESPACE}}}{missing}")
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)
    assert not LENIENT.validate(tree)


TEXTS = sorted(
    path
    for path, field in FIELDS.items()
    if field.length >= 10 and not path.endswith(("Date", "Timestamp", "Type", "TypeDetail"))
)


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def leaves(tree: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Leaves of the header with their path from MessageHeader or TraceHeaderList."""
    for top in ("MessageHeader", "TraceHeaderList"):
        for head in tree.iter(f"{{{NAMESPACE}}}{top}"):
            for element in head.iterdescendants(f"{{{NAMESPACE}}}*"):
                if len(element) == 0:
                    names = [local(element)]
                    names += [local(above) for above in element.iterancestors() if above in [*head.iter()]]
                    yield ".".join(reversed(names)), element


@settings(max_examples=25, deadline=None)
@given(documents() | statuses(), st.data())
def test_lengths_of_the_checks_are_those_of_the_strict_schema(
    packet: DocumentPacket | StatusPacket, data: st.DataObject
) -> None:
    tree = tree_of(packet)
    path, element = data.draw(st.sampled_from([leaf for leaf in leaves(tree) if leaf[0] in TEXTS]), label="leaf")
    length = FIELDS[path].length
    element.text = "A" * length
    STRICT.assertValid(tree)
    element.text = "A" * (length + 1)
    assert not STRICT.validate(tree)
