"""A key from a PEM file, with its certificate; signs through xmlsec's binary operations."""

import xmlsec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from xmlsec import constants

from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.guard import signed_info
from gateway.signing.methods import TRANSFORMS, methods_of


class FileKey:
    """A private key held in memory. May be used by several threads at a time."""

    def __init__(
        self, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: bytes, algorithm: Algorithm
    ) -> None:
        self._certificate = certificate
        self._algorithm = algorithm
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._key = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)

    @property
    def certificate(self) -> bytes:
        """The leaf certificate, DER."""
        return self._certificate

    @property
    def algorithm(self) -> Algorithm:
        """What `sign` does."""
        return self._algorithm

    def sign(self, message: bytes) -> bytes:
        """The signature value over a SignedInfo; ECDSA as r||s. Raises NotSignedInfo."""
        context = xmlsec.SignatureContext()  # of one use only: a second one raises
        context.key = self._key
        return context.sign_binary(signed_info(message), TRANSFORMS[self._algorithm])


def load(key: bytes, certificate: bytes, passphrase: str | None = None, wanted: Algorithm | None = None) -> FileKey:
    """The key of PEM text (PKCS#8, PKCS#1, SEC 1, encrypted or not), with its certificate (PEM or DER; the first of several).

    Opens no file. `wanted` is for RSA, which has a choice; else SHA-256, or the curve's own. Raises KeyUnusable
    `key_unreadable`, `passphrase_wrong`, `certificate_unreadable`, `unsupported_key`, `weak_key`, `algorithm_mismatch`,
    `certificate_mismatch`.
    """
    private = _private(key, passphrase.encode() if passphrase else None)
    leaf = _certificate(certificate)
    methods = methods_of(private.public_key())
    if not methods:
        raise KeyUnusable("weak_key" if isinstance(private, rsa.RSAPrivateKey) else "unsupported_key")
    if wanted is not None and wanted not in methods:
        raise KeyUnusable("algorithm_mismatch")
    try:
        belongs = leaf.public_key() == private.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable("certificate_unreadable") from None
    if not belongs:
        raise KeyUnusable("certificate_mismatch")
    return FileKey(private, leaf.public_bytes(serialization.Encoding.DER), wanted or methods[0])


def _private(key: bytes, passphrase: bytes | None) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        private = serialization.load_pem_private_key(key, passphrase)
    except TypeError:  # given and not needed, or the other way round
        raise KeyUnusable("passphrase_wrong") from None
    except (ValueError, UnsupportedAlgorithm):
        encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in key or b"Proc-Type: 4,ENCRYPTED" in key
        raise KeyUnusable("passphrase_wrong" if encrypted else "key_unreadable") from None
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnusable("unsupported_key")
    return private


def _certificate(data: bytes) -> x509.Certificate:
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except (ValueError, x509.InvalidVersion):
        raise KeyUnusable("certificate_unreadable") from None
