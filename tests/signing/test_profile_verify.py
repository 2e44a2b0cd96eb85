"""What is said of a signature that was tampered with, moved, shortened or made of odd numbers: each fact by itself."""

import base64
import re
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from axis_pass import Habits, MemorySink, passed, read
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from edxml_strategies import PLAIN, PLAIN_STATUS, changed
from profile_keys import VECTORS, key

from gateway.edxml.model import DocumentPacket, Organ
from gateway.edxml.normal import PROFILE, QD20_MARKER, FileDigest
from gateway.edxml.packing import Packing
from gateway.edxml.signable import Unsignable
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.problems import Text
from gateway.signing.facts import Scheme, SignatureFacts, reason
from gateway.signing.keys.api import Algorithm
from gateway.signing.sign import sign_document, sign_status
from gateway.signing.trust.api import ChainJudgement
from gateway.signing.verify import KnownSigner, in_history, verify

NOW = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
NONCE = bytes(range(16))
PACKET = (VECTORS / "new-rsa-sha256" / "packet.edxml").read_bytes()
BROKEN = VECTORS / "broken"
DER = x509.load_pem_x509_certificate((VECTORS / "keys" / "rsa.crt.pem").read_bytes()).public_bytes(
    serialization.Encoding.DER
)


def facts(packet: bytes, received: datetime = NOW, own_codes: Collection[str] | None = None) -> SignatureFacts:
    return verify(read(packet), received=received, own_codes=own_codes)


def codes(found: SignatureFacts) -> list[str]:
    return [each.code.removeprefix("signature.") for each in found.reasons]


def put(pattern: str, written: str, packet: bytes = PACKET) -> bytes:
    new, times = re.subn(pattern, lambda _: written, packet.decode(), count=1, flags=re.DOTALL)
    assert times == 1, pattern
    return new.encode()


# What is not well formed.

CERTIFICATE = "<X509Certificate>[^<]*</X509Certificate>"


def certificate(der: bytes) -> bytes:
    return put(CERTIFICATE, f"<X509Certificate>{base64.b64encode(der).decode()}</X509Certificate>")


def serial(number: bytes) -> bytes:
    """The certificate with another serial number, in its encoding."""
    length = len(number) - 2
    at = DER.index(bytes.fromhex("a003020102")) + 5
    old = 2 + DER[at + 1]
    inner = DER[:at] + number + DER[at + old :]
    grown = length - (old - 2)
    assert DER[:2] == DER[4:6] == bytes.fromhex("3082")
    outer_length = int.from_bytes(DER[2:4], "big") + grown
    inner_length = int.from_bytes(DER[6:8], "big") + grown
    return certificate(
        DER[:2] + outer_length.to_bytes(2, "big") + DER[4:6] + inner_length.to_bytes(2, "big") + inner[8:]
    )


