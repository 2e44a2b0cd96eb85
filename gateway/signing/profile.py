"""Packet signature profile 1: the text that is signed, and the closed grammar of what is found in a packet. Pure.

The text is built from values alone: whoever verifies fills it anew with what was found, in whichever namespace and
layout it came, and never canonicalises what came (docs/packet-signature.md).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from gateway.edxml.model import NAMESPACE
from gateway.edxml.normal import PROFILE
from gateway.edxml.signature_parts import ReferenceParts, SignatureParts
from gateway.signing.keys.api import Algorithm
from gateway.signing.keys.guard import XMLDSIG
from gateway.signing.words import Malformed
from gateway.times import aware

FAMILY = "urn:lienthong:packet-signature:"
"""What the name of every version of this profile begins with."""

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
NONCE_BYTES = 16

MOST_FILES = 1000
"""As many attachments as the reader takes of one packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a signature states: who signed when is `at` (UTC, whole seconds) and `nonce`; the rest are SHA-256 digests.

    `business` is None where there is no reference to it. `files` are pairs of position, from 1, and digest, in rising
    order; a signer names every file, a stranger's signature may leave some out.
    """

    algorithm: Algorithm
    at: datetime
    nonce: bytes
    header: bytes
    business: bytes | None = None
    files: tuple[tuple[int, bytes], ...] = ()

    def signed_info(self) -> bytes:
        """The bytes that are signed: SignedInfo, the same as its own exclusive C14N (W3C xml-exc-c14n)."""
        references = "".join(
            f'<Reference URI="{uri}"><Transforms><Transform Algorithm="{transform}"></Transform></Transforms>'
            f'<DigestMethod Algorithm="{SHA256}"></DigestMethod><DigestValue>{_base64(digest)}</DigestValue></Reference>'
            for uri, transform, digest in self._references()
        )
        return (
            f'<SignedInfo xmlns="{XMLDSIG}">'
            f'<CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"></CanonicalizationMethod>'
            f'<SignatureMethod Algorithm="{self.algorithm.uri}"></SignatureMethod>{references}</SignedInfo>'
        ).encode("ascii")

    def parts(self, value: bytes, certificate: bytes) -> SignatureParts:
        """The Signature element to write, with a signature value over `signed_info` and the leaf certificate (DER)."""
        return SignatureParts(
            canonicalization=EXCLUSIVE_C14N,
            method=self.algorithm.uri,
            references=tuple(
                ReferenceParts(uri=uri, transforms=(transform,), digest_method=SHA256, digest_value=_base64(digest))
                for uri, transform, digest in self._references()
            ),
            value=_base64(value),
            certificate=_base64(certificate),
        )

    def _references(self) -> Iterator[tuple[str, str, bytes]]:
        yield header_uri(self.at, self.nonce), f"{PROFILE}#header", self.header
        if self.business is not None:
            yield f"{PROFILE}?part=business", f"{PROFILE}#business", self.business
        for position, digest in self.files:
            yield f"{PROFILE}?file={position}", f"{PROFILE}#file", digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A Signature of the profile as it stood in a packet: what it states, the value over it, the certificate (DER)."""

    statement: Statement
    value: bytes
    certificate: bytes


def header_uri(at: datetime, nonce: bytes) -> str:
    """The URI of the header's reference. Raises ValueError for a time without a zone or a nonce not of 128 bits."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError("the nonce has 16 bytes")
    moment = aware(at).astimezone(UTC)
    text = base64.urlsafe_b64encode(nonce).rstrip(b"=").decode()
    return f"{PROFILE}?part=header;t={moment:%Y%m%dT%H%M%SZ};n={text}"


def digest_of(part: bytes) -> bytes:
    """SHA-256 of a part's normal form."""
    return hashlib.sha256(part).digest()


def profiles_named(signature: etree._Element) -> frozenset[str]:
    """The versions of this profile that the references of a Signature name; empty for every other kind."""
    named = set()
    for reference in signature.iter("{*}Reference"):
        uri = reference.get("URI") or ""
        if uri.startswith(FAMILY):
            named.add(uri.partition("?")[0])
    return frozenset(named)


def read_signature(signature: etree._Element) -> Found:
    """A Signature element that names this profile. Raises Malformed for anything that the grammar does not foresee."""
    grammar = _Grammar(signature)
    info, value, key_info = grammar.children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    canonicalization, method, *references = grammar.children(info, "CanonicalizationMethod", "SignatureMethod", ...)
    if grammar.algorithm(canonicalization) != EXCLUSIVE_C14N:
        raise Malformed("canonicalization")
    algorithm = _METHODS.get(grammar.algorithm(method))
    if algorithm is None:
        raise Malformed("algorithm")
    statement = _statement(grammar, algorithm, references)
    (data,) = grammar.children(key_info, "X509Data")
    (certificate,) = grammar.children(data, "X509Certificate")
    return Found(statement=statement, value=grammar.octets(value), certificate=grammar.octets(certificate))


