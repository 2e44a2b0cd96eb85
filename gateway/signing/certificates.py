"""What can be read from a certificate itself: is its key good enough, may it sign, until when."""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.signing.facts import CertificateFact
from gateway.signing.keys.api import Algorithm

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

MAX_BYTES = 64 * 1024
"""Of one certificate, DER. Real ones have 1 to 4 kB."""
LEAST_RSA_BITS = 2048
MOST_RSA_BITS = 16_384
MOST_EXPONENT_BITS = 64
"""Larger numbers make each look at a signature as slow as signing, or slower."""
_SHOWN = 500
"""Characters of a name that are kept."""

_CURVES: dict[str, Algorithm] = {
    ec.SECP256R1.name: Algorithm.ECDSA_P256_SHA256,
    ec.SECP384R1.name: Algorithm.ECDSA_P384_SHA384,
}
_RSA = frozenset({Algorithm.RSA_SHA256, Algorithm.RSA_SHA384, Algorithm.RSA_SHA512})
_KNOWN_CRITICAL = frozenset(
    one.oid
    for one in (
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.CertificatePolicies,
        x509.SubjectAlternativeName,
        x509.NameConstraints,
        x509.CRLDistributionPoints,
    )
)
_REFUSALS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that are not as they should be."""


class Flaw(StrEnum):
    """Why a certificate cannot stand for a packet's signature, seen from itself alone."""

    UNREADABLE = "certificate_unreadable"
    WEAK_KEY = "weak_key"
    UNSUPPORTED_KEY = "unsupported_key"
    KEY_USAGE = "key_usage"
    PURPOSE = "extended_key_usage"
    UNKNOWN_CRITICAL = "unknown_critical_extension"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"


class CertificateUnreadable(ValueError):
    """The bytes are no certificate, or one that breaks its own rules."""


def read(der: bytes) -> x509.Certificate:
    """The certificate in DER bytes, its key and extensions known to be readable. Raises CertificateUnreadable."""
    if not 0 < len(der) <= MAX_BYTES:
        raise CertificateUnreadable("size")
    try:
        found = x509.load_der_x509_certificate(der)
        found.public_key()
        _ = (found.extensions, found.subject, found.issuer, found.serial_number, found.not_valid_after_utc)
    except _REFUSALS as error:
        raise CertificateUnreadable(type(error).__name__) from None
    return found


def der_of(certificate: x509.Certificate) -> bytes:
    """Its bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def sha256(certificate: x509.Certificate) -> str:
    """Its fingerprint: lower-case hex of the DER's SHA-256."""
    return hashlib.sha256(der_of(certificate)).hexdigest()


def key_sha256(certificate: x509.Certificate) -> str:
    """Of its SubjectPublicKeyInfo: the same for every certificate of one key (unlike the key identifier it writes
    itself, nobody can claim another's)."""
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).hexdigest()


def fact_of(certificate: x509.Certificate, der: bytes, key: str, at: datetime) -> CertificateFact:
    """What is said of a signer's certificate; `key` names its kind, its own dates are judged at a time (of receipt)."""
    return CertificateFact(
        sha256=hashlib.sha256(der).hexdigest(),
        subject=_shown(certificate.subject),
        issuer=_shown(certificate.issuer),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        valid_at_receipt=date_flaw(certificate, at) is None,
    )


def public_key(certificate: x509.Certificate) -> PublicKey | Flaw:
    """The key of an allowed kind and size: RSA from 2048 bits, P-256, P-384; else what is wrong with it."""
    found = certificate.public_key()
    if isinstance(found, rsa.RSAPublicKey):
        exponent = found.public_numbers().e
        if found.key_size < LEAST_RSA_BITS or exponent < 3:
            return Flaw.WEAK_KEY
        slow = found.key_size > MOST_RSA_BITS or exponent.bit_length() > MOST_EXPONENT_BITS
        return Flaw.UNSUPPORTED_KEY if slow else found
    if isinstance(found, ec.EllipticCurvePublicKey) and found.curve.name in _CURVES:
        return found
    return Flaw.UNSUPPORTED_KEY


def algorithm_for(key: PublicKey, wanted: Algorithm | None = None) -> Algorithm:
    """How a key signs: as wanted if it can, RSA with SHA-256 and ECDSA by its curve else. Raises ValueError."""
    if isinstance(key, rsa.RSAPublicKey):
        if wanted is not None and wanted not in _RSA:
            raise ValueError("not an RSA algorithm")
        return wanted or Algorithm.RSA_SHA256
    own = _CURVES[key.curve.name]
    if wanted not in (None, own):
        raise ValueError("not this curve's algorithm")
    return own


def usage_flaw(certificate: x509.Certificate, purposes: frozenset[str]) -> Flaw | None:
    """Whether its own words forbid it to sign: key usage (RFC 5280 4.2.1.3), purposes, unknown critical extensions."""
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            return Flaw.UNKNOWN_CRITICAL
        value = extension.value
        if isinstance(value, x509.KeyUsage) and not (value.digital_signature or value.content_commitment):
            return Flaw.KEY_USAGE
        if isinstance(value, x509.ExtendedKeyUsage):
            named = {one.dotted_string for one in value}
            if not named & (purposes | {ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string}):
                return Flaw.PURPOSE
    return None


def date_flaw(certificate: x509.Certificate, at: datetime) -> Flaw | None:
    """Whether it is within its dates."""
    if at < certificate.not_valid_before_utc:
        return Flaw.NOT_YET_VALID
    return Flaw.EXPIRED if at > certificate.not_valid_after_utc else None


def days_left(certificate: x509.Certificate, now: datetime) -> int:
    """Whole days until it ends; negative when it has ended."""
    return (certificate.not_valid_after_utc - now.astimezone(UTC)).days


def _shown(name: x509.Name) -> str:
    return name.rfc4514_string()[:_SHOWN]