MALFORMED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a second, empty one beside it": (lambda: put("<Signature>", "<Signature/><Signature>"), "not_one"),
    "a second one in another namespace, deep in the body": (
        lambda: put("<edXML:edXMLManifest ", '<x:Signature xmlns:x="urn:x"/><edXML:edXMLManifest '),
        "not_one",
    ),
    "a DigitalSignature beside it": (lambda: put("<Signature>", "<DigitalSignature/><Signature>"), "not_one"),
    "a second MessageHeader": (
        lambda: put("</edXML:MessageHeader>", "</edXML:MessageHeader><edXML:MessageHeader/>"),
        "not_one_header",
    ),
    "a second edXMLHeader": (
        lambda: put("</edXML:edXMLHeader>", "</edXML:edXMLHeader><edXML:edXMLHeader/>"),
        "not_one_header",
    ),
    "an attribute": (lambda: put("<SignedInfo>", '<SignedInfo Id="a">'), "grammar"),
    "an attribute of another namespace": (
        lambda: put("<SignatureValue>", '<SignatureValue xmlns:x="urn:x" x:a="b">'),
        "grammar",
    ),
    "an Object": (lambda: put("</KeyInfo>", "</KeyInfo><Object>x</Object>"), "grammar"),
    "a KeyName": (lambda: put("<X509Data>", "<KeyName>x</KeyName><X509Data>"), "grammar"),
    "a second certificate": (
        lambda: put("</X509Data>", "<X509Certificate>AAAA</X509Certificate></X509Data>"),
        "grammar",
    ),
    "text beside the children": (lambda: put("</SignedInfo>", "</SignedInfo>x"), "grammar"),
    "an element of another namespace": (
        lambda: put("<SignatureValue>", '<SignatureValue xmlns="http://www.w3.org/2000/09/xmldsig#">'),
        "grammar",
    ),
    "no signature value": (lambda: put("<SignatureValue>[^<]*</SignatureValue>", ""), "grammar"),
    "no reference": (lambda: put("<Reference.*</Reference>", ""), "other_scheme"),
    "inclusive canonicalisation": (
        lambda: put("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "canonicalization",
    ),
    "HMAC": (lambda: put("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"), "algorithm"),
    "SHA-1": (
        lambda: put("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        "algorithm",
    ),
    "a SHA-1 digest": (
        lambda: put("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"),
        "digest",
    ),
    "XSLT": (lambda: put(f"{PROFILE}#header", "http://www.w3.org/TR/1999/REC-xslt-19991116"), "transforms"),
    "another part's transform": (lambda: put(f"{PROFILE}#file", f"{PROFILE}#header"), "transforms"),
    "two transforms": (
        lambda: put("<Transforms>", f'<Transforms><Transform Algorithm="{PROFILE}#header" />'),
        "grammar",
    ),
    "a file reference by URL": (lambda: put(r'URI="[^"]*file=1"', 'URI="file:///etc/passwd"'), "reference_uri"),
    "the whole document besides": (lambda: put(r'URI="[^"]*file=1"', 'URI=""'), "reference_uri"),
    "a position with a leading zero": (lambda: put(r"file=1\"", 'file=01"'), "reference_uri"),
    "position 0": (lambda: put(r"file=1\"", 'file=0"'), "reference_uri"),
    "a time that does not exist": (lambda: put("t=[0-9TZ]*", "t=20260230T000000Z"), "reference_uri"),
    "digits of another script": (lambda: put("t=2026", "t=٢٠٢٦"), "reference_uri"),
    "a short nonce": (lambda: put(r";n=[\w-]*", ";n=AAAA"), "reference_uri"),
    "a nonce written another way": (lambda: put(r";n=[\w-]*", ";n=AAAAAAAAAAAAAAAAAAAAAB"), "reference_uri"),
    "base64 with junk": (lambda: put("<DigestValue>", "<DigestValue>!"), "base64"),
    "a short digest": (lambda: put("<DigestValue>[^<]*", "<DigestValue>AAAA"), "digest_length"),
    "a certificate that is none": (lambda: certificate(b"x" * 100), "certificate"),
    "a truncated certificate": (lambda: certificate(DER[:-1]), "certificate"),
    "a certificate of 20 kB": (lambda: certificate(DER + bytes(20_000)), "certificate_large"),
    "a certificate with a length of gigabytes": (
        lambda: certificate(b"\x30\x84\xff\xff\xff\xff" + DER[4:]),
        "certificate",
    ),
    "a negative serial number": (lambda: serial(b"\x02\x01\x85"), "der_number"),
    "serial number zero": (lambda: serial(b"\x02\x01\x00"), "der_number"),
    "a serial number of 100 bytes": (lambda: serial(b"\x02\x64" + b"\x11" * 100), "der_number"),
    "a padded serial number": (lambda: serial(b"\x02\x02\x00\x05"), "der_number"),
    "a negative modulus": (lambda: certificate(_other_modulus(b"\x82", cut=1)), "der_number"),
}


def _other_modulus(first: bytes, cut: int = 0) -> bytes:
    """The certificate with the modulus's leading zero replaced: its top bit makes it negative."""
    at = DER.index(bytes.fromhex("0282010100")) + 4
    return DER[:at] + first + DER[at + 1 :]


@pytest.mark.parametrize("name", MALFORMED)
def test_what_the_grammar_does_not_foresee_is_named(name: str) -> None:
    make, word = MALFORMED[name]
    found = facts(make())
    assert found.present
    assert codes(found) == [word]
    if word == "other_scheme":
        assert (found.scheme, found.well_formed) == (Scheme.XMLDSIG, None)
    else:
        assert (found.scheme, found.well_formed, found.intact) == (Scheme.PROFILE_1, False, None)


@pytest.mark.parametrize(
    ("name", "word", "covers"),
    [
        ("reference-twice", "reference_twice", False),
        ("references-out-of-order", "reference_order", False),
        ("header-reference-dropped", "no_header_reference", False),
        ("unknown-element-in-signature", "grammar", None),
        ("two-signatures", "not_one", None),
    ],
)
def test_broken_lists_of_references_are_named(name: str, word: str, covers: bool | None) -> None:
    found = facts((BROKEN / f"{name}.edxml").read_bytes())
    assert (codes(found), found.well_formed, found.covers) == ([word], False, covers)


def test_an_unknown_profile_is_not_determined() -> None:
    found = facts((BROKEN / "unknown-profile.edxml").read_bytes())
    assert (found.present, found.scheme, found.well_formed, found.intact) == (True, Scheme.UNKNOWN, None, None)
    assert codes(found) == ["unknown_profile"]


ONE_REFERENCE = f'<Reference URI="{PROFILE}?file=1"/>'


@pytest.mark.parametrize(
    "content",
    [f"<SignatureValue>{'A' * 10_000_000}</SignatureValue>", f"<SignedInfo>{ONE_REFERENCE * 10_000}</SignedInfo>"],
    ids=["10 MB", "10 000 references"],
)
def test_a_huge_signature_is_named_at_once_and_refuses_no_packet(content: str) -> None:
    packet = put("<Signature>.*</Signature>", f"<Signature>{content}</Signature>")
    began = time.process_time()
    packet_read = read(packet)
    found = verify(packet_read, received=NOW)
    assert time.process_time() - began < 2
    assert packet_read.readable
    assert (found.well_formed, codes(found)) == (False, ["kept_too_large"])


def test_more_references_than_a_packet_can_have_parts_are_named() -> None:
    one = re.search(r'<Reference URI="[^"]*file=1".*?</Reference>', PACKET.decode(), re.DOTALL)
    assert one
    lines = re.sub(r">\s+<", "><", one[0])
    many = "".join(lines.replace("file=1", f"file={at}") for at in range(1, 1005))
    found = facts(put(r'<Reference URI="[^"]*file=1".*</Reference>', many))
    assert codes(found) == ["too_many_references"]


def test_a_thousand_files_can_be_signed_and_verified() -> None:
    files = [
        FileToSend(
            attachment_name=f"{at}.pdf", source=MemorySink(b"%d" % at), content_id=str(at), entry_name=f"{at}.pdf"
        )
        for at in range(1000)
    ]
    assert facts(_signed(PLAIN, files)).intact


# What was changed, and what is left out.


@pytest.mark.parametrize(
    ("name", "words", "intact", "covers"),
    [
        ("subject-changed", ["header_changed"], False, True),
        ("subject-twice", ["repeated"], False, True),
        ("receiver-added", ["header_changed"], False, True),
        ("business-lost", ["business_missing"], False, True),
        ("business-changed", ["business_changed"], False, True),
        ("file-2-changed", ["header_undecided", "file_changed"], False, True),
        ("file-2-changed-same-size", ["file_changed"], False, True),
        ("file-2-lost", ["header_undecided", "file_missing"], False, True),
        ("file-3-added", ["file_not_covered"], True, False),
        ("file-2-not-signed", ["file_not_covered"], True, False),
        ("reference-dropped", ["value", "file_not_covered"], False, False),
        ("time-changed", ["value"], False, True),
        ("ecdsa-value-as-der", ["value_length"], False, True),
        ("method-of-another-key", ["key_mismatch"], False, True),
    ],
)
def test_changes_are_named_one_by_one(name: str, words: list[str], intact: bool, covers: bool) -> None:
    found = facts((BROKEN / f"{name}.edxml").read_bytes())
    assert (codes(found), found.well_formed, found.intact, found.covers) == (words, True, intact, covers)


def test_header_intact_business_missing_file_changed_can_be_said_together() -> None:
    packet = passed((BROKEN / "file-2-changed-same-size.edxml").read_bytes(), Habits(bussiness=False))
    found = facts(packet)
    parts = {each.part: each.intact for each in found.parts}
    assert parts == {"header": True, "business": False, "file:1": True, "file:2": False}
    assert codes(found) == ["business_missing", "file_changed"]
    assert [each.message for each in found.reasons][1] == "Attachment 2 was changed after it was signed."


def test_a_business_block_without_a_reference_is_not_covered() -> None:
    packet = put(r'<Reference URI="[^"]*business".*?</Reference>\s*', "")
    found = facts(packet)
    assert (found.covers, "business_not_covered" in codes(found)) == (False, True)


def test_a_signature_taken_from_another_packet_of_the_same_signer_covers_nothing_of_this_one() -> None:
    other = (VECTORS / "replacement-rsa-sha512" / "packet.edxml").read_text()
    taken = re.search("<Signature>.*</Signature>", other, re.DOTALL)
    assert taken
    found = facts(put("<Signature>.*</Signature>", taken[0]))
    assert found.intact is False
    assert {each.part: each.intact for each in found.parts if each.part == "business"} == {"business": False}


def test_an_unreadable_packet_is_not_determined() -> None:
    cut = PACKET[: PACKET.index(b"</Signature>") + 12]
    found = facts(cut.replace(b"MessageHeader>", b"Kopf>"))
    assert (found.well_formed, found.intact, found.covers) == (True, None, None)
    assert codes(found) == ["packet_unread"]


def test_no_signature_is_unsigned_and_one_elsewhere_is_told() -> None:
    unsigned = put("<Signature>.*</Signature>", "")
    assert facts(unsigned) == SignatureFacts(present=False)
    moved = put("<AttachmentEncoded>", "<Signature>x</Signature><AttachmentEncoded>", unsigned)
    found = facts(moved)
    assert (found.present, codes(found)) == (False, ["elsewhere"])
    beside = put(
        "</edXML:edXMLBody>", "</edXML:edXMLBody><edXML:edXMLFoot><edXML:edXMLHeader/></edXML:edXMLFoot>", PACKET
    )
    assert facts(beside).intact


def test_the_vendors_placeholder_is_told_as_one() -> None:
    dummy = (
        f'<Signature><SignedInfo><Reference URI=""/></SignedInfo><SignatureValue>{"QUJD" * 20}</SignatureValue>'
        "<KeyInfo><X509Data><X509Certificate>MIIFqTCCBJG</X509Certificate></X509Data></KeyInfo></Signature>"
    )
    found = facts(put("<Signature>.*</Signature>", dummy))
    assert (found.present, found.scheme, found.well_formed) == (True, Scheme.PLACEHOLDER, None)


# The file is the one whose digest is signed.


def _zip(*entries: tuple[str, bytes]) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _signed(packet: DocumentPacket, files: list[FileToSend], signed: list[bytes] | None = None) -> bytes:
    """A signed packet; `signed` are the real files where they are not those written."""
    known = []
    for at, file in enumerate(files):
        with file.source.open() as stream:
            sink = MemorySink(stream.read() if signed is None else signed[at])
        known.append(
            FileDigest(name=file.attachment_name, description=file.description, size=sink.size, sha256=sink.sha256)
        )
    out = BytesIO()
    signature = sign_document(packet, known, key(), NOW, NONCE)
    write_document(packet, files, out, signature=signature.parts)
    return out.getvalue()


def _file(name: str, data: bytes, packing: Packing | None = None) -> FileToSend:
    return FileToSend(
        attachment_name=name, source=MemorySink(data), content_id="1", entry_name="1.bin", packing=packing
    )


def test_a_zip_of_one_entry_that_is_the_file_itself_is_not_opened_for_the_digest() -> None:
    found = facts(_signed(PLAIN, [_file("ho-so.pdf", _zip(("a.txt", b"a" * 100)))]))
    assert (found.intact, codes(found)) == (True, ["file_as_sent"])


def test_the_entry_of_a_zip_that_was_kept_unopened_is_found_by_its_digest() -> None:
    content = b"docx " * 40
    sent = _file("thu.docx", _zip(("1.docx", content)), Packing("application/docx", zipped=False))
    found = facts(_signed(PLAIN, [sent], [content]))
    assert (found.intact, codes(found)) == (True, ["file_as_entry"])


def test_a_zip_within_a_zip_is_opened_once() -> None:
    assert facts(_signed(PLAIN, [_file("ho-so.dat", _zip(("a.txt", b"a" * 100)))])).intact


def test_a_zip_of_two_entries_is_the_file() -> None:
    assert facts(_signed(PLAIN, [_file("ho-so.dat", _zip(("a", b"a"), ("b", b"b")))])).intact


# Who, when, to whom.


class Registry:
    """Trust in one certificate for one code."""

    def judge(self, leaf: bytes, at: datetime) -> ChainJudgement:
        said = reason("trust.test", Text("thử", "test"))
        return ChainJudgement(trusted=True, revoked=False, valid_then=True, reasons=(said,))

    def may_speak(self, leaf: bytes, codes: Collection[str], at: datetime) -> bool | None:
        return "000.00.00.H99" in codes if codes else None


def test_trust_is_asked_and_its_answers_stand_by_themselves() -> None:
    packet = read(PACKET)
    without = verify(packet, received=NOW)
    assert (without.trusted, without.speaks_for_sender) == (None, None)
    asked = verify(packet, received=NOW, trust=Registry())
    assert (asked.trusted, asked.speaks_for_sender, codes(asked)) == (True, False, ["trust.test"])
    assert asked.certificate is not None
    assert (asked.certificate.revoked, asked.certificate.valid_at_receipt) == (False, True)
    assert verify(packet, received=NOW, trust=Registry(), sender_codes=["000.00.00.H99"]).speaks_for_sender


@pytest.mark.parametrize(
    ("own", "expected", "words"),
    [
        (["H99.07"], True, []),
        (["000.00.00.H99", "000.00.12.H98"], True, []),
        (["H01"], False, ["not_to_us"]),
        ([], False, ["not_to_us"]),
        (None, None, []),
    ],
)
def test_addressed_to_us_is_a_matter_of_the_signed_receivers(
    own: list[str] | None, expected: bool | None, words: list[str]
) -> None:
    found = facts(PACKET, own_codes=own)
    assert (found.addressed_to_us, codes(found)) == (expected, words)


def test_a_receiver_that_the_axis_added_is_no_signed_one() -> None:
    found = facts(passed(PACKET, Habits(old_codes=True)), own_codes=["000.00.00.H99"])
    assert (found.intact, found.addressed_to_us) == (True, False)
    assert codes(found) == ["receiver_added", "not_to_us"]


def test_of_a_header_that_is_not_the_signed_one_no_receiver_is_believed() -> None:
    packet = (BROKEN / "receiver-added.edxml").read_bytes()
    assert facts(packet, own_codes=["H98"]).addressed_to_us is None
    assert facts((BROKEN / "time-changed.edxml").read_bytes(), own_codes=["H99.07"]).addressed_to_us is None


def test_a_status_is_addressed_to_whom_it_answers() -> None:
    out = BytesIO()
    write_status(PLAIN_STATUS, out, signature=sign_status(PLAIN_STATUS, key(), NOW, NONCE).parts)
    assert facts(out.getvalue(), own_codes=["H99"]).addressed_to_us is True
    assert facts(out.getvalue(), own_codes=["H99.07"]).addressed_to_us is False


def test_a_claimed_time_far_from_the_receipt_and_a_certificate_out_of_its_dates_are_told() -> None:
    assert codes(facts(PACKET, NOW + timedelta(hours=24))) == []
    assert codes(facts(PACKET, NOW + timedelta(hours=24, seconds=1))) == ["time_far"]
    late = facts(PACKET, NOW + timedelta(days=366 * 30))
    assert codes(late) == ["time_far", "not_valid_then"]
    assert late.certificate is not None
    assert (late.intact, late.certificate.valid_at_receipt) == (True, False)


def test_what_needs_a_memory_is_added_to_the_facts() -> None:
    found = facts(PACKET)
    assert found.certificate is not None
    known = KnownSigner(since=NOW - timedelta(days=1), certificates=frozenset({found.certificate.sha256}))
    other = replace(known, certificates=frozenset({"0" * 64}))
    later = replace(known, since=NOW + timedelta(days=1))

    def told(facts: SignatureFacts, signer: KnownSigner | None, seen: bool | None = False) -> tuple[object, ...]:
        new = in_history(facts, received=NOW, seen_before=seen, signer=signer)
        return new.seen_before, new.downgraded, codes(new)

    assert told(found, known) == (False, False, [])
    assert told(found, known, seen=True) == (True, False, ["seen_before"])
    assert told(found, other) == (False, True, ["another_signer"])
    assert told(found, later, seen=None) == (None, None, [])
    assert told(found, None) == (False, None, [])
    assert told(SignatureFacts(present=False), known) == (False, True, ["downgrade"])


# Before signing.


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("message_header.due_date_text", "2014/02/30", "L.MessageHeader.DueDate"),
        ("message_header.subject", "a\u0085b", "L.MessageHeader.Subject"),
        ("message_header.subject", "a\u0378b", "L.MessageHeader.Subject"),
        ("message_header.subject", "a\ud800b", "L.MessageHeader.Subject"),
        ("message_header.to.1.organization_in_charge", QD20_MARKER, "L.MessageHeader.To.OrganizationInCharge"),
        ("message_header.to.1.organ_id", "Null", "L.MessageHeader.To.OrganId"),
        ("message_header.document_type.type", 10**9, "L.MessageHeader.DocumentType.Type"),
    ],
)
def test_what_would_not_survive_is_not_signed_and_named(place: str, value: object, code: str) -> None:
    with pytest.raises(Unsignable) as refused:
        sign_document(changed(PLAIN, place, value), [], key(), NOW, NONCE)
    assert [each.code for each in refused.value.findings] == [code]
    assert all(each.is_error for each in refused.value.findings)


