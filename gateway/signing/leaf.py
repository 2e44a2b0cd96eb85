"""The signer's certificate as it came with a signature: bounded and looked at before any library trusts its numbers."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.signing.facts import CertificateFact
from gateway.signing.keys.api import Algorithm
from gateway.signing.methods import methods_of
from gateway.signing.words import Malformed

MOST_BYTES = 16 * 1024
"""Bytes of one certificate; real ones have one to three thousand."""

SERIAL_BYTES = 20
"""RFC 5280 4.1.2.2."""

_SHOWN = 500
"""Characters of a name that are kept."""


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
        begins, ends = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return CertificateFact(
            sha256=hashlib.sha256(self.der).hexdigest(),
            subject=_shown(self.certificate.subject),
            issuer=_shown(self.certificate.issuer),
            serial=f"{self.certificate.serial_number:x}",
            not_before=begins,
            not_after=ends,
            key=self.key,
            valid_at_receipt=begins <= at <= ends,
        )


def read_leaf(der: bytes) -> Leaf:
    """Raises Malformed `certificate_large`, `certificate` or `der_number`."""
    if len(der) > MOST_BYTES:
        raise Malformed("certificate_large")
    _look_at_numbers(der)
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


def _shown(name: x509.Name) -> str:
    return name.rfc4514_string()[:_SHOWN]


# A few steps of DER, enough to find the numbers of a certificate (RFC 5280 4.1; X.690 8.1, 8.3).

_SEQUENCE, _INTEGER, _BIT_STRING, _VERSION = 0x30, 0x02, 0x03, 0xA0
_RSA_KEY = bytes.fromhex("06092a864886f70d010101")
_MOST_RSA_BYTES = 16_384 // 8


def _look_at_numbers(der: bytes) -> None:
    """The serial number and an RSA key's numbers: positive, of bounded length, written as DER demands."""
    certificate = _parts(der, 0, len(der))
    if len(certificate) != 1 or certificate[0][0] != _SEQUENCE:
        raise Malformed("certificate")
    outer = _parts(der, *certificate[0][1:])
    if len(outer) != 3 or outer[0][0] != _SEQUENCE:
        raise Malformed("certificate")
    body = _parts(der, *outer[0][1:])
    if body and body[0][0] == _VERSION:
        del body[0]
    if len(body) < 6 or body[0][0] != _INTEGER or body[5][0] != _SEQUENCE:
        raise Malformed("certificate")
    _natural(der, *body[0][1:], most=SERIAL_BYTES)
    key = _parts(der, *body[5][1:])
    if len(key) != 2 or key[1][0] != _BIT_STRING:
        raise Malformed("certificate")
    if der[key[0][1] :].startswith(_RSA_KEY):
        numbers = _parts(der, key[1][1] + 1, key[1][2])
        for tag, begin, end in _parts(der, *numbers[0][1:]) if len(numbers) == 1 else ():
            if tag != _INTEGER:
                raise Malformed("certificate")
            _natural(der, begin, end, most=_MOST_RSA_BYTES)


def _parts(der: bytes, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Tag, beginning and end of the content of each element between two places, which they must fill."""
    found = []
    while begin < end:
        if end - begin < 2:
            raise Malformed("certificate")
        tag, length, at = der[begin], der[begin + 1], begin + 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 3 or at + octets > end:  # indefinite, or longer than any certificate may be
                raise Malformed("certificate")
            length, at = int.from_bytes(der[at : at + octets], "big"), at + octets
        if at + length > end:
            raise Malformed("certificate")
        found.append((tag, at, at + length))
        begin = at + length
    return found


def _natural(der: bytes, begin: int, end: int, *, most: int) -> None:
    number = der[begin:end]
    negative = not number or number[0] >= 0x80
    padded = len(number) > 1 and number[0] == 0 and number[1] < 0x80
    if negative or padded or len(number.lstrip(b"\0")) > most or not any(number):
        raise Malformed("der_number")
