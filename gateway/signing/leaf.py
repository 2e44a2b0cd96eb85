"""The signer's certificate as it came with a signature: bounded and looked at before any library trusts its numbers."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.signing.certificates import fact_of
from gateway.signing.der import BadDer, look_at_numbers
from gateway.signing.facts import CertificateFact
from gateway.signing.keys.api import Algorithm
from gateway.signing.methods import methods_of
from gateway.signing.words import Malformed

MOST_BYTES = 16 * 1024
"""Bytes of one certificate; real ones have one to three thousand."""

_MOST_RSA_BYTES = 16_384 // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate that can be read. `public` is None for a key that may not verify: then `flaw` says why."""

    der: bytes
    certificate: x509.Certificate
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None
    methods: tuple[Algorithm, ...]
    key: str
    flaw: str | None

    def fact(self, at: datetime) -> CertificateFact:
        """What is said of it; its own dates are judged at a time (that of receipt)."""
        return fact_of(self.certificate, self.der, self.key, at)


def read_leaf(der: bytes) -> Leaf:
    """Raises Malformed `certificate_large`, `certificate` or `der_number`."""
    if len(der) > MOST_BYTES:
        raise Malformed("certificate_large")
    try:
        look_at_numbers(der, rsa_bytes=_MOST_RSA_BYTES)
    except BadDer as bad:
        raise Malformed(bad.word) from None
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = (certificate.subject, certificate.issuer)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, TypeError, OverflowError, x509.InvalidVersion, Warning):  # one where warnings are errors
        raise Malformed("certificate") from None
    public, key, flaw = _public(certificate)
    methods = () if public is None else methods_of(public)
    return Leaf(der=der, certificate=certificate, public=public, methods=methods, key=key, flaw=flaw)


def _public(
    certificate: x509.Certificate,
) -> tuple[rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None, str, str | None]:
    try:
        public = certificate.public_key()
    except UnsupportedAlgorithm:
        return None, "unknown", "key_kind"
    except ValueError:  # an exponent below 3, a point that is not on its curve
        return None, "unknown", "weak_key"
    if isinstance(public, rsa.RSAPublicKey):
        key = f"rsa-{public.key_size}"
        return (public, key, None) if methods_of(public) else (None, key, "weak_key")
    if isinstance(public, ec.EllipticCurvePublicKey):
        key = _CURVES.get(public.curve.name, public.curve.name)
        return (public, key, None) if methods_of(public) else (None, key, "key_kind")
    return None, "unknown", "key_kind"


_CURVES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}
