"""The target of lxml's push parser: header elements into a small tree, attachment text straight into sinks."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.edxml import refusals
from gateway.edxml.base64stream import Base64Decoder, BrokenBase64
from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.model import NAMESPACE
from gateway.edxml.signature_seen import SIGNATURE_NAMES, SignatureRecorder, SignatureSeen
from gateway.edxml.sinks import Sink, Sinks

LGSP_NAMESPACE = "http://www.go.vn/eDoc"
"""Namespace of a provincial variant of the packet format."""

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"

SOAP_ENVELOPES = frozenset({"http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"})
"""Namespaces of the root of the 2013 form (documents 512 and 2803)."""


class Refused(Exception):
    """Reading cannot go on; carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class TagCutOff(Exception):
    """The data ends inside a start tag. The parser hands on what there is of it when told that the data is complete."""


class Node:
    """One element of the header: local name, pieces of text, child elements in order."""

    __slots__ = ("children", "name", "pieces")

    def __init__(self, name: str) -> None:
        self.name = name
        self.pieces: list[str] = []
        self.children: list[Node] = []

    @property
    def text(self) -> str:
        """The text without white space at its ends (the vendor's parser trims it too)."""
        return "".join(self.pieces).strip(" \t\r\n")

    def child(self, name: str) -> "Node | None":
        """The first child of that name."""
        return next((node for node in self.children if node.name == name), None)

    def all(self, name: str) -> "list[Node]":
        """Every child of that name."""
        return [node for node in self.children if node.name == name]

    def value(self, name: str) -> str | None:
        """The text of the first child of that name that has any."""
        return next((text for node in self.children if node.name == name and (text := node.text)), None)


