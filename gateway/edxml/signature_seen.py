"""What of a packet signature is seen while reading: that it is there, where, and whether it is a dummy. No judgement.

Whether a signature verifies is a matter of `signing` (packet format 5); a packet is never refused for it.
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import pybase64
from lxml import etree

SIGNATURE_NAMES = frozenset({"Signature", "DigitalSignature"})
"""Elements that hold a packet signature; the second is the .NET kit's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSeen:
    """Facts about the Signature below edXMLHeader; where several stand there, about the last.

    `namespace` as written, None when there is no signature. `placeholder` says that its value or certificate cannot be
    real. `xml` is the element written out anew, None when there is none, it is `too_large` or cannot be written. `count`
    counts such elements anywhere in the packet, in any namespace, empty ones too.
    """

    present: bool = False
    namespace: str | None = None
    placeholder: bool | None = None
    xml: bytes | None = None
    too_large: bool = False
    count: int = 0


class SignatureRecorder:
    """Rebuilds one Signature element from the parser's events, up to a number of bytes and of elements."""

    def __init__(self, most_bytes: int, most_elements: int) -> None:
        self._most = most_bytes
        self._elements = most_elements
        self._builder: etree.TreeBuilder | None = etree.TreeBuilder()
        self._size = 0
        self._too_large = False
        self._tag = ""
        self._filled = False

    @property
    def keeps(self) -> bool:
        """Whether what comes is held. Once over a cap nothing is, nor what came before."""
        return self._builder is not None

    def start(self, tag: str, attributes: Mapping[str, str], namespaces: Mapping[str, str]) -> None:
        """An element begins; the first is the Signature itself."""
        if self._tag:
            self._filled = True
        else:
            self._tag = tag
        written = dict(attributes)
        self._elements -= 1
        size = 2 * len(tag) + 20
        for name, value in written.items():
            size += len(name) + len(value)
        self._grow(size)
        if self._builder is None:
            return
        try:
            # the stubs know two arguments; lxml takes the namespaces as a third
            self._builder.start(tag, written, self._prefixes(tag, namespaces))  # type: ignore[call-arg]
        except ValueError:  # what may be parsed may not be built: a namespace that is no URI
            self._builder = None

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._builder is not None:
            self._builder.end(tag)

    def data(self, text: str) -> None:
        """A piece of text."""
        self._filled = self._filled or not text.isspace()
        self._grow(len(text) if text.isascii() else len(text.encode()))
        if self._builder is not None:
            self._builder.data(text)

    def seen(self) -> SignatureSeen:
        """The facts, once the Signature has ended."""
        if not self._filled:
            return SignatureSeen()
        namespace = self._tag.rpartition("}")[0][1:]
        if self._builder is None:
            return SignatureSeen(present=True, namespace=namespace, too_large=self._too_large)
        element = self._builder.close()
        return SignatureSeen(
            present=True, namespace=namespace, placeholder=_is_placeholder(element), xml=etree.tostring(element)
        )

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._most or self._elements < 0:
            self._too_large = True
            self._builder = None

    def _prefixes(self, tag: str, namespaces: Mapping[str, str]) -> dict[str | None, str] | None:
        """The namespaces declared here; the Signature's own becomes the default."""
        if not namespaces and tag is not self._tag:
            return None
        declared = {prefix or None: uri for prefix, uri in namespaces.items()}
        if tag is self._tag and tag.startswith("{"):
            declared.setdefault(None, tag.rpartition("}")[0][1:])
        return declared


def _is_placeholder(signature: etree._Element) -> bool:
    """Whether the signature value is no base64 or the certificate is no DER structure of the length it states."""
    value = _first(signature, "SignatureValue")
    certificate = _first(signature, "X509Certificate")
    return (
        value is None
        or len(_decoded(value)) < _SHORTEST
        or (certificate is not None and not _is_der_sequence(_decoded(certificate)))
    )


_SHORTEST = 32
"""Bytes; no signature value is shorter."""


def _first(signature: etree._Element, name: str) -> str | None:
    found = next(signature.iter(f"{{*}}{name}"), None)
    return None if found is None else found.text


def _decoded(text: str | None) -> bytes:
    try:
        return pybase64.b64decode(text or "", validate=True, ignorechars=b" \t\r\n")
    except (binascii.Error, ValueError):
        return b""


def _is_der_sequence(der: bytes) -> bool:
    if len(der) < 4 or der[0] != 0x30:
        return False
    if der[1] < 0x80:
        return len(der) == 2 + der[1]
    octets = der[1] & 0x7F
    return 1 <= octets <= 4 and len(der) == 2 + octets + int.from_bytes(der[2 : 2 + octets], "big")
