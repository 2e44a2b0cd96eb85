"""Keys made for tests: those of the vectors in tests/data/signature. They protect nothing."""

from functools import cache
from pathlib import Path

from gateway.signing.keys.api import Algorithm
from gateway.signing.keys.pem import load
from gateway.signing.keys.software import SoftwareKey

VECTORS = Path(__file__).parent.parent / "data" / "signature"
KEYS = {
    Algorithm.RSA_SHA256: "rsa",
    Algorithm.RSA_SHA384: "rsa",
    Algorithm.RSA_SHA512: "rsa",
    Algorithm.ECDSA_P256_SHA256: "p256",
    Algorithm.ECDSA_P384_SHA384: "p384",
}


@cache
def key(algorithm: Algorithm = Algorithm.ECDSA_P256_SHA256) -> SoftwareKey:
    """The test key for an algorithm."""
    name = KEYS[algorithm]
    folder = VECTORS / "keys"
    return load((folder / f"{name}.key.pem").read_bytes(), (folder / f"{name}.crt.pem").read_bytes(), wanted=algorithm)
