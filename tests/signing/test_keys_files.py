"""PEM and PKCS#12 keys: what loads, what signs, and what is named when it does not."""

import contextlib
import subprocess
from pathlib import Path

import pytest
from authorities import ENCRYPTS, issue
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12 as writing
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from keyring import MESSAGE, verifies
from parts import missing
from pydantic import ValidationError

from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable, Flaw
from gateway.signing.keys import guard, pem, pkcs12
from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.guard import NotSignedInfo
from gateway.signing.keys.reasons import EXPLANATIONS, Fault
from gateway.signing.settings import SigningSettings


def refusal(*arguments: object) -> str:
    with pytest.raises(KeyUnusable) as refused:
        pem.load(*arguments)  # type: ignore[arg-type]  # a test's table of arguments
    return refused.value.reason


@pytest.mark.parametrize(
    ("name", "wanted", "length"),
    [
        ("rsa", None, 256),
        ("rsa", Algorithm.RSA_SHA384, 256),
        ("rsa", Algorithm.RSA_SHA512, 256),
        ("p256", None, 64),
        ("p384", None, 96),
    ],
)
def test_every_allowed_key_signs_in_xmldsigs_form(name: str, wanted: Algorithm | None, length: int) -> None:
    identity = issue(name)
    key = pem.load(identity.key_pem(), identity.pem, None, wanted)
    value = key.sign(MESSAGE)
    assert (len(value), key.certificate, key.algorithm) == (length, identity.der, wanted or key.algorithm)
    assert verifies(identity.der, key, value)
    assert not verifies(identity.der, key, value, MESSAGE + b" ")


def test_a_key_signs_again_and_again() -> None:
    identity = issue("rsa")
    key = pem.load(identity.key_pem() + identity.pem, None)
    assert key.sign(MESSAGE) == key.sign(MESSAGE)


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL], ids=["pkcs8", "old"]
)
@pytest.mark.parametrize("name", ["rsa", "p256"])
def test_encrypted_pem_needs_its_passphrase(name: str, form: serialization.PrivateFormat) -> None:
    identity = issue(name)
    text = identity.key.private_bytes(
        serialization.Encoding.PEM,
        form,
        serialization.BestAvailableEncryption(b"m\xc3\xa2t kh\xe1\xba\xa9u"),
    )
    assert pem.load(text, identity.pem, "mât khẩu").certificate == identity.der
    assert refusal(text, identity.pem, "sai") == Fault.PHRASE_WRONG
    assert refusal(text, identity.pem, None) == Fault.PHRASE_WRONG


def test_a_passphrase_that_is_not_needed_is_named() -> None:
    identity = issue("p256")
    assert refusal(identity.key_pem(), identity.pem, "thừa") == Fault.PHRASE_WRONG


def test_what_does_not_fit_together_is_named() -> None:
    one, other, rsa = issue("p256"), issue("p256 other"), issue("rsa")
    assert refusal(one.key_pem(), other.pem) == Fault.MISMATCH
    assert refusal(one.key_pem(), rsa.pem) == Fault.MISMATCH
    assert refusal(one.key_pem(), None) == Fault.CERTIFICATE_MISSING
    assert refusal(one.key_pem(), b"no certificate") == Flaw.UNREADABLE
    assert refusal(b"no key", one.pem) == Fault.UNREADABLE
    assert refusal(one.key_pem(), one.pem, None, Algorithm.RSA_SHA256) == Fault.ALGORITHM
    assert refusal(rsa.key_pem(), rsa.pem, None, Algorithm.ECDSA_P256_SHA256) == Fault.ALGORITHM


def test_a_weak_or_unknown_key_is_not_used() -> None:
    weak, odd = issue("rsa1024"), issue("p521")
    assert refusal(weak.key_pem(), weak.pem) == Flaw.WEAK_KEY
    assert refusal(odd.key_pem(), odd.pem) == Flaw.UNSUPPORTED_KEY


@pytest.mark.parametrize("name", ["rsa", "p256", "p384"])
@pytest.mark.parametrize("certificate_beside", [True, False])
def test_pkcs12_as_it_is_written_today(name: str, certificate_beside: bool) -> None:
    identity = issue(name)
    hidden = serialization.BestAvailableEncryption(b"m\xe1\xba\xadt")
    data = writing.serialize_key_and_certificates(b"gw", identity.key, identity.certificate, None, hidden)
    key = pkcs12.load(data, None if certificate_beside else identity.pem, "mật")
    assert key.certificate == identity.der
    assert verifies(identity.der, key, key.sign(MESSAGE))
    with pytest.raises(KeyUnusable, match=Fault.PHRASE_WRONG):
        pkcs12.load(data, None, "sai")


def test_pkcs12_with_triple_des_as_many_authorities_still_write_it() -> None:
    identity = issue("rsa")
    old = serialization.PrivateFormat.PKCS12.encryption_builder().key_cert_algorithm(
        writing.PBES.PBESv1SHA1And3KeyTripleDESCBC
    )
    data = writing.serialize_key_and_certificates(
        b"gw", identity.key, identity.certificate, None, old.hmac_hash(hashes.SHA1()).build(b"old")
    )
    assert pkcs12.load(data, None, "old").certificate == identity.der


