"""Ordinary enveloped signatures: what is verified, what is not determined, what we write ourselves."""

import asyncio
import base64
import hashlib
import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from enveloped_parts import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    FILE,
    MORE,
    NOW,
    PACKET,
    Bytes,
    FileKey,
    Private,
    certificate,
    changed,
    ec_key,
    judged,
    reference,
    rsa_key,
    signed,
    template,
    transform,
    x509_data,
    xmlsec_alone_says_yes,
)

from gateway.edxml.reader import read_packet
from gateway.edxml.signature_seen import SignatureSeen
from gateway.signing.facts import Scheme, SignatureFacts
from gateway.signing.keys.api import Algorithm
from gateway.signing.xmldsig import placeholders
from gateway.signing.xmldsig.algorithms import CANONICALIZATIONS
from gateway.signing.xmldsig.settings import XmldsigSettings
from gateway.signing.xmldsig.verifying import EnvelopedVerifier, verify
from gateway.signing.xmldsig.words import WORDS, Malformed
from gateway.signing.xmldsig.writing import signed_enveloped
from gateway.store import FolderBlobs

SAMPLES = Path(__file__).parents[1] / "data" / "packets"
STATUS = (SAMPLES / "own_status_03.edxml").read_bytes()
KEYS = [
    FileKey(rsa_key(), Algorithm.RSA_SHA256),
    FileKey(rsa_key(), Algorithm.RSA_SHA384),
    FileKey(rsa_key(), Algorithm.RSA_SHA512),
    FileKey(ec_key(), Algorithm.ECDSA_P256_SHA256),
    FileKey(ec_key("secp384r1"), Algorithm.ECDSA_P384_SHA384),
]
GOOD = signed(PACKET, template(x509_data(certificate(rsa_key()))))


def codes(facts: SignatureFacts) -> list[str]:
    """The codes of all reasons."""
    return [reason.code for reason in facts.reasons]


def test_a_signed_packet_is_intact_in_every_part(blobs: FolderBlobs) -> None:
    _, facts = judged(GOOD, blobs)
    assert (facts.scheme, facts.well_formed, facts.intact, facts.covers) == (Scheme.XMLDSIG, True, True, True)
    assert [(one.part, one.covered, one.intact) for one in facts.parts] == [
        ("header", True, True),
        ("business", True, True),
        ("file:1", True, True),
    ]
    assert facts.certificate is not None
    assert facts.certificate.sha256 == hashlib.sha256(certificate(rsa_key())).hexdigest()
    assert (facts.certificate.key, facts.certificate.serial) == ("rsa-2048", "1267")
    assert (facts.algorithm, facts.weak, facts.certificate.valid_at_receipt) == ("rsa-sha256", False, True)


def test_what_needs_trust_or_memory_stays_undetermined(blobs: FolderBlobs) -> None:
    _, facts = judged(GOOD, blobs)
    assert {facts.trusted, facts.speaks_for_sender, facts.addressed_to_us, facts.seen_before} == {None}


def test_a_packet_without_a_signature_is_unsigned(blobs: FolderBlobs) -> None:
    _, facts = judged(PACKET, blobs)
    assert facts == SignatureFacts(present=False)


@pytest.mark.parametrize("in_signed_info", CANONICALIZATIONS)
@pytest.mark.parametrize("in_reference", [None, *CANONICALIZATIONS])
def test_every_accepted_canonicalisation_verifies(
    in_signed_info: str, in_reference: str | None, blobs: FolderBlobs
) -> None:
    transforms = transform(ENVELOPED) + (transform(in_reference) if in_reference else "")
    made = template(
        x509_data(certificate(ec_key())),
        canonicalization=in_signed_info,
        references=reference(transforms=transforms),
        method=f"{MORE}ecdsa-sha256",
    )
    _, facts = judged(signed(PACKET, made, ec_key()), blobs)
    assert facts.intact is True


@pytest.mark.parametrize("bits", ["256", "384", "512"])
@pytest.mark.parametrize("key", [rsa_key(), ec_key(), ec_key("secp384r1")], ids=["rsa", "p256", "p384"])
def test_every_accepted_method_and_digest_verifies(key: Private, bits: str, blobs: FolderBlobs) -> None:
    digest = f"{MORE}sha384" if bits == "384" else f"http://www.w3.org/2001/04/xmlenc#sha{bits}"
    name = f"{'rsa' if key is rsa_key() else 'ecdsa'}-sha{bits}"
    made = template(x509_data(certificate(key)), method=f"{MORE}{name}", references=reference(digest=digest))
    _, facts = judged(signed(PACKET, made, key), blobs)
    assert (facts.intact, facts.algorithm) == (True, name)