class Content:
    """The text of one ContentTransferEncoded on its way into a sink. `head` holds the first bytes of the file."""

    __slots__ = ("_decoder", "broken", "complete", "head", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.head = b""
        self.broken = False
        self.complete = False
        self._decoder = Base64Decoder(self._write)

    def feed(self, text: str) -> None:
        """Decode a piece; once broken, nothing more is taken."""
        if self.broken:
            return
        try:
            self._decoder.feed(text)
        except BrokenBase64:
            self.spoil()

    def finish(self) -> None:
        """The element has ended."""
        self.complete = True
        if self.broken:
            return
        try:
            self._decoder.close()
        except BrokenBase64:
            self.spoil()

    def spoil(self) -> None:
        """Give the content up."""
        self.broken = True
        self.sink.discard()

    def _write(self, data: bytes) -> None:
        if len(self.head) < _HEAD:
            self.head += data[:_HEAD]
        self.sink.write(data)


_HEAD = 8


class Enclosure:
    """One Attachment element as found: its leaves, and its content when it has any."""

    __slots__ = ("content", "contents", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.content: Content | None = None
        self.contents = 0


class PacketTarget:
    """Takes the parser's events. Whoever feeds the parser bounds `events` and `characters`; the rest is bounded here.

    Raises Refused for what no packet may hold; the parser passes it on to whoever feeds it.
    """

    def __init__(self, sinks: Sinks, limits: Limits) -> None:
        self.root: Node | None = None
        self.root_namespace = ""
        self.enclosures: list[Enclosure] = []
        self.signature = SignatureSeen()
        self.signature_count = 0
        self.elements = 0
        self.events = 0
        self.characters = 0
        self.lgsp = False
        self.at_end = False
        self._attributes = 0
        self._sinks = sinks
        self._limits = limits
        self._open: list[Node] = []
        self._content: Content | None = None
        self._skipping = False
        self._recorder: SignatureRecorder | None = None
        self._names: dict[str, str] = {}
        self._seen: set[str] = set()
        self._seen_characters = 0
        self._signature_tags: set[str] = set()
        self._namespaces = {"", NAMESPACE, LGSP_NAMESPACE}

    def start(
        self, tag: str, attributes: Mapping[str, str], namespaces: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """An element begins."""
        if self.at_end:
            raise TagCutOff
        depth = len(self._open)
        if depth >= self._limits.depth:
            raise Refused(refusals.too_deep(self._limits))
        self._bound(tag, attributes, namespaces)
        if depth == 0:
            self._begin(tag)
        name = self._names.get(tag) or self._named(tag)
        if tag in self._signature_tags:
            self.signature_count += 1
        node = Node(name)
        if self._recorder is not None:
            self._recorder.start(tag, attributes, namespaces)
        elif self._skipping:
            pass
        elif self._content is not None:
            self._content.spoil()
        elif depth == 0:
            self.root = node
        elif depth == 3 and name in SIGNATURE_NAMES and self._in_header():
            self._recorder = SignatureRecorder(self._limits.signature_bytes, self._limits.signature_elements)
            self._recorder.start(tag, attributes, namespaces)
        elif depth == 2 and name == "Attachment" and self._open[1].name == "AttachmentEncoded":
            self._enclose(node)
        elif depth == 3 and name == "ContentTransferEncoded" and self._inside_enclosure():
            self._receive()
        else:
            self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, tag: str) -> None:
        """An element ends."""
        self.events += 1
        self._open.pop()
        if self._recorder is not None:
            self._recorder.end(tag)
            if len(self._open) == 3:
                self._end_signature(self._recorder.seen())
        elif len(self._open) == 3:
            self._skipping = False
            if self._content is not None:
                self._content.finish()
                self._content = None

    def data(self, text: str) -> None:
        """A piece of text."""
        self.events += 1
        if self._content is not None:
            self._content.feed(text)
            return
        if self._skipping:
            return
        if self._recorder is not None:
            self._recorder.data(text)
            self.characters += len(text) * self._recorder.keeps
            return
        self.characters += len(text)
        node = self._open[-1]
        if node.pieces or not text.isspace():
            node.pieces.append(text)

    def comment(self, text: str) -> None:
        """A comment."""
        self.events += 1
        self.characters += len(text)
        if len(text) > self._limits.comment_characters:
            raise Refused(refusals.comment_too_long(self._limits))

    def pi(self, target: str, data: str | None = None) -> None:
        """A processing instruction."""
        self._see(target)
        self.comment(target + (data or ""))

    def doctype(self, name: str | None, public_id: str | None, system_id: str | None) -> None:  # noqa: ARG002 (lxml's signature)
        """A document type declaration: never allowed, whatever it says."""
        raise Refused(refusals.DOCTYPE)

    def close(self) -> None:
        """The document is complete."""

    def _bound(self, tag: str, attributes: Mapping[str, str], namespaces: Mapping[str, str]) -> None:
        self.events += 1
        held = self._recorder is None or self._recorder.keeps
        self.elements += held
        self.characters += len(tag) * held
        if self.elements > self._limits.elements:
            raise Refused(refusals.too_many_elements(self._limits))
        if attributes or namespaces:
            self._bound_attributes(attributes, namespaces, held=held)

    def _bound_attributes(self, attributes: Mapping[str, str], namespaces: Mapping[str, str], *, held: bool) -> None:
        self._attributes += (len(attributes) + len(namespaces)) * held
        characters = sum(len(name) + len(value) for name, value in attributes.items())
        characters += sum(len(prefix or "") + len(uri) for prefix, uri in namespaces.items())
        self.characters += characters * held
        if characters > self._limits.attribute_characters or self._attributes > self._limits.attributes:
            raise Refused(refusals.too_many_attributes(self._limits))
        for name in (*attributes, *namespaces, *namespaces.values()):
            self._see(name or "")

    def _see(self, name: str) -> None:
        """Count a name that the parser will never forget."""
        if name in self._seen:
            return
        self._seen.add(name)
        self._seen_characters += len(name)
        if len(self._seen) > self._limits.names or self._seen_characters > self._limits.names_characters:
            raise Refused(refusals.too_many_names(self._limits))

    def _begin(self, tag: str) -> None:
        namespace, _, name = tag.rpartition("}")
        if name == "Envelope" and namespace[1:] in SOAP_ENVELOPES:
            raise Refused(refusals.OLD_FORM)
        if name != "edXML":
            raise Refused(refusals.unknown_root(name))
        self.root_namespace = namespace[1:]
        self._namespaces.add(self.root_namespace)

    def _named(self, tag: str) -> str:
        """The local name for elements of the packet format, the whole name with its namespace for others."""
        if len(tag) > self._limits.name_characters:
            raise Refused(refusals.name_too_long(self._limits))
        self._see(tag)
        namespace, _, local = tag.rpartition("}")
        namespace = namespace[1:]
        self.lgsp = self.lgsp or namespace == LGSP_NAMESPACE
        if local in SIGNATURE_NAMES:
            self._signature_tags.add(tag)
        ours = namespace in self._namespaces or (local in SIGNATURE_NAMES and namespace == XMLDSIG)
        self._names[tag] = local if ours else tag
        return self._names[tag]

    def _enclose(self, node: Node) -> None:
        if len(self.enclosures) >= self._limits.attachments:
            raise Refused(refusals.too_many_attachments(self._limits))
        self.enclosures.append(Enclosure(node))

    def _in_header(self) -> bool:
        return self._open[1].name == "edXMLEnvelope" and self._open[2].name == "edXMLHeader"

    def _inside_enclosure(self) -> bool:
        return bool(self.enclosures) and self._open[2] is self.enclosures[-1].node

    def _receive(self) -> None:
        """Begin a content. A second one in the same attachment is not kept."""
        enclosure = self.enclosures[-1]
        enclosure.contents += 1
        if enclosure.content is None:
            self._content = enclosure.content = Content(self._sinks.create())
        else:
            self._skipping = True

    def _end_signature(self, seen: SignatureSeen) -> None:
        self._recorder = None
        if seen.present:
            self.signature = seen
