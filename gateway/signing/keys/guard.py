"""Keys sign the SignedInfo of a packet and nothing else: whoever holds a key object cannot have a document signed.

NĐ 30/2020 Điều 32: an organisation's key signs what its authorised person has signed. The gateway signs packets.
"""

_BEGINS = b'<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><CanonicalizationMethod Algorithm="'
_ENDS = b"</SignedInfo>"
_MOST = 8 * 1024 * 1024
"""A packet's references, some 400 bytes each."""

CHECK = (
    _BEGINS
    + b'http://www.w3.org/2001/10/xml-exc-c14n#"></CanonicalizationMethod>'
    + b'<Reference URI="urn:lienthong:key-check"></Reference></SignedInfo>'
)
"""What is signed to try a key: a SignedInfo by its form, and under no packet."""


class NotSignedInfo(ValueError):
    """Something other than a SignedInfo was given to a key to sign: a fault of the program, never of the key."""


def signed_info(message: bytes) -> bytes:
    """The message, if it is a SignedInfo in exclusive C14N. Raises NotSignedInfo."""
    if not (message.startswith(_BEGINS) and message.endswith(_ENDS) and len(message) <= _MOST):
        raise NotSignedInfo("only a SignedInfo is ever signed")
    return message
