"""Keys sign the SignedInfo of a packet and nothing else: whoever holds a key object cannot have a document signed.

NĐ 30/2020 Điều 32: an organisation's key signs what its authorised person has signed. The gateway signs packets (G-20).
Every `SigningKey.sign` calls this first, wherever the key is kept; a test walks them all.
"""

import re

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"

LONGEST = 1024 * 1024
"""Bytes of a SignedInfo. One that names a thousand files has some 330 kB."""


class NotSignedInfo(ValueError):
    """Something other than a SignedInfo was given to a key to sign: a fault of the program, never of the key."""


def signed_info(message: bytes) -> bytes:
    """The message, if it is a SignedInfo in exclusive C14N. Raises NotSignedInfo.

    All of it is looked at: the elements of a SignedInfo, their attributes, digests, and nothing else.
    """
    if len(message) > LONGEST or _SIGNED_INFO.fullmatch(message) is None:
        raise NotSignedInfo("only a SignedInfo is ever signed")
    return message


def _method(name: str) -> str:
    return rf'<{name} Algorithm="[!#-;=?-~]{{1,200}}"></{name}>'


_REFERENCE = (
    rf'<Reference URI="[!#-;=?-~]{{0,200}}"><Transforms>(?:{_method("Transform")}){{1,2}}</Transforms>'
    rf"{_method('DigestMethod')}<DigestValue>[A-Za-z0-9+/]{{27,86}}={{0,2}}</DigestValue></Reference>"
)
_SIGNED_INFO = re.compile(
    rf'<SignedInfo xmlns="{re.escape(XMLDSIG)}">{_method("CanonicalizationMethod")}{_method("SignatureMethod")}'
    rf"(?:{_REFERENCE}){{1,1002}}</SignedInfo>".encode()
)

CHECK = (
    f'<SignedInfo xmlns="{XMLDSIG}">'
    '<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></CanonicalizationMethod>'
    '<SignatureMethod Algorithm="urn:lienthong:key-check"></SignatureMethod>'
    '<Reference URI="urn:lienthong:key-check"><Transforms><Transform Algorithm="urn:lienthong:key-check"></Transform>'
    '</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
    "<DigestValue>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</DigestValue></Reference></SignedInfo>"
).encode()
"""What is signed to try a key: a SignedInfo by its form, and under no packet."""
