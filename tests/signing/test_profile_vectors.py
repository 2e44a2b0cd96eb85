"""The vectors are what the page says: our own verifier, a second one and plain tools agree about them."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from axis_pass import digests, read
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from independent_verifier import verify as second_opinion
from lxml import etree
from profile_keys import VECTORS, key

from gateway.edxml.signable import normal_form
from gateway.signing.facts import SignatureFacts
from gateway.signing.keys.api import Algorithm
from gateway.signing.verify import verify

ROOT = Path(__file__).resolve().parents[2]
PACKETS = sorted(VECTORS.rglob("*.edxml"))
CASES = sorted(path.parent for path in VECTORS.glob("*/signed-info.xml"))
RECEIVED = x509.load_pem_x509_certificate((VECTORS / "keys" / "rsa.crt.pem").read_bytes()).not_valid_before_utc


def told(facts: SignatureFacts) -> dict[str, object]:
    return {
        "well_formed": facts.well_formed,
        "intact": facts.intact,
        "covers": facts.covers,
        "signed_info_sha256": facts.signed_info_sha256,
        "parts": {one.part: {"covered": one.covered, "intact": one.intact} for one in facts.parts},
    }


@pytest.mark.parametrize("path", PACKETS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_both_verifiers_find_what_the_vectors_say(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    packet = path.read_bytes()
    assert told(verify(read(packet), received=RECEIVED)) == expected
    assert second_opinion(packet) == expected


def test_the_second_verifier_is_small_and_independent() -> None:
    source = (Path(__file__).parent / "independent_verifier.py").read_text()
    assert len(source.splitlines()) < 200
    assert "import gateway" not in source
    assert "from gateway" not in source


def test_the_vectors_can_be_made_again() -> None:
    done = subprocess.run([ROOT / "tools" / "signature-vectors", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_signed_text_is_its_own_exclusive_c14n(case: Path) -> None:
    text = (case / "signed-info.xml").read_bytes()
    assert etree.tostring(etree.fromstring(text), method="c14n", exclusive=True) == text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_digests_in_the_signed_text_are_those_of_the_files_beside_it(case: Path) -> None:
    info = etree.fromstring((case / "signed-info.xml").read_bytes())
    stated = [base64.b64decode(value.text or "").hex() for value in info.iter("{*}DigestValue")]
    names = ["header.json", "business.json", *(f"file-{number}.bin" for number in range(1, 10))]
    files = [case / name for name in names if (case / name).exists()]
    assert stated == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_normal_forms_are_those_of_the_packet_that_arrives(case: Path) -> None:
    arrived = read((case / "after-3.edxml").read_bytes())
    assert arrived.packet is not None
    form = normal_form(arrived.packet, digests(arrived))
    assert form.header == (case / "header.json").read_bytes()
    business = case / "business.json"
    assert form.business == (business.read_bytes() if business.exists() else None)


@pytest.mark.parametrize("algorithm", [Algorithm.RSA_SHA256, Algorithm.RSA_SHA384, Algorithm.RSA_SHA512])
def test_a_key_file_signs_rsa_as_the_vectors_do(algorithm: Algorithm) -> None:
    case = next(case for case in CASES if case.name.endswith(algorithm.value))
    text = (case / "signed-info.xml").read_bytes()
    value = key(algorithm).sign(text)
    assert base64.b64encode(value).decode() == (case / "signature.b64").read_text().strip()
    public = x509.load_der_x509_certificate(key(algorithm).certificate).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    hashing = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm.value[-3:]]
    public.verify(value, text, padding.PKCS1v15(), hashing)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_signed_packets_keep_to_both_schemas(case: Path) -> None:
    packet = etree.fromstring((case / "packet.edxml").read_bytes())
    for name in ("strict", "lenient"):
        etree.XMLSchema(etree.parse(ROOT / "schemas" / f"edxml-{name}.xsd")).assertValid(packet)
