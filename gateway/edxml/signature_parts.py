"""A packet signature as the vendor's library knows it: what is written, and what is left of one that went through it.

Of a Signature in whatever namespace the library keeps the parts below and nothing else, and writes them anew in the
packet's own namespace, unprefixed, re-indented (packet format 5, 10.2). Our own signatures are written the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from gateway.edxml.layout import BLANKS
from gateway.edxml.signature_seen import SignatureSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceParts:
    """One Reference. `transforms` are the algorithms of its Transforms, in order."""

    uri: str | None = None
    transforms: tuple[str, ...] = ()
    digest_method: str | None = None
    digest_value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureParts:
    """One Signature. `canonicalization` and `method` are algorithms; base64 values are text as it stands."""

    canonicalization: str | None = None
    method: str | None = None
    references: tuple[ReferenceParts, ...] = ()
    value: str | None = None
    subject_name: str | None = None
    certificate: str | None = None

    def lines(self, indent: str) -> Iterator[str]:
        """The element as indented lines without their ends. What is empty is left out."""
        yield f"{indent}<Signature>"
        yield f"{indent}  <SignedInfo>"
        inner = indent + "    "
        yield from _method("CanonicalizationMethod", self.canonicalization, inner)
        yield from _method("SignatureMethod", self.method, inner)
        for reference in self.references:
            yield from _reference(reference, inner)
        yield f"{indent}  </SignedInfo>"
        yield from _leaf("SignatureValue", self.value, indent + "  ")
        if self.subject_name or self.certificate:
            yield f"{indent}  <KeyInfo>"
            yield f"{inner}<X509Data>"
            yield from _leaf("X509SubjectName", self.subject_name, inner + "  ")
            yield from _leaf("X509Certificate", self.certificate, inner + "  ")
            yield f"{inner}</X509Data>"
            yield f"{indent}  </KeyInfo>"
        yield f"{indent}</Signature>"

    def texts(self) -> Iterator[str]:
        """Every text that is written."""
        for text in (self.canonicalization, self.method, self.value, self.subject_name, self.certificate):
            yield text or ""
        for reference in self.references:
            yield from (reference.uri or "", *reference.transforms)
            yield from (reference.digest_method or "", reference.digest_value or "")


def survive_signature(seen: SignatureSeen) -> SignatureParts | None:
    """What is left of a packet's signature after one pass; None when there is none (or none that was kept).

    `Id`, `Type`, Object, children of a Transform, KeyName and all certificates but the first are lost; of two
    Signatures the last has been kept by the reader.
    """
    if seen.xml is None:
        return None
    signature = etree.fromstring(seen.xml, _PARSER)
    if _local(signature) != "Signature":
        return None
    info = _child(signature, "SignedInfo")
    data = _child(_child(signature, "KeyInfo"), "X509Data")
    return SignatureParts(
        canonicalization=_algorithm(_child(info, "CanonicalizationMethod")),
        method=_algorithm(_child(info, "SignatureMethod")),
        references=tuple(_reference_parts(each) for each in _children(info, "Reference")),
        value=_text(_child(signature, "SignatureValue")),
        subject_name=_text(_child(data, "X509SubjectName")),
        certificate=_text(_child(data, "X509Certificate")),
    )


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _reference_parts(reference: etree._Element) -> ReferenceParts:
    transforms = _children(_child(reference, "Transforms"), "Transform")
    return ReferenceParts(
        uri=reference.get("URI"),
        transforms=tuple(name for each in transforms if (name := _algorithm(each))),
        digest_method=_algorithm(_child(reference, "DigestMethod")),
        digest_value=_text(_child(reference, "DigestValue")),
    )


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _children(parent: etree._Element | None, name: str) -> list[etree._Element]:
    return [] if parent is None else [child for child in parent if _local(child) == name]


def _child(parent: etree._Element | None, name: str) -> etree._Element | None:
    return next(iter(_children(parent, name)), None)


def _algorithm(method: etree._Element | None) -> str | None:
    return None if method is None else method.get("Algorithm")


def _text(element: etree._Element | None) -> str | None:
    return None if element is None else (element.text or "").strip(BLANKS) or None


def _reference(reference: ReferenceParts, indent: str) -> Iterator[str]:
    uri = "" if reference.uri is None else f' URI="{_escaped(reference.uri)}"'
    yield f"{indent}<Reference{uri}>"
    if reference.transforms:
        yield f"{indent}  <Transforms>"
        for transform in reference.transforms:
            yield from _method("Transform", transform, indent + "    ")
        yield f"{indent}  </Transforms>"
    yield from _method("DigestMethod", reference.digest_method, indent + "  ")
    yield from _leaf("DigestValue", reference.digest_value, indent + "  ")
    yield f"{indent}</Reference>"


def _method(name: str, algorithm: str | None, indent: str) -> Iterator[str]:
    if algorithm:
        yield f'{indent}<{name} Algorithm="{_escaped(algorithm)}" />'


def _leaf(name: str, text: str | None, indent: str) -> Iterator[str]:
    if text:
        yield f"{indent}<{name}>{_replaced(text, _IN_CONTENT)}</{name}>"


def _escaped(text: str) -> str:
    """Text fit for an attribute in double quotes, blanks kept as they are."""
    return _replaced(text, (*_IN_CONTENT, *_IN_ATTRIBUTES))


def _replaced(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for character, written in escapes:
        text = text.replace(character, written)
    return text


_IN_CONTENT = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))
_IN_ATTRIBUTES = (('"', "&quot;"), ("\t", "&#9;"), ("\n", "&#10;"))
