"""The signer's certificate as it came with a signature: looked at within bounds before any library trusts its lengths."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.signing.certificates import fact_of
from gateway.signing.der import BadDer, look_at_numbers
from gateway.signing.facts import CertificateFact
from gateway.signing.xmldsig.algorithms import KeyKind
from gateway.signing.xmldsig.words import Malformed

MOST_BYTES = 16 * 1024
"""Bytes of one certificate; real ones have one to three thousand."""

MOST_CERTIFICATES = 8
"""In one signature; real chains have at most four."""

_RSA_BITS = range(2048, 8192 + 1)
_RSA_EXPONENTS = range(65537, 2**64)
"""FIPS 186-5 5.4: odd and above 2¹⁶; the bound above keeps a verification short."""

_CURVES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate whose key may verify. `value_size` is the length of its signatures in bytes.

    `public_key` is the SubjectPublicKeyInfo, PEM.
    """

    der: bytes
    kind: KeyKind
    name: str
    value_size: int
    public_key: bytes
    certificate: x509.Certificate

    def fact(self, at: datetime) -> CertificateFact:
        """What is said of it; its own dates are judged at a time (that of receipt)."""
        return fact_of(self.certificate, self.der, self.name, at)


def leaf_of(certificates: Sequence[bytes]) -> Leaf:
    """The signer's of the certificates (DER) that came: the one that issued none of the others. Raises Malformed."""
    if len(certificates) == 1:
        return _leaf(certificates[0], _certificate(certificates[0]))
    read = {der: _certificate(der) for der in certificates}
    leaves = [
        der
        for der, one in read.items()
        if not any(one.subject == other.issuer for other_der, other in read.items() if other_der != der)
    ]
    if len(leaves) != 1:
        raise Malformed("certificates")
    return _leaf(leaves[0], read[leaves[0]])


def _certificate(der: bytes) -> x509.Certificate:
    if len(der) > MOST_BYTES:
        raise Malformed("certificate_large")
    try:
        look_at_numbers(der, rsa_bytes=_RSA_BITS[-1] // 8)
    except BadDer as bad:
        raise Malformed(bad.word) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own remarks on odd certificates; ours are reasons
            certificate = x509.load_der_x509_certificate(der)
            _ = (
                certificate.subject,
                certificate.issuer,
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
            )
    except (ValueError, TypeError, x509.InvalidVersion):
        raise Malformed("certificate") from None
    return certificate


def _leaf(der: bytes, certificate: x509.Certificate) -> Leaf:
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        raise Malformed("key_kind") from None
    except ValueError:  # an exponent below 3, a point that is not on its curve
        raise Malformed("weak_key") from None
    match key:
        case rsa.RSAPublicKey():
            numbers = key.public_numbers()
            if key.key_size not in _RSA_BITS or numbers.e not in _RSA_EXPONENTS or not numbers.e & numbers.n & 1:
                raise Malformed("weak_key")
            kind, name, size = KeyKind.RSA, f"rsa-{key.key_size}", (key.key_size + 7) // 8
        case ec.EllipticCurvePublicKey() if key.curve.name in _CURVES:
            kind, name, size = KeyKind.ECDSA, _CURVES[key.curve.name], 2 * ((key.curve.key_size + 7) // 8)
        case _:
            raise Malformed("key_kind")
    public_key = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Leaf(der=der, kind=kind, name=name, value_size=size, public_key=public_key, certificate=certificate)
