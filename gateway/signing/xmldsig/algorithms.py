"""The algorithms that an ordinary XML signature may use: a closed list (RFC 9231). Never MD5, HMAC, DSA or RSA-PSS."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"

ENVELOPED = f"{XMLDSIG}enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

CANONICALIZATIONS: Mapping[str, bool] = MappingProxyType(
    {
        INCLUSIVE: False,
        f"{INCLUSIVE}#WithComments": False,
        "http://www.w3.org/2006/12/xml-c14n11": False,
        "http://www.w3.org/2006/12/xml-c14n11#WithComments": False,
        EXCLUSIVE: True,
        f"{EXCLUSIVE}WithComments": True,
    }
)
"""Accepted ones, and whether each is exclusive.

Those with comments are safe: a Reference with `URI=""` leaves comments out before any of them, and a comment inside
SignedInfo is refused.
"""


class KeyKind(StrEnum):
    """Kinds of public key."""

    RSA = "rsa"
    ECDSA = "ecdsa"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureMethod:
    """One that is known. `weak` ones are verified for a partner that is allowed them."""

    name: str
    kind: KeyKind
    weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestMethod:
    """One that is known. `name` is hashlib's, `size` the bytes of its value."""

    name: str
    size: int
    weak: bool = False


SIGNATURE_METHODS: Mapping[str, SignatureMethod] = MappingProxyType(
    {
        f"{XMLDSIG}rsa-sha1": SignatureMethod(name="rsa-sha1", kind=KeyKind.RSA, weak=True),
        **{
            f"{_MORE}{kind}-sha{bits}": SignatureMethod(name=f"{kind}-sha{bits}", kind=kind)
            for kind in KeyKind
            for bits in (256, 384, 512)
        },
    }
)

DIGEST_METHODS: Mapping[str, DigestMethod] = MappingProxyType(
    {
        f"{XMLDSIG}sha1": DigestMethod(name="sha1", size=20, weak=True),
        f"{_ENC}sha256": DigestMethod(name="sha256", size=32),
        f"{_MORE}sha384": DigestMethod(name="sha384", size=48),
        f"{_ENC}sha512": DigestMethod(name="sha512", size=64),
    }
)
