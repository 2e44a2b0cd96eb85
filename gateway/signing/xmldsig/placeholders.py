"""Dummy signatures that the vendor's kit puts into packets: recognised, so that nobody takes them for broken ones.

The kit signs nothing: it copies strings. All its samples bear one signature value, and packets were seen on the axis
that bear it beside a real certificate (packet format 5).
"""

import binascii
import hashlib

import pybase64
from lxml import etree

from gateway.edxml.signature_seen import SignatureSeen

KNOWN_VALUES = frozenset({"84c02a25a4444b7e57b4fb78e4ef2e7681c64030618865204b5dff00fd86430b"})
"""SHA-256 of signature values (decoded) that are dummies: RSA with SHA-1, of 256 bytes."""


def is_placeholder(seen: SignatureSeen) -> bool:
    """Whether the signature cannot be real: by its shape, or because its value is a known dummy."""
    return bool(seen.placeholder) or hashlib.sha256(_value(seen.xml)).hexdigest() in KNOWN_VALUES


def _value(xml: bytes | None) -> bytes:
    """The signature value in whichever namespace; empty when there is none."""
    if xml is None:
        return b""
    signature = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    try:
        return pybase64.b64decode(signature.findtext("{*}SignatureValue") or "", validate=True, ignorechars=b" \t\r\n")
    except (binascii.Error, ValueError):
        return b""
