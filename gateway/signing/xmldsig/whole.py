"""The whole packet as a tree, which an ordinary XML signature needs; and what such a tree may not hold.

Only packets up to a size come here: the tree takes four to five times of it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO, cast

from lxml import etree

from gateway.edxml.feeding import BLOCK, encoding_of
from gateway.edxml.limits import Limits
from gateway.edxml.parsing import Refused
from gateway.edxml.signature_seen import SIGNATURE_NAMES
from gateway.signing.xmldsig.words import Malformed

if TYPE_CHECKING:
    from lxml.etree._saxparser import ParserTarget

_MOST_ELEMENTS = Limits().elements
_PROLOG_BLOCKS = 16
"""Blocks within which the root element has to begin; the reader refuses such a packet earlier."""

_HEADER_DEPTH = 3
_IDS = ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id")


def parse(stream: BinaryIO) -> etree._Element:
    """The root of a packet. Raises Malformed; a document type declaration is refused before the parser may use it."""
    parser: etree.XMLParser[etree._Element] | None = None
    held = b""
    try:
        for number, block in enumerate(iter(lambda: stream.read(BLOCK), b"")):
            if parser is not None:
                parser.feed(block)
                continue
            held += block
            if not _root_begins(held):
                if number >= _PROLOG_BLOCKS:
                    raise Malformed("not_well_formed")
                continue
            # huge_tree: a packet within the size may hold one file of it, and a text of over 10 MB with that
            parser = etree.XMLParser(
                encoding=encoding_of(held),
                huge_tree=True,
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                remove_comments=False,
            )
            parser.feed(held)
        if parser is None:
            raise Malformed("not_well_formed")
        return parser.close()
    except (etree.XMLSyntaxError, Refused):
        raise Malformed("not_well_formed") from None


def signature_in(root: etree._Element) -> etree._Element:
    """The one Signature of a packet, which stands in edXMLHeader. Raises Malformed.

    Looks at everything for what would make a signed tree doubtful: a second Signature in any namespace, two equal ids,
    a relative namespace (C14N 1.0 section 1.3 forbids it).
    """
    signatures: list[etree._Element] = []
    ids: set[str] = set()
    for count, node in enumerate(root.iter(etree.Element), start=1):
        if count > _MOST_ELEMENTS:
            raise Malformed("elements")
        if etree.QName(node).localname in SIGNATURE_NAMES:
            signatures.append(node)
        for value in filter(None, map(node.get, _IDS)):
            if value in ids:
                raise Malformed("duplicate_id")
            ids.add(value)
    if any(uri and ":" not in uri for _, uri in _declared(root)):
        raise Malformed("relative_namespace")
    if len(signatures) != 1:
        raise Malformed("not_one")
    ancestors = [etree.QName(one).localname for one in signatures[0].iterancestors()]
    if len(ancestors) != _HEADER_DEPTH or ancestors[0] != "edXMLHeader":
        raise Malformed("place")
    return signatures[0]


def _declared(root: etree._Element) -> Iterable[tuple[str, str]]:
    """Each namespace declaration, as prefix and URI."""
    return (cast("tuple[str, str]", declaration) for _, declaration in etree.iterwalk(root, events=("start-ns",)))


class _RootBegins(Exception):
    """The document's element has begun: nothing can be declared any more."""


class _Prolog:
    """What may stand before the root: the declaration, comments and instructions."""

    def start(self, _tag: str, _attributes: object) -> None:
        raise _RootBegins

    def doctype(self, *_: object) -> None:
        raise Malformed("doctype")

    def close(self) -> None: ...


def _root_begins(beginning: bytes) -> bool:
    """Whether the root element begins in these bytes. Raises Malformed for a document type declaration before it."""
    parser = etree.XMLParser(
        target=cast("ParserTarget[None]", _Prolog()),
        encoding=encoding_of(beginning),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    try:
        parser.feed(beginning)
    except _RootBegins:
        return True
    return False
