"""A key that is held in memory: signs through xmlsec, as PEM and PKCS#12 keys do."""

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.signing import certificates
from gateway.signing.certificates import Flaw
from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.guard import signed_info
from gateway.signing.keys.reasons import Fault
from gateway.signing.methods import TRANSFORMS


class SoftwareKey:
    """A SigningKey from a private key and its certificate. May be used by several threads at a time.

    Raises KeyUnusable: `weak_key`, `unsupported_key`, `certificate_mismatch`, `algorithm_mismatch`.
    """

    def __init__(
        self, private: PrivateKeyTypes, certificate: x509.Certificate, wanted: Algorithm | None = None
    ) -> None:
        public = certificates.public_key(certificate)
        if isinstance(public, Flaw):
            raise KeyUnusable(public)
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise KeyUnusable(Flaw.UNSUPPORTED_KEY)
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size < certificates.LEAST_RSA_BITS:
            raise KeyUnusable(Flaw.WEAK_KEY)
        if private.public_key() != public:
            raise KeyUnusable(Fault.MISMATCH)
        try:
            self._algorithm = certificates.algorithm_for(public, wanted)
        except ValueError:
            raise KeyUnusable(Fault.ALGORITHM) from None
        self._certificate = certificates.der_of(certificate)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)

    @property
    def certificate(self) -> bytes:
        """The leaf certificate, DER."""
        return self._certificate

    @property
    def algorithm(self) -> Algorithm:
        """What `sign` does."""
        return self._algorithm

    def sign(self, message: bytes) -> bytes:
        """The signature over a SignedInfo; ECDSA as r||s. Raises NotSignedInfo."""
        context = xmlsec.SignatureContext()  # of one use only: a second one raises
        context.key = self._key
        return context.sign_binary(signed_info(message), TRANSFORMS[self._algorithm])