def test_pkcs12_with_rc2_as_windows_wrote_it(tmp_path: Path) -> None:
    identity = issue("rsa")
    (tmp_path / "both.pem").write_bytes(identity.key_pem() + identity.pem)
    command = ["openssl", "pkcs12", "-export", "-legacy", "-in", "both.pem", "-out", "old.p12", "-passout", "pass:old"]
    rc2 = ["-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-RC2-40"]
    try:
        subprocess.run([*command, *rc2], cwd=tmp_path, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        missing("openssl", f"no PKCS#12 with RC2 can be written here ({type(error).__name__})")
    key = pkcs12.load((tmp_path / "old.p12").read_bytes(), None, "old")
    assert key.certificate == identity.der
    assert verifies(identity.der, key, key.sign(MESSAGE))


def test_pkcs12_without_certificate_or_out_of_order_is_named() -> None:
    identity = issue("p256")
    hidden = serialization.BestAvailableEncryption(b"x")
    bare = writing.serialize_key_and_certificates(b"gw", identity.key, None, None, hidden)
    with pytest.raises(KeyUnusable, match=Fault.CERTIFICATE_MISSING):
        pkcs12.load(bare, None, "x")
    with pytest.raises(KeyUnusable, match=Fault.UNREADABLE):
        pkcs12.load(b"0\x82 nothing", None, "x")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"%PDF-1.7",
        b"<Signature>",
        b"<SignedInfo>" + MESSAGE,
        MESSAGE + b"\n%PDF",
        b" " + MESSAGE,
        MESSAGE.replace(b"SignedInfo xmlns", b"SignedInfoX xmlns"),
    ],
)
def test_nothing_but_a_signed_info_is_signed(message: bytes) -> None:
    identity = issue("p256")
    key = pem.load(identity.key_pem(), identity.pem)
    with pytest.raises(NotSignedInfo):
        key.sign(message)


@given(st.binary(max_size=200))
def test_no_other_bytes_pass_the_guard(data: bytes) -> None:
    if not data.startswith(b"<SignedInfo xmlns="):
        with pytest.raises(NotSignedInfo):
            guard.signed_info(data)


def test_usage_and_purposes_decide_whether_a_leaf_may_sign() -> None:
    allowed = SigningSettings().allowed_purposes
    assert certificates.usage_flaw(issue("p256").certificate, allowed) is None
    assert certificates.usage_flaw(issue("p256", usage=None).certificate, allowed) is None
    assert certificates.usage_flaw(issue("p256", usage=ENCRYPTS).certificate, allowed) is Flaw.KEY_USAGE
    mail = issue("p256", purposes=[ExtendedKeyUsageOID.EMAIL_PROTECTION]).certificate
    assert certificates.usage_flaw(mail, allowed) is None
    stamps = issue("p256", purposes=[ExtendedKeyUsageOID.TIME_STAMPING]).certificate
    assert certificates.usage_flaw(stamps, allowed) is Flaw.PURPOSE
    any_purpose = issue("p256", purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]).certificate
    assert certificates.usage_flaw(any_purpose, allowed) is None


def test_a_critical_extension_that_nobody_knows_is_a_flaw() -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    allowed = SigningSettings().allowed_purposes
    assert certificates.usage_flaw(issue("p256", extra=[(strange, True)]).certificate, allowed) is Flaw.UNKNOWN_CRITICAL
    assert certificates.usage_flaw(issue("p256", extra=[(strange, False)]).certificate, allowed) is None


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 3))
def test_a_damaged_certificate_is_read_or_refused_and_nothing_else(place: int, byte: int, cut: int) -> None:
    data = bytearray(issue("p256", crl=["http://a/crl"], ocsp=["http://a/"]).der)
    data[place % len(data)] = byte
    with contextlib.suppress(CertificateUnreadable):
        certificates.read(bytes(data[: len(data) - cut]))


def test_every_reason_is_explained_in_both_languages() -> None:
    assert {*Flaw, *Fault} == set(EXPLANATIONS)
    texts = [one for each in EXPLANATIONS.values() for text in each for one in (text.vi, text.en)]
    assert all(len(one) > 5 and one.endswith(".") for one in texts)


@pytest.mark.parametrize(
    ("field", "value"), [("pkcs11_module", "lib.so"), ("purposes", "clientAuth"), ("purposes", "1.2,3.4.5")]
)
def test_settings_that_cannot_be_meant_are_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        SigningSettings.model_validate({field: value})


def test_hosts_are_compared_as_they_stand_in_addresses() -> None:
    hosts = SigningSettings(revocation_hosts=" CA.gov.vn, [::1] ,").allowed_hosts
    assert hosts == {"ca.gov.vn", "::1"}
