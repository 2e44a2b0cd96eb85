"""Checking a signature value with a public key, by the profile's allow-list."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway.signing.certificates import PublicKey
from gateway.signing.keys.api import Algorithm

_HASHES: dict[Algorithm, hashes.HashAlgorithm] = {
    Algorithm.RSA_SHA256: hashes.SHA256(),
    Algorithm.RSA_SHA384: hashes.SHA384(),
    Algorithm.RSA_SHA512: hashes.SHA512(),
    Algorithm.ECDSA_P256_SHA256: hashes.SHA256(),
    Algorithm.ECDSA_P384_SHA384: hashes.SHA384(),
}


def agrees(key: PublicKey, algorithm: Algorithm, message: bytes, value: bytes) -> bool:
    """Whether `value` is the signature of a message: our own key looked at, never a partner's packet."""
    hashing = _HASHES[algorithm]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, message, padding.PKCS1v15(), hashing)
        else:
            half = (key.curve.key_size + 7) // 8
            if len(value) != 2 * half:
                return False
            r, s = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashing))
    except (InvalidSignature, ValueError):
        return False
    return True