def test_a_status_packet_is_verified(blobs: FolderBlobs) -> None:
    _, facts = judged(signed(STATUS, template(x509_data(certificate(rsa_key())))), blobs)
    assert (facts.intact, [one.part for one in facts.parts]) == (True, ["header"])


def test_a_chain_is_looked_through_for_the_signer(blobs: FolderBlobs) -> None:
    issuer = certificate(ec_key(), "CA thử nghiệm")
    made = signed(PACKET, template(x509_data(issuer, certificate(rsa_key()))))
    _, facts = judged(made, blobs)
    assert facts.intact is True
    assert facts.certificate is not None
    assert facts.certificate.subject == "CN=VĂN THƯ SỞ GIẢ ĐỊNH"


def test_sha1_is_verified_for_a_partner_that_is_allowed_it_and_called_weak(blobs: FolderBlobs) -> None:
    made = template(x509_data(certificate(rsa_key())), method=f"{DS}rsa-sha1", references=reference(digest=f"{DS}sha1"))
    _, facts = judged(signed(PACKET, made), blobs, accept_sha1=True)
    assert (facts.intact, facts.weak, codes(facts)) == (True, True, ["signature.sha1"])


def test_a_certificate_out_of_its_time_is_said_and_changes_nothing_else(blobs: FolderBlobs) -> None:
    packet = Bytes(GOOD)
    read, _ = judged(GOOD, blobs)
    for years in (-2, 2):
        at = NOW.replace(year=NOW.year + years)
        facts = verify(packet, read.signature, ("header",), at=at, accept_sha1=False, most_bytes=10**6)
        assert facts.certificate is not None
        assert (facts.intact, facts.certificate.valid_at_receipt) == (True, False)


def test_a_comment_in_a_value_means_nothing_and_an_instruction_is_found(blobs: FolderBlobs) -> None:
    _, with_comment = judged(changed(GOOD, {"Trích yếu": "Trích<!-- x --> yếu"}), blobs)
    _, with_instruction = judged(changed(GOOD, {"Trích yếu": "Trích<?x y?> yếu"}), blobs)
    assert (with_comment.intact, with_instruction.intact) == (True, False)


def test_a_signature_by_another_key_leaves_the_parts_as_they_were_signed(blobs: FolderBlobs) -> None:
    made = signed(PACKET, template(x509_data(certificate(rsa_key(number=1)))), rsa_key())
    _, facts = judged(made, blobs)
    assert (facts.intact, codes(facts)) == (False, ["signature.value"])
    assert {one.intact for one in facts.parts} == {True}


def test_a_packet_over_the_size_is_not_made_a_tree(blobs: FolderBlobs) -> None:
    read, _ = judged(GOOD, blobs)

    class Unread(Bytes):
        def open(self) -> BinaryIO:
            raise AssertionError("it was opened")

    facts = verify(Unread(GOOD), read.signature, ("header",), at=NOW, accept_sha1=False, most_bytes=len(GOOD) - 1)
    assert (facts.intact, facts.well_formed, codes(facts)) == (None, None, ["signature.packet_too_large"])


def test_a_file_of_12_mb_is_verified(blobs: FolderBlobs) -> None:
    big = base64.b64encode(bytes(12 * 2**20)).decode()
    packet = signed_enveloped(Bytes(changed(PACKET, {FILE: big})), KEYS[3], most_bytes=20 * 2**20)
    _, facts = judged(packet, blobs)
    assert facts.intact is True


@pytest.mark.parametrize(
    ("beginning", "code"),
    [
        (b"<!DOCTYPE edXML [<!ENTITY e 'x'>]>", "signature.doctype"),
        (b"<!DOCTYPE edXML SYSTEM 'http://127.0.0.1/x'>", "signature.doctype"),
        (b"<?xml version='1.0' encoding='windows-1252'?>", "signature.not_well_formed"),
        (b"<?xml version='1.0' encoding='UTF-7'?>", "signature.not_well_formed"),
        (b"<a>", "signature.not_well_formed"),
        (b"<!-- -->" * 200_000, "signature.not_well_formed"),
    ],
)
def test_a_tree_that_the_reader_never_saw_is_still_refused(beginning: bytes, code: str, blobs: FolderBlobs) -> None:
    read, _ = judged(GOOD, blobs)
    body = GOOD[GOOD.index(b"<edXML ") :]
    facts = verify(
        Bytes(beginning + body), read.signature, ("header",), at=NOW, accept_sha1=False, most_bytes=10 * 2**20
    )
    assert (facts.intact, codes(facts)) == (None, [code])


