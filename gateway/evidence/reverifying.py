"""Verifies packet signatures anew from a bundle, as far as that needs no gateway."""

from datetime import datetime

from gateway.edxml.limits import MB
from gateway.edxml.reader import ReadPacket
from gateway.edxml.sinks import Source
from gateway.signing.facts import UNSIGNED, Scheme, SignatureFacts
from gateway.signing.verify import look
from gateway.signing.xmldsig.verifying import parts_of, verify

_MOST_BYTES = 200 * MB
"""The largest setting."""


def reverified(packet: Source, read: ReadPacket, stored: SignatureFacts, at: datetime) -> SignatureFacts | None:
    """The facts anew; None for a signature of another scheme, and where they were not determined then either."""
    if not read.signature.present:
        return UNSIGNED
    if stored.scheme is Scheme.PROFILE_1:
        return look(read, received=at).facts
    if stored.scheme not in (Scheme.XMLDSIG, Scheme.PLACEHOLDER, None) or (
        stored.intact is None and stored.well_formed is not False
    ):
        return None
    return verify(packet, read.signature, parts_of(read), at=at, accept_sha1=bool(stored.weak), most_bytes=_MOST_BYTES)
