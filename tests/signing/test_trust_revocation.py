"""CRLs and OCSP answers: what they say at a time, and which of them are not believed."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from authorities import CERTIFIES, DAY, NOW, Identity, issue, moment
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from responder import answer, crl

from gateway.signing.settings import SigningSettings
from gateway.signing.trust import answers
from gateway.signing.trust.answers import AnswerUnusable, Status
from gateway.signing.trust.api import ChainJudgement
from gateway.signing.trust.book import Held
from gateway.signing.trust.records import Answer, AnswerKind, Role, TrustCertificate

BY_NAME = ocsp.OCSPResponderEncoding.NAME
REVOKED, UNKNOWN = ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN
ROOT = issue("root", authority=True)
SUB = issue("sub", ROOT, authority=True, crl=["http://ca/root.crl"])
LEAF = issue("leaf", SUB, crl=["http://ca/sub.crl"], ocsp=["http://ca/ocsp"])
OTHER = issue("other", SUB)
STRANGER = issue("stranger", authority=True)
RESPONDER = issue("responder", SUB, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING])


def from_list(data: bytes, at: timedelta = timedelta(0), certificate: Identity = LEAF, issuer: Identity = SUB) -> str:
    try:
        read = answers.read_crl(data, issuer.certificate)
        return answers.crl_says(read, certificate.certificate, NOW + at)
    except AnswerUnusable as error:
        return error.reason


def from_responder(data: bytes, at: timedelta = timedelta(0)) -> str:
    try:
        read = answers.read_ocsp(data, LEAF.certificate, SUB.certificate)
        return answers.ocsp_says(read, LEAF.certificate, NOW + at)
    except AnswerUnusable as error:
        return error.reason


class TestLists:
    def test_silence_means_good_and_an_entry_revoked(self) -> None:
        assert from_list(crl(SUB)) == Status.GOOD
        assert from_list(crl(SUB, OTHER)) == Status.GOOD
        assert from_list(crl(SUB, OTHER, LEAF)) == Status.REVOKED

    def test_pem_is_taken_too(self) -> None:
        from cryptography.hazmat.primitives import serialization

        text = x509.load_der_x509_crl(crl(SUB, LEAF)).public_bytes(serialization.Encoding.PEM)
        assert from_list(text) == Status.REVOKED

    def test_what_was_received_before_the_revocation_was_good(self) -> None:
        later = crl(SUB, LEAF, since=moment(-2), made=moment(-1))
        assert from_list(later, at=timedelta(days=-3)) == Status.REVOKED_LATER
        assert from_list(crl(SUB, LEAF, invalid_since=moment(-5)), at=timedelta(days=-3)) == Status.REVOKED

    def test_a_forged_list_is_not_believed(self) -> None:
        assert from_list(crl(SUB, LEAF, signer=STRANGER)) == "forged"
        assert from_list(crl(SUB, signer=LEAF)) == "forged"
        assert from_list(crl(STRANGER, LEAF)) == "other_issuer"
        data = bytearray(crl(SUB, OTHER))
        data[-70] ^= 1
        assert from_list(bytes(data)) in ("forged", "unreadable")

    def test_an_issuer_that_may_not_sign_lists_is_not_believed(self) -> None:
        only_certifies = x509.KeyUsage(**{**_as_words(CERTIFIES), "crl_sign": False})
        odd = issue("sub", ROOT, usage=only_certifies)
        assert from_list(crl(odd), issuer=odd) == "responder_not_allowed"

    def test_an_old_list_says_nothing_of_a_later_time_but_its_revocations_stay(self) -> None:
        old = crl(SUB, made=moment(-9), until=moment(-2))
        assert from_list(old) == "stale"
        assert from_list(old, at=timedelta(days=-3)) == Status.GOOD
        assert from_list(crl(SUB, LEAF, made=moment(-9), until=moment(-2), since=moment(-10))) == Status.REVOKED

    def test_a_list_made_after_a_certificate_ended_says_nothing_by_silence(self) -> None:
        ended = issue("ended", SUB, ends=-3 * DAY)
        assert from_list(crl(SUB), timedelta(days=-4), ended) == "after_expiry"
        assert from_list(crl(SUB, ended, since=moment(-10)), timedelta(days=-4), ended) == Status.REVOKED

    def test_a_part_of_a_list_is_not_the_list(self) -> None:
        delta = (x509.DeltaCRLIndicator(1), True)
        assert from_list(crl(SUB, extra=delta)) == "partial"
        unknown = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
        assert from_list(crl(SUB, extra=unknown)) == "partial"

    @pytest.mark.parametrize(
        ("words", "wanted"),
        [
            ({"only_contains_user_certs": True}, Status.GOOD),
            ({"only_contains_ca_certs": True}, "partial"),
            ({"only_contains_attribute_certs": True}, "partial"),
            ({"indirect_crl": True}, "partial"),
            ({"only_some_reasons": frozenset({x509.ReasonFlags.key_compromise})}, "partial"),
            ({"full_name": [x509.UniformResourceIdentifier("http://ca/sub.crl")]}, Status.GOOD),
            ({"full_name": [x509.UniformResourceIdentifier("http://ca/shard-2.crl")]}, "partial"),
        ],
    )
    def test_a_list_speaks_only_of_its_scope(self, words: dict[str, object], wanted: str) -> None:
        whole: dict[str, object] = {
            "full_name": None,
            "relative_name": None,
            "only_contains_user_certs": False,
            "only_contains_ca_certs": False,
            "only_some_reasons": None,
            "indirect_crl": False,
            "only_contains_attribute_certs": False,
        }
        scope = x509.IssuingDistributionPoint(**{**whole, **words})  # type: ignore[arg-type]  # a table of words
        assert from_list(crl(SUB, extra=(scope, True))) == wanted


class TestResponders:
    @pytest.mark.parametrize("encoding", list(ocsp.OCSPResponderEncoding))
    def test_the_issuer_and_whom_it_entrusted_are_believed(self, encoding: ocsp.OCSPResponderEncoding) -> None:
        assert from_responder(answer(LEAF, SUB, encoding=encoding)) == Status.GOOD
        assert from_responder(answer(LEAF, SUB, REVOKED, encoding=encoding)) == Status.REVOKED
        assert from_responder(answer(LEAF, SUB, REVOKED, responder=RESPONDER, encoding=encoding)) == Status.REVOKED

    def test_an_rsa_issuer_is_believed(self) -> None:
        issuer = issue("rsa", authority=True)
        leaf = issue("leaf of rsa", issuer)
        read = answers.read_ocsp(answer(leaf, issuer), leaf.certificate, issuer.certificate)
        assert answers.ocsp_says(read, leaf.certificate, NOW) == Status.GOOD

    def test_what_was_received_before_the_revocation_was_good(self) -> None:
        assert from_responder(answer(LEAF, SUB, REVOKED), timedelta(days=-3)) == Status.REVOKED_LATER

    def test_a_forged_answer_is_not_believed(self) -> None:
        thief = issue("sub", STRANGER, key="thief", authority=True)
        assert from_responder(answer(LEAF, SUB, named=thief, signer=thief, encoding=BY_NAME)) == "forged"
        assert from_responder(answer(LEAF, SUB, named=thief, signer=thief)) == "responder_not_allowed"
        genuine = answer(LEAF, SUB, REVOKED)
        signature = ocsp.load_der_ocsp_response(genuine).signature
        changed = bytearray(genuine)
        changed[genuine.index(signature) + 10] ^= 1
        assert from_responder(bytes(changed)) == "forged"

    def test_a_responder_without_the_purpose_or_of_another_issuer_is_not_believed(self) -> None:
        for odd in (
            OTHER,
            issue("r1", SUB, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH]),
            issue("r2", STRANGER, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING]),
            issue("r3", ROOT, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING]),
            issue("r4", SUB, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING], ends=-DAY),
            issue("r5", SUB, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
        ):
            assert from_responder(answer(LEAF, SUB, responder=odd)) == "responder_not_allowed"
        assert from_responder(answer(LEAF, SUB, named=STRANGER, signer=STRANGER)) == "responder_not_allowed"

    def test_an_answer_about_another_certificate_is_not_believed(self) -> None:
        assert from_responder(answer(OTHER, SUB)) == "other_certificate"
        same_serial = answer(LEAF, STRANGER)
        assert from_responder(same_serial) == "other_certificate"

    def test_a_responder_that_does_not_know_or_refuses_settles_nothing(self) -> None:
        assert from_responder(answer(LEAF, SUB, UNKNOWN)) == "unknown_to_responder"
        for status in (ocsp.OCSPResponseStatus.TRY_LATER, ocsp.OCSPResponseStatus.UNAUTHORIZED):
            from cryptography.hazmat.primitives import serialization

            refused = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(serialization.Encoding.DER)
            assert from_responder(refused) == "responder_refused"

    def test_an_old_answer_says_nothing_of_a_later_time(self) -> None:
        assert from_responder(answer(LEAF, SUB, made=moment(-3))) == "stale"
        assert from_responder(answer(LEAF, SUB, made=moment(-3)), timedelta(days=-2.5)) == Status.GOOD
        assert from_responder(answer(LEAF, SUB, made=moment(-8), until=None)) == "stale"
        assert from_responder(answer(LEAF, SUB, made=moment(-6), until=None)) == Status.GOOD

    def test_weak_hashes_are_not_believed(self) -> None:
        old = issue("rsa", authority=True)
        leaf = issue("leaf of rsa", old)
        data = answer(leaf, old, hashing=hashes.SHA224())
        with pytest.raises(AnswerUnusable, match="weak"):
            answers.read_ocsp(data, leaf.certificate, old.certificate)
        with pytest.raises(AnswerUnusable, match="weak"):
            answers.read_crl(crl(old, hashing=hashes.SHA224()), old.certificate)

    def test_an_answer_from_the_future_is_not_kept(self) -> None:
        answers.not_from_the_future(moment(), NOW)
        with pytest.raises(AnswerUnusable, match="from_the_future"):
            answers.not_from_the_future(moment(1), NOW)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, 2000), st.integers(1, 255), st.integers(0, 2))
def test_a_changed_byte_never_makes_a_revocation_go_away(place: int, change: int, cut: int) -> None:
    for data, read in ((crl(SUB, LEAF), from_list), (answer(LEAF, SUB, REVOKED, responder=RESPONDER), from_responder)):
        changed = bytearray(data)
        changed[place % len(data)] ^= change
        assert read(bytes(changed[: len(data) - cut])) != Status.GOOD


@given(st.binary(max_size=300))
def test_bytes_that_are_no_answer_are_named(data: bytes) -> None:
    assert from_list(data) == "unreadable"
    assert from_responder(data) in ("unreadable", "responder_refused")


def judged(*learnt: tuple[AnswerKind, str, bytes], leaf: Identity = LEAF, at: float = 0.0) -> ChainJudgement:
    rows = [
        TrustCertificate(sha256=one.sha256, role=role, certificate=one.der, subject="", note="", added_at=NOW)
        for one, role in ((ROOT, Role.ANCHOR), (SUB, Role.INTERMEDIATE))
    ]
    kept = [Answer(kind=kind, about=about, data=data, made_at=NOW, fetched_at=NOW) for kind, about, data in learnt]
    purposes = SigningSettings().allowed_purposes
    trust = Held(authorities=rows, speakers=(), learnt=kept, troubles={LEAF.sha256: "timeout"}, purposes=purposes)
    return trust.judge(leaf.der, moment(at))


def whys(found: ChainJudgement) -> Sequence[str | None]:
    return [one.part for one in found.reasons if one.code == "trust.revocation_not_determined"]


ROOT_LIST = (AnswerKind.CRL, "root", crl(ROOT))


def test_revocation_is_determined_when_leaf_and_intermediates_are() -> None:
    found = judged(ROOT_LIST, (AnswerKind.CRL, "sub", crl(SUB)))
    assert (found.trusted, found.revoked, found.reasons) == (True, False, ())
    assert len(found.revocation) == 2
    by_responder = judged(ROOT_LIST, (AnswerKind.OCSP, LEAF.sha256, answer(LEAF, SUB)))
    assert (by_responder.trusted, by_responder.revoked) == (True, False)


def test_what_is_open_leaves_it_undetermined_and_says_why() -> None:
    nothing = judged()
    assert (nothing.trusted, nothing.revoked, whys(nothing)) == (True, None, ["timeout", "not_asked"])
    only_leaf = judged((AnswerKind.CRL, "sub", crl(SUB)))
    assert (only_leaf.trusted, only_leaf.revoked, whys(only_leaf)) == (True, None, ["not_asked"])
    silent = judged(ROOT_LIST, leaf=OTHER)
    assert (silent.revoked, whys(silent)) == (None, ["no_address"])
    stale = judged(ROOT_LIST, (AnswerKind.CRL, "sub", crl(SUB, made=moment(-9), until=moment(-2))))
    assert (stale.revoked, whys(stale)) == (None, ["stale"])


def test_one_answer_that_says_revoked_outweighs_all_others() -> None:
    good = (AnswerKind.OCSP, LEAF.sha256, answer(LEAF, SUB))
    found = judged(ROOT_LIST, good, (AnswerKind.CRL, "sub", crl(SUB, LEAF)))
    assert (found.trusted, found.revoked, [one.code for one in found.reasons]) == (False, True, ["trust.revoked"])


def test_a_revoked_intermediate_takes_its_leaves_with_it() -> None:
    found = judged((AnswerKind.CRL, "root", crl(ROOT, SUB)), (AnswerKind.CRL, "sub", crl(SUB)))
    assert (found.trusted, found.revoked) == (False, True)
    assert [one.code for one in found.reasons] == ["trust.issuer_revoked"]


def test_a_later_revocation_is_told_and_changes_nothing_for_what_came_before() -> None:
    lists = ROOT_LIST, (AnswerKind.CRL, "sub", crl(SUB, LEAF, since=moment(-2)))
    before = judged(*lists, at=-3)
    assert (before.trusted, before.revoked) == (True, False)
    assert [one.code for one in before.reasons] == ["trust.revoked_later"]
    assert judged(*lists, at=-1).trusted is False


def _as_words(usage: x509.KeyUsage) -> dict[str, bool]:
    words = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return {**{one: getattr(usage, one) for one in (*words, "key_cert_sign", "crl_sign")}} | {
        "encipher_only": False,
        "decipher_only": False,
    }
