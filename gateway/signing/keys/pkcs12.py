"""A key and its certificate in a PKCS#12 file (.p12, .pfx), as authorities hand them out; RC2 and 3DES among them."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable, Flaw
from gateway.signing.keys import pem
from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.software import SoftwareKey

_DATA = bytes.fromhex("06092a864886f70d010701")
"""The object identifier near the beginning of every PFX (RFC 7292 4)."""


def load(
    data: bytes, certificate: bytes | None, passphrase: str | None = None, wanted: Algorithm | None = None
) -> SoftwareKey:
    """The key of a PFX with its own certificate, or with the one given. Raises KeyUnusable."""
    try:
        private, own, _ = load_key_and_certificates(data, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        is_pfx = data[:1] == b"\x30" and _DATA in data[:64]
        raise KeyUnusable(Fault.PHRASE_WRONG if is_pfx else Fault.UNREADABLE) from None
    if private is None:
        raise KeyUnusable(Fault.UNREADABLE)
    if certificate is not None:
        return SoftwareKey(private, pem.certificate_in(certificate), wanted)
    if own is None:
        raise KeyUnusable(Fault.CERTIFICATE_MISSING)
    try:
        return SoftwareKey(private, certificates.read(certificates.der_of(own)), wanted)
    except CertificateUnreadable:
        raise KeyUnusable(Flaw.UNREADABLE) from None
