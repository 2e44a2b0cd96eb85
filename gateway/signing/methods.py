"""Signature methods: which keys each goes with, and computing one over given bytes with xmlsec. An allow-list."""

from types import MappingProxyType

import xmlsec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from xmlsec import constants

from gateway.signing.keys.api import Algorithm

TRANSFORMS = MappingProxyType(
    {
        Algorithm.RSA_SHA256: constants.TransformRsaSha256,
        Algorithm.RSA_SHA384: constants.TransformRsaSha384,
        Algorithm.RSA_SHA512: constants.TransformRsaSha512,
        Algorithm.ECDSA_P256_SHA256: constants.TransformEcdsaSha256,
        Algorithm.ECDSA_P384_SHA384: constants.TransformEcdsaSha384,
    }
)
"""As xmlsec names them."""

RSA_BITS = range(2048, 16_384 + 1)
"""Sizes of RSA keys. Below is weak; above, OpenSSL refuses to compute."""

EXPONENT_BITS = 64
"""The most that a public exponent may have: a huge one makes each verification as slow as signing."""


def methods_of(public: object) -> tuple[Algorithm, ...]:
    """The methods that a public key may be used with, the usual one first; none for a weak or unknown kind."""
    if isinstance(public, rsa.RSAPublicKey):
        usable = public.key_size in RSA_BITS and public.public_numbers().e.bit_length() <= EXPONENT_BITS
        return (Algorithm.RSA_SHA256, Algorithm.RSA_SHA384, Algorithm.RSA_SHA512) if usable else ()
    if isinstance(public, ec.EllipticCurvePublicKey):
        if isinstance(public.curve, ec.SECP256R1):
            return (Algorithm.ECDSA_P256_SHA256,)
        if isinstance(public.curve, ec.SECP384R1):
            return (Algorithm.ECDSA_P384_SHA384,)
    return ()


def value_bytes(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> int:
    """The length of every signature value of a key: the modulus, or `r||s`."""
    octets = (public.key_size + 7) // 8
    return octets if isinstance(public, rsa.RSAPublicKey) else 2 * octets


def verifies(
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, algorithm: Algorithm, message: bytes, value: bytes
) -> bool:
    """Whether a value is the key's signature over the message. The method has to be one of `methods_of`."""
    if algorithm not in methods_of(public) or len(value) != value_bytes(public):
        return False
    # written anew: xmlsec sees the key's numbers, never what a stranger encoded
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    context = xmlsec.SignatureContext()  # good for one use
    try:
        context.key = xmlsec.Key.from_memory(spki, constants.KeyDataFormatDer)
        context.verify_binary(message, TRANSFORMS[algorithm], value)
    except xmlsec.Error:
        return False
    return True
