"""Writes an ordinary enveloped signature, for a partner whose profile asks for one. It does not survive the axis.

The digest and the signed bytes are made here, so that the key may be one that never leaves its token.
"""

import base64
import hashlib
from io import BytesIO

from lxml import etree

from gateway.edxml.sinks import Source
from gateway.signing.keys.api import SigningKey
from gateway.signing.xmldsig import algorithms
from gateway.signing.xmldsig.algorithms import XMLDSIG
from gateway.signing.xmldsig.whole import parse
from gateway.signing.xmldsig.words import Malformed

_DIGEST = "http://www.w3.org/2001/04/xmlenc#sha256"


def signed_enveloped(packet: Source, key: SigningKey, *, most_bytes: int) -> bytes:
    """An unsigned packet of ours with a signature over all of it, as the last child of edXMLHeader.

    Blocks as `SigningKey.sign` does, and takes memory of about six times the packet's size. Raises KeyUnusable, and
    Malformed `signature.packet_too_large`, `.not_one` (it is signed already) or `.place` (it has no edXMLHeader).
    """
    if packet.size > most_bytes:
        raise Malformed("packet_too_large")
    with packet.open() as stream:
        root = parse(stream)
    header = root.find("{*}edXMLEnvelope/{*}edXMLHeader")
    if header is None:
        raise Malformed("place")
    if next(root.iter("{*}Signature", "{*}DigitalSignature"), None) is not None:
        raise Malformed("not_one")
    canonical = etree.tostring(root.getroottree(), method="c14n", exclusive=True, with_comments=False)
    signed_info = _signed_info(hashlib.sha256(canonical).digest(), key.algorithm.uri)
    del canonical
    header.append(_signature(signed_info, key.sign(signed_info), key.certificate))
    out = BytesIO()
    root.getroottree().write(out, encoding="UTF-8", xml_declaration=True)
    return out.getvalue()


def _signed_info(digest: bytes, method_uri: str) -> bytes:
    """SignedInfo as its own exclusive C14N, which is what is signed."""
    transforms = "".join(
        f'<Transform Algorithm="{uri}"></Transform>' for uri in (algorithms.ENVELOPED, algorithms.EXCLUSIVE)
    )
    return (
        f'<SignedInfo xmlns="{XMLDSIG}">'
        f'<CanonicalizationMethod Algorithm="{algorithms.EXCLUSIVE}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{method_uri}"></SignatureMethod>'
        f'<Reference URI=""><Transforms>{transforms}</Transforms><DigestMethod Algorithm="{_DIGEST}"></DigestMethod>'
        f"<DigestValue>{base64.b64encode(digest).decode()}</DigestValue></Reference></SignedInfo>"
    ).encode()


def _signature(signed_info: bytes, value: bytes, certificate: bytes) -> etree._Element:
    return etree.fromstring(
        f'<Signature xmlns="{XMLDSIG}">'.encode()
        + signed_info
        + b"<SignatureValue>"
        + base64.b64encode(value)
        + b"</SignatureValue><KeyInfo><X509Data><X509Certificate>"
        + base64.b64encode(certificate)
        + b"</X509Certificate></X509Data></KeyInfo></Signature>"
    )
