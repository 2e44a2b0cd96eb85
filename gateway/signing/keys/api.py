"""What a signing key can do, wherever it is kept."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Algorithm(StrEnum):
    """Signature methods of the profile, an allow-list. RSA is PKCS#1 v1.5, ECDSA values are `r||s` (not DER)."""

    RSA_SHA256 = "rsa-sha256"
    RSA_SHA384 = "rsa-sha384"
    RSA_SHA512 = "rsa-sha512"
    ECDSA_P256_SHA256 = "ecdsa-sha256"
    ECDSA_P384_SHA384 = "ecdsa-sha384"

    @property
    def uri(self) -> str:
        """Its SignatureMethod (RFC 9231)."""
        return f"http://www.w3.org/2001/04/xmldsig-more#{self.value}"


class SigningKey(Protocol):
    """A private key with its certificate. Every implementation gives the same bytes for RSA, and valid ones for ECDSA."""

    @property
    def certificate(self) -> bytes:
        """The leaf certificate, DER."""

    @property
    def algorithm(self) -> Algorithm:
        """What `sign` does."""

    def sign(self, message: bytes) -> bytes:
        """The signature value over `message`, which is hashed here. Blocks: call it in a thread, never on the loop.

        Raises KeyUnusable.
        """


class KeyUnusable(Exception):
    """A key cannot be used now. `reason` is a stable word of `gateway.signing.keys.reasons`, which explains it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Keys(Protocol):
    """The keys of this installation."""

    async def current(self, unit_code: str, now: datetime) -> SigningKey | None:
        """The key that signs for a unit at a time; None where none is configured. Raises KeyUnusable.

        Asynchronous because it sees what was changed: rows, files, and a token that has come back.
        """