_METHODS = {algorithm.uri: algorithm for algorithm in Algorithm}
_NAMESPACES = frozenset({XMLDSIG, NAMESPACE, ""})
_BLANKS = " \t\r\n"
_BLANK_RUN = re.compile("[ \t\r\n]+")
_HEADER_URI = re.compile(re.escape(PROFILE) + r"\?part=header;t=([0-9]{8}T[0-9]{6}Z);n=([A-Za-z0-9_-]{22})")
_FILE_URI = re.compile(re.escape(PROFILE) + r"\?file=([1-9][0-9]{0,3})")
_BUSINESS_URI = f"{PROFILE}?part=business"


def _statement(grammar: "_Grammar", algorithm: Algorithm, references: list[etree._Element]) -> Statement:
    if len(references) > MOST_FILES + 2:
        raise Malformed("too_many_references")
    header: tuple[datetime, bytes, bytes] | None = None
    business: bytes | None = None
    files: list[tuple[int, bytes]] = []
    order = []
    for reference in references:
        uri, transform, digest = grammar.reference(reference)
        if found := _HEADER_URI.fullmatch(uri):
            part, place = "header", -1
            header = header or (*_moment_and_nonce(uri, found[1], found[2]), digest)
        elif uri == _BUSINESS_URI:
            part, place = "business", 0
            business = digest
        elif found := _FILE_URI.fullmatch(uri):
            part, place = "file", int(found[1])
            files.append((place, digest))
        else:
            raise Malformed("reference_uri")
        if transform != f"{PROFILE}#{part}":
            raise Malformed("transforms")
        order.append(place)
    if len(set(order)) < len(order):
        raise Malformed("reference_twice")
    if header is None:
        raise Malformed("no_header_reference")
    if order != sorted(order):
        raise Malformed("reference_order")
    at, nonce, digest = header
    return Statement(algorithm=algorithm, at=at, nonce=nonce, header=digest, business=business, files=tuple(files))


def _moment_and_nonce(uri: str, moment: str, nonce: str) -> tuple[datetime, bytes]:
    octets = base64.urlsafe_b64decode(f"{nonce}==")
    try:
        at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed("reference_uri") from None
    if header_uri(at, octets) != uri:  # a second way to write the same
        raise Malformed("reference_uri")
    return at, octets


class _Grammar:
    """Steps through one Signature; every element, attribute and text has to be foreseen. Raises Malformed."""

    def __init__(self, signature: etree._Element) -> None:
        name = etree.QName(signature)
        if name.localname != "Signature" or (name.namespace or "") not in _NAMESPACES:
            raise Malformed("grammar")
        self._space = f"{{{name.namespace}}}" if name.namespace else ""

    def children(self, parent: etree._Element, *names: object) -> list[etree._Element]:
        """The children, which are those named in the Signature's own namespace, in order. No attributes, no text.

        `...` stands for any number of References, at least one.
        """
        if parent.attrib:
            raise Malformed("grammar")
        self._blank(parent.text)
        found = list(parent)
        wanted = [*names[:-1], *["Reference"] * max(len(found) - len(names) + 1, 1)] if names[-1] is ... else names
        if [child.tag for child in found] != [f"{self._space}{name}" for name in wanted]:
            raise Malformed("grammar")
        for child in found:
            self._blank(child.tail)
        return found

    def algorithm(self, method: etree._Element) -> str:
        """The Algorithm of an element that has nothing else."""
        self._blank(method.text)
        if len(method) or list(method.attrib) != ["Algorithm"]:
            raise Malformed("grammar")
        return method.get("Algorithm") or ""

    def octets(self, leaf: etree._Element) -> bytes:
        """Base64 of an element that has nothing else; blanks inside count for nothing."""
        if leaf.attrib or len(leaf):
            raise Malformed("grammar")
        text = _BLANK_RUN.sub("", leaf.text or "")
        try:
            found = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("base64") from None
        if not found or _base64(found) != text:  # bits beyond the last byte would be a second way to write the same
            raise Malformed("base64")
        return found

    def reference(self, reference: etree._Element) -> tuple[str, str, bytes]:
        """URI, algorithm of the one Transform, and digest."""
        if list(reference.attrib) != ["URI"]:
            raise Malformed("grammar")
        uri = reference.get("URI") or ""
        del reference.attrib["URI"]
        transforms, method, value = self.children(reference, "Transforms", "DigestMethod", "DigestValue")
        (transform,) = self.children(transforms, "Transform")
        if self.algorithm(method) != SHA256:
            raise Malformed("digest")
        digest = self.octets(value)
        if len(digest) != hashlib.sha256().digest_size:
            raise Malformed("digest_length")
        return uri, self.algorithm(transform), digest

    @staticmethod
    def _blank(text: str | None) -> None:
        if text and text.strip(_BLANKS):
            raise Malformed("grammar")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