def test_another_signature_than_the_reader_saw_is_refused(blobs: FolderBlobs) -> None:
    read, _ = judged(GOOD, blobs)
    other = signed(PACKET, template(x509_data(certificate(ec_key())), method=f"{MORE}ecdsa-sha256"), ec_key())
    facts = verify(Bytes(other), read.signature, ("header",), at=NOW, accept_sha1=False, most_bytes=10**6)
    assert (facts.intact, codes(facts)) == (None, ["signature.grammar"])


def test_a_known_dummy_value_beside_a_real_certificate_is_a_placeholder(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = GOOD.split(b"<SignatureValue>")[1].split(b"</SignatureValue>")[0]
    known = hashlib.sha256(base64.b64decode(value)).hexdigest()
    monkeypatch.setattr(placeholders, "KNOWN_VALUES", frozenset({known}))
    _, facts = judged(GOOD, blobs)
    assert (facts.scheme, facts.intact, codes(facts)) == (Scheme.PLACEHOLDER, None, ["signature.placeholder"])


def test_a_second_signature_is_never_passed_over_for_a_placeholder() -> None:
    seen = SignatureSeen(present=True, namespace=DS, placeholder=True, xml=b"<Signature/>", count=2)
    facts = verify(Bytes(GOOD), seen, ("header",), at=NOW, accept_sha1=False, most_bytes=10**6)
    assert (facts.scheme, codes(facts)) == (Scheme.XMLDSIG, ["signature.not_one"])


async def test_one_packet_at_a_time_is_made_a_tree(blobs: FolderBlobs) -> None:
    read, _ = judged(GOOD, blobs)
    both, open_now, most = threading.Lock(), 0, 0

    class Watched(Bytes):
        def open(self) -> BinaryIO:
            nonlocal open_now, most
            with both:
                open_now += 1
                most = max(most, open_now)
            stream = io.BytesIO(self.data)

            class Closing(io.BufferedReader):
                def close(self) -> None:
                    nonlocal open_now
                    if not self.closed:
                        with both:
                            open_now -= 1
                    super().close()

            return Closing(stream)

    verifier = EnvelopedVerifier(XmldsigSettings(packet_mb=1))
    found = await asyncio.gather(
        *(verifier.verify(Watched(GOOD), read.signature, ("header",), at=NOW, accept_sha1=False) for _ in range(8))
    )
    assert most == 1
    assert {facts.intact for facts in found} == {True}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm)
@pytest.mark.parametrize("packet", [PACKET, STATUS], ids=["document", "status"])
def test_what_we_write_verifies_here_and_by_the_library_alone(key: FileKey, packet: bytes, blobs: FolderBlobs) -> None:
    written = signed_enveloped(Bytes(packet), key, most_bytes=10**6)
    read, facts = judged(written, blobs)
    assert (facts.intact, facts.algorithm, codes(facts)) == (True, key.algorithm.value, [])
    assert xmlsec_alone_says_yes(written)
    before = read_packet(io.BytesIO(packet), blobs)
    before.discard()
    assert read.packet == before.packet


@pytest.mark.parametrize(
    ("packet", "most", "code"),
    [
        (GOOD, 10**6, "signature.not_one"),
        (PACKET, 100, "signature.packet_too_large"),
        (b"<edXML/>", 10**6, "signature.place"),
        (b"<!DOCTYPE edXML><edXML/>", 10**6, "signature.doctype"),
    ],
)
def test_what_cannot_be_signed_is_named(packet: bytes, most: int, code: str) -> None:
    with pytest.raises(Malformed) as raised:
        signed_enveloped(Bytes(packet), KEYS[3], most_bytes=most)
    assert raised.value.reason.code == code


def test_what_we_write_is_found_changed_by_one_pass_of_the_axis(blobs: FolderBlobs) -> None:
    """The axis writes every packet anew: the signature ends in edXML's namespace, and a hop is added."""
    written = signed_enveloped(Bytes(PACKET), KEYS[3], most_bytes=10**6)
    hop = changed(written, {"</edXML:TraceHeaderList>": "<edXML:TraceHeader/></edXML:TraceHeaderList>"})
    _, facts = judged(hop, blobs)
    assert (facts.intact, codes(facts)) == (False, ["signature.changed"])


def test_every_reason_is_said_in_two_languages() -> None:
    assert all(text.vi.strip() and text.en.strip() and text.vi != text.en for text in WORDS.values())


def test_exclusive_canonicalisation_is_what_we_write() -> None:
    written = signed_enveloped(Bytes(PACKET), replace(KEYS[3]), most_bytes=10**6)
    assert written.count(EXCLUSIVE.encode()) == 2
