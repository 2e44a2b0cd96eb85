"""Keys from PEM text: what is taken, what is refused and by which word."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from profile_keys import VECTORS

from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.pem import load

FOLDER = VECTORS / "keys"
RSA, P256 = (
    serialization.load_pem_private_key((FOLDER / f"{name}.key.pem").read_bytes(), None) for name in ("rsa", "p256")
)
RSA_CERTIFICATE, P256_CERTIFICATE = ((FOLDER / f"{name}.crt.pem").read_bytes() for name in ("rsa", "p256"))


def pem(key: object, form: serialization.PrivateFormat, phrase: bytes | None = None) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)
    hidden = serialization.BestAvailableEncryption(phrase) if phrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, hidden)


PKCS8, OLD = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


@pytest.mark.parametrize("form", [PKCS8, OLD])
@pytest.mark.parametrize("phrase", [None, "mật khẩu"])
def test_either_form_of_pem_is_taken_encrypted_or_not(form: serialization.PrivateFormat, phrase: str | None) -> None:
    key = load(pem(RSA, form, phrase.encode() if phrase else None), RSA_CERTIFICATE, phrase)
    assert key.algorithm is Algorithm.RSA_SHA256


def test_the_first_certificate_of_several_and_der_are_taken() -> None:
    key = load(pem(RSA, PKCS8), RSA_CERTIFICATE + P256_CERTIFICATE)
    assert load(pem(RSA, PKCS8), key.certificate).certificate == key.certificate


def test_rsa_has_a_choice_of_hash() -> None:
    assert load(pem(RSA, PKCS8), RSA_CERTIFICATE, wanted=Algorithm.RSA_SHA512).algorithm is Algorithm.RSA_SHA512


WEAK = rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize(
    ("key", "certificate", "phrase", "wanted", "word"),
    [
        (b"", RSA_CERTIFICATE, None, None, "key_unreadable"),
        (RSA_CERTIFICATE, RSA_CERTIFICATE, None, None, "key_unreadable"),
        (pem(RSA, PKCS8, b"a"), RSA_CERTIFICATE, None, None, "passphrase_wrong"),
        (pem(RSA, PKCS8, b"a"), RSA_CERTIFICATE, "b", None, "passphrase_wrong"),
        (pem(RSA, PKCS8), RSA_CERTIFICATE, "b", None, "passphrase_wrong"),
        (pem(RSA, PKCS8), b"", None, None, "certificate_unreadable"),
        (pem(RSA, PKCS8), P256_CERTIFICATE, None, None, "certificate_mismatch"),
        (pem(RSA, PKCS8), RSA_CERTIFICATE, None, Algorithm.ECDSA_P256_SHA256, "algorithm_mismatch"),
        (pem(WEAK, PKCS8), RSA_CERTIFICATE, None, None, "weak_key"),
        (pem(ed25519.Ed25519PrivateKey.generate(), PKCS8), RSA_CERTIFICATE, None, None, "unsupported_key"),
    ],
)
def test_what_cannot_sign_is_refused_by_a_word(
    key: bytes, certificate: bytes, phrase: str | None, wanted: Algorithm | None, word: str
) -> None:
    with pytest.raises(KeyUnusable) as refused:
        load(key, certificate, phrase, wanted)
    assert refused.value.reason == word