@pytest.mark.parametrize(
    ("name", "code"),
    [("a.ZIP", "L.AttachmentName"), ("a\x07.pdf", "L.AttachmentName"), ("a\u0378.pdf", "L.AttachmentName")],
)
def test_a_file_that_would_not_survive_is_not_signed(name: str, code: str) -> None:
    file = FileDigest(name=name, description=None, size=1, sha256="0" * 64)
    with pytest.raises(Unsignable) as refused:
        sign_document(PLAIN, [file], key(), NOW, NONCE)
    assert [each.code for each in refused.value.findings] == [code]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("message_header.document_type.type_detail", -1),
        ("message_header.subject", " hai  dòng\r\n "),
        ("message_header.to", (*PLAIN.message_header.to, Organ(fax=" "))),
        ("trace_header_list.trace_headers.0.timestamp_text", "2025-03-05T14:07:09"),
    ],
)
def test_what_changes_on_the_way_without_meaning_anything_is_signed(place: str, value: object) -> None:
    packet = changed(PLAIN, place, value)
    assert facts(passed(_signed(packet, []))).intact


@pytest.mark.parametrize("nonce", [b"", bytes(15), bytes(17)])
def test_a_nonce_has_128_bits(nonce: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        sign_document(PLAIN, [], key(), NOW, nonce)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_algorithm_signs_and_verifies(algorithm: Algorithm) -> None:
    out = BytesIO()
    signature = sign_status(PLAIN_STATUS, key(algorithm), NOW, NONCE)
    write_status(PLAIN_STATUS, out, signature=signature.parts)
    found = facts(passed(out.getvalue()))
    assert (found.intact, found.algorithm, found.weak) == (True, algorithm.value, False)


def test_two_signatures_by_one_key_at_one_time_differ_by_their_nonce() -> None:
    one, other = (sign_status(PLAIN_STATUS, key(), NOW, bytes([n] * 16)) for n in (1, 2))
    assert one.signed_info != other.signed_info


# Keys that may not verify.

_CA = serialization.load_pem_private_key((VECTORS / "keys" / "ca.key.pem").read_bytes(), None)
_LEAF = x509.load_der_x509_certificate(DER).public_key()


def _certificate_of(public: CertificatePublicKeyTypes) -> bytes:
    assert isinstance(_CA, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public).serial_number(1)
    dated = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return dated.sign(_CA, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _with_exponent(exponent: int) -> CertificatePublicKeyTypes:
    assert isinstance(_LEAF, rsa.RSAPublicKey)
    return rsa.RSAPublicNumbers(exponent, _LEAF.public_numbers().n).public_key()


@pytest.mark.parametrize(
    ("make", "kind", "word"),
    [
        (lambda: rsa.generate_private_key(65537, 1024).public_key(), "rsa-1024", "weak_key"),
        (lambda: _with_exponent(2**100 + 1), "rsa-2048", "weak_key"),
        (lambda: ec.generate_private_key(ec.SECP521R1()).public_key(), "secp521r1", "key_kind"),
        (lambda: ed25519.Ed25519PrivateKey.generate().public_key(), "unknown", "key_kind"),
        (lambda: ec.generate_private_key(ec.SECP256R1()).public_key(), "ecdsa-p256", "key_mismatch"),
        (lambda: rsa.generate_private_key(65537, 3072).public_key(), "rsa-3072", "value_length"),
        (lambda: rsa.generate_private_key(65537, 2048).public_key(), "rsa-2048", "value"),
    ],
)
def test_a_key_that_may_not_verify_or_did_not_sign_is_named(
    make: Callable[[], CertificatePublicKeyTypes], kind: str, word: str
) -> None:
    found = facts(certificate(_certificate_of(make())))
    assert (found.well_formed, found.intact, found.covers, codes(found)) == (True, False, True, [word])
    assert found.certificate is not None
    assert found.certificate.key == kind
