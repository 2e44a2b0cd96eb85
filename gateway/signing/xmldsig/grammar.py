"""The closed grammar of an ordinary XML signature: everything is looked at here before xmlsec sees any of it.

xmlsec itself would read `file:` references, take duplicate ids, and use whatever algorithm or key the signature names.
Source: XML Signature Syntax and Processing 1.1, sections 4 and 6.
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import pybase64
from lxml import etree

from gateway.signing.xmldsig import algorithms
from gateway.signing.xmldsig.algorithms import XMLDSIG, DigestMethod, SignatureMethod
from gateway.signing.xmldsig.leaf import MOST_BYTES, MOST_CERTIFICATES, Leaf, leaf_of
from gateway.signing.xmldsig.words import Malformed

_IDS = frozenset({"Id"})
_ALGORITHM = frozenset({"Algorithm"})
_LONGEST_VALUE = 8192
"""Characters of a signature value or digest with its line breaks."""

_X509_LEAVES = frozenset({"X509SubjectName", "X509SKI", "X509IssuerSerial"})
"""Parts of X509Data that say what the certificate says itself; not used for anything."""

_MOST_ELEMENTS = 100
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enveloped:
    """A Signature that keeps to the grammar. Identifiers are the URIs as written, all of them known ones.

    `reference_canonicalization` None means that the Reference names none, which is inclusive C14N without comments.
    """

    canonicalization: str
    method_uri: str
    method: SignatureMethod
    reference_canonicalization: str | None
    digest_uri: str
    digest: DigestMethod
    digest_value: bytes
    value: bytes
    leaf: Leaf

    @property
    def weak(self) -> bool:
        """Whether SHA-1 is used."""
        return self.method.weak or self.digest.weak


def look(signature: etree._Element) -> Enveloped:
    """What a Signature element says. Raises Malformed for anything that the grammar does not foresee."""
    if signature.tag != f"{{{XMLDSIG}}}Signature":
        raise Malformed("namespace")
    if any(etree.QName(one).localname == "Object" for one in signature.iterchildren(tag=etree.Element)):
        raise Malformed("object")
    _look_at_shape(signature)
    signed_info, value, key_info = _children(signature, "SignedInfo", "SignatureValue", "KeyInfo", attributes=_IDS)
    canonicalization, method_uri, reference = _signed_info(signed_info)
    leaf = leaf_of(_certificates(key_info))
    method = algorithms.SIGNATURE_METHODS[method_uri]
    if method.kind is not leaf.kind:
        raise Malformed("key_mismatch")
    decoded = _decoded(value, attributes=_IDS)
    if len(decoded) != leaf.value_size:
        raise Malformed("value_length")
    return Enveloped(
        canonicalization=canonicalization,
        method_uri=method_uri,
        method=method,
        reference_canonicalization=reference.canonicalization,
        digest_uri=reference.digest_uri,
        digest=algorithms.DIGEST_METHODS[reference.digest_uri],
        digest_value=reference.digest_value,
        value=decoded,
        leaf=leaf,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    canonicalization: str | None
    digest_uri: str
    digest_value: bytes


def _look_at_shape(signature: etree._Element) -> None:
    references = sum(1 for _ in signature.iter("{*}Reference"))
    if references != 1:
        raise Malformed("references")
    for count, node in enumerate(signature.iter()):
        if not isinstance(node.tag, str):
            raise Malformed("comment")
        if count >= _MOST_ELEMENTS:
            raise Malformed("grammar")


def _signed_info(signed_info: etree._Element) -> tuple[str, str, _Reference]:
    names = ("CanonicalizationMethod", "SignatureMethod", "Reference")
    canonicalization, method, reference = _children(signed_info, *names, attributes=_IDS)
    return (
        _algorithm(canonicalization, algorithms.CANONICALIZATIONS, "canonicalization"),
        _algorithm(method, algorithms.SIGNATURE_METHODS, "algorithm"),
        _reference(reference),
    )


def _reference(reference: etree._Element) -> _Reference:
    if reference.get("URI") != "":
        raise Malformed("reference_uri")
    if reference.get("Type") is not None:
        raise Malformed("reference_type")
    transforms, digest, value = _children(
        reference, "Transforms", "DigestMethod", "DigestValue", attributes=_IDS | {"URI"}
    )
    digest_uri = _algorithm(digest, algorithms.DIGEST_METHODS, "digest")
    digest_value = _decoded(value)
    if len(digest_value) != algorithms.DIGEST_METHODS[digest_uri].size:
        raise Malformed("digest_length")
    return _Reference(canonicalization=_canonicalization(transforms), digest_uri=digest_uri, digest_value=digest_value)


def _canonicalization(transforms: etree._Element) -> str | None:
    """The C14N after enveloped-signature, if one is named; nothing else may stand there."""
    uris = []
    for one in transforms:
        if one.tag != f"{{{XMLDSIG}}}Transform" or len(one) or not _blank(one.text) or set(one.keys()) != _ALGORITHM:
            raise Malformed("transforms")
        uris.append(one.get("Algorithm", ""))
    match uris:
        case [algorithms.ENVELOPED]:
            return None
        case [algorithms.ENVELOPED, uri] if uri in algorithms.CANONICALIZATIONS:
            return uri
    raise Malformed("transforms")


def _certificates(key_info: etree._Element) -> list[bytes]:
    """The certificates of X509Data, DER. A KeyName is passed over; a bare key and references are refused."""
    found: list[bytes] = []
    for part in key_info:
        match _name(part):
            case "KeyName" if not len(part):
                continue
            case "X509Data":
                found += _of_x509_data(part)
            case _:
                raise Malformed("key_info")
    if not found:
        raise Malformed("no_certificate")
    if len(found) > MOST_CERTIFICATES:
        raise Malformed("certificates")
    return found


def _of_x509_data(data: etree._Element) -> list[bytes]:
    found = []
    for part in data:
        name = _name(part)
        if name == "X509Certificate":
            if len(part.text or "") > 2 * MOST_BYTES:
                raise Malformed("certificate_large")
            found.append(_decoded(part, most=2 * MOST_BYTES))
        elif name not in _X509_LEAVES:
            raise Malformed("key_info")
    return found


def _children(
    element: etree._Element, *names: str, attributes: frozenset[str] = frozenset()
) -> tuple[etree._Element, ...]:
    """The children, which must have exactly these names in this order, with nothing but white space between them."""
    found = tuple(element)
    if tuple(_name(one) for one in found) != names or not attributes.issuperset(map(str, element.keys())):
        raise Malformed("grammar")
    if not all(_blank(text) for text in (element.text, *(one.tail for one in found))):
        raise Malformed("grammar")
    return found


def _blank(text: str | None) -> bool:
    return not (text or "").strip(_BLANKS)


def _name(element: etree._Element) -> str:
    name = etree.QName(element)
    return name.localname if name.namespace == XMLDSIG else ""


def _algorithm(element: etree._Element, known: Mapping[str, object], word: str) -> str:
    """Its Algorithm, one of those known, without parameters."""
    uri = element.get("Algorithm", "")
    if uri not in known or len(element) or not _blank(element.text) or set(element.keys()) != _ALGORITHM:
        raise Malformed(word)
    return uri


def _decoded(element: etree._Element, *, attributes: frozenset[str] = frozenset(), most: int = _LONGEST_VALUE) -> bytes:
    """Its base64 text, decoded strictly: xmlsec would pass over what is none."""
    text = element.text or ""
    if len(element) or not attributes.issuperset(map(str, element.keys())):
        raise Malformed("grammar")
    try:
        found = pybase64.b64decode(text if len(text) <= most else "!", validate=True, ignorechars=_BLANKS.encode())
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None
    if not found:
        raise Malformed("base64")
    return found
