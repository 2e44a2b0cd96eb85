"""A key and its certificate as PEM text, in one file or in two."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable, Flaw
from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.software import SoftwareKey

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


def load(
    key: bytes, certificate: bytes | None, passphrase: str | None = None, wanted: Algorithm | None = None
) -> SoftwareKey:
    """The key of PEM text (PKCS#8, PKCS#1, SEC 1, encrypted or not), with the certificate given (PEM or DER).

    Without one it is looked for beside the key. Raises KeyUnusable.
    """
    secret = passphrase.encode() if passphrase else None
    try:
        private = load_pem_private_key(key, secret)
    except TypeError:
        raise KeyUnusable(Fault.PHRASE_WRONG) from None  # given and not needed, or the other way round
    except (ValueError, UnsupportedAlgorithm):
        encrypted = any(mark in key for mark in _ENCRYPTED)
        raise KeyUnusable(Fault.PHRASE_WRONG if encrypted else Fault.UNREADABLE) from None
    return SoftwareKey(private, certificate_in(key if certificate is None else certificate), wanted)


def certificate_in(data: bytes) -> x509.Certificate:
    """The first certificate of a file, PEM or DER. Raises KeyUnusable."""
    return certificates_in(data)[0]


def certificates_in(data: bytes) -> list[x509.Certificate]:
    """All certificates of a file, at least one. Raises KeyUnusable."""
    if b"-----BEGIN" in data and _CERTIFICATE not in data:
        raise KeyUnusable(Fault.CERTIFICATE_MISSING)
    try:
        if _CERTIFICATE not in data:
            return [certificates.read(data)]
        ders = [certificates.der_of(one) for one in x509.load_pem_x509_certificates(data[data.index(_CERTIFICATE) :])]
        return [certificates.read(one) for one in ders]
    except (CertificateUnreadable, ValueError):
        raise KeyUnusable(Flaw.UNREADABLE) from None
