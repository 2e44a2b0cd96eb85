"""Chains from pinned anchors, and who may speak for whom. Everything but the leaf is held here."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from authorities import DAY, ENCRYPTS, NOW, Identity, issue, moment
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.signing import certificates
from gateway.signing.settings import SigningSettings
from gateway.signing.trust.api import ChainJudgement
from gateway.signing.trust.book import Held
from gateway.signing.trust.records import Names, Role, Speaker, TrustCertificate

ROOT = issue("root", authority=True, ends=4000 * DAY)
SUB = issue("sub", ROOT, authority=True, ends=2000 * DAY)
LEAF = issue("leaf", SUB)


def kept(identity: Identity, role: Role) -> TrustCertificate:
    return TrustCertificate(
        sha256=identity.sha256, role=role, certificate=identity.der, subject="", note="", added_at=NOW
    )


def held(*more: Identity, anchors: tuple[Identity, ...] = (ROOT,), speakers: tuple[Speaker, ...] = ()) -> Held:
    rows = [*(kept(one, Role.ANCHOR) for one in anchors), *(kept(one, Role.INTERMEDIATE) for one in more)]
    purposes = SigningSettings().allowed_purposes
    return Held(authorities=rows, speakers=speakers, learnt=(), troubles={}, purposes=purposes)


def codes(judged: ChainJudgement) -> set[str]:
    return {one.code for one in judged.reasons} - {"trust.revocation_not_determined"}


def test_a_leaf_is_trusted_by_a_chain_that_is_held_here() -> None:
    judged = held(SUB).judge(LEAF.der, NOW)
    assert (judged.trusted, judged.valid_then, judged.revoked, codes(judged)) == (True, True, None, set())
    assert judged.chain == (LEAF.der, SUB.der, ROOT.der)


def test_the_order_of_what_is_held_means_nothing() -> None:
    strange = issue("strange root", authority=True)
    other_sub = issue("sub", strange, key="other sub", authority=True)
    assert held(other_sub, SUB, anchors=(strange, ROOT)).judge(LEAF.der, NOW).trusted is True
    assert held(SUB, other_sub, anchors=(ROOT, strange)).judge(LEAF.der, NOW).trusted is True


def test_without_an_intermediate_there_is_no_chain() -> None:
    judged = held().judge(LEAF.der, NOW)
    assert (judged.trusted, judged.chain, codes(judged)) == (False, (), {"trust.no_chain"})


def test_a_certificate_without_a_pin_is_no_anchor() -> None:
    judged = held(SUB, ROOT, anchors=(issue("another root", authority=True),)).judge(LEAF.der, NOW)
    assert (judged.trusted, codes(judged)) == (False, {"trust.no_chain"})


def test_without_any_anchor_nothing_is_determined() -> None:
    judged = held(SUB, ROOT, anchors=()).judge(LEAF.der, NOW)
    assert (judged.trusted, judged.valid_then, codes(judged)) == (None, True, {"trust.no_anchors"})


def test_bytes_that_do_not_agree_with_their_pin_are_left_out() -> None:
    swapped = replace(kept(ROOT, Role.ANCHOR), certificate=issue("root", key="of a thief", authority=True).der)
    purposes = SigningSettings().allowed_purposes
    trust = Held(
        authorities=[swapped, kept(SUB, Role.INTERMEDIATE)], speakers=(), learnt=(), troubles={}, purposes=purposes
    )
    assert trust.authorities.left_out == [ROOT.sha256]
    assert trust.judge(LEAF.der, NOW).trusted is None


def test_a_leaf_of_the_same_names_by_another_key_is_not_trusted() -> None:
    fake_root = issue("root", key="fake root", authority=True)
    fake_sub = issue("sub", fake_root, key="fake sub", authority=True)
    assert held(SUB).judge(issue("leaf", fake_sub).der, NOW).trusted is False
    assert held(SUB, fake_sub, fake_root).judge(issue("leaf", fake_sub).der, NOW).trusted is False


def test_a_leaf_cannot_issue_another() -> None:
    evil = issue("evil", LEAF)
    assert codes(held(SUB, LEAF).judge(evil.der, NOW)) == {"trust.no_chain"}


def test_a_self_signed_leaf_is_not_trusted() -> None:
    assert codes(held(SUB).judge(issue("self").der, NOW)) == {"trust.no_chain"}


@pytest.mark.parametrize(
    ("day", "wanted"),
    [(-101, {"trust.not_yet_valid"}), (-99, set()), (299, set()), (301, {"trust.expired"})],
)
def test_a_leafs_own_dates_are_judged_at_the_time_that_is_asked_for(day: int, wanted: set[str]) -> None:
    judged = held(
        issue("sub", ROOT, authority=True, begins=-900 * DAY, ends=900 * DAY),
        anchors=(issue("root", authority=True, begins=-999 * DAY, ends=900 * DAY),),
    ).judge(LEAF.der, moment(day))
    assert (judged.trusted, judged.valid_then, codes(judged)) == (not wanted, not wanted, wanted)


@pytest.mark.parametrize("which", ["sub", "root"])
def test_an_expired_or_coming_issuer_is_named_as_such(which: str) -> None:
    for begins, ends, wanted in (
        (-100 * DAY, -DAY, "trust.issuer_expired"),
        (DAY, 500 * DAY, "trust.issuer_not_yet_valid"),
    ):
        odd = issue(which, ROOT if which == "sub" else None, authority=True, begins=begins, ends=ends)
        trust = held(odd) if which == "sub" else held(SUB, anchors=(odd,))
        judged = trust.judge(LEAF.der, NOW)
        assert (judged.trusted, judged.valid_then, codes(judged)) == (False, True, {wanted})


def test_usage_purpose_and_key_of_a_leaf_are_named() -> None:
    def flaws(identity: Identity) -> set[str]:
        judged = held(SUB).judge(identity.der, NOW)
        assert judged.trusted is False
        return codes(judged)

    assert flaws(issue("a", SUB, usage=ENCRYPTS)) == {"trust.key_usage"}
    assert flaws(issue("b", SUB, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING])) == {"trust.extended_key_usage"}
    assert flaws(issue("rsa1024", SUB)) == {"trust.weak_key"}
    assert flaws(issue("p521", SUB)) == {"trust.unsupported_key"}


def test_a_weak_key_or_hash_of_an_issuer_breaks_the_chain() -> None:
    weak = issue("rsa1024", ROOT, authority=True)
    assert codes(held(weak).judge(issue("of weak", weak).der, NOW)) == {"trust.no_chain"}
    small = issue("root224", authority=True, hashing=hashes.SHA224())
    leaf = issue("of small", small, hashing=hashes.SHA224())
    assert codes(held(anchors=(small,)).judge(leaf.der, NOW)) == {"trust.no_chain"}


def test_purposes_of_an_issuer_are_its_own_affair() -> None:
    narrow = issue("sub", ROOT, authority=True, purposes=[ExtendedKeyUsageOID.EMAIL_PROTECTION])
    assert held(narrow).judge(LEAF.der, NOW).trusted is True


@pytest.mark.parametrize("leaf", [b"", b"0", b"0\x82", b"%PDF", bytes(70_000)])
def test_bytes_that_are_no_certificate_are_named(leaf: bytes) -> None:
    judged = held(SUB).judge(leaf, NOW)
    assert (judged.trusted, judged.valid_then, codes(judged)) == (False, None, {"trust.certificate_unreadable"})
    assert held(SUB).may_speak(leaf, ["A"], NOW) is False


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, 600), st.integers(1, 255))
def test_a_leaf_with_one_changed_byte_is_never_trusted(place: int, change: int) -> None:
    data = bytearray(LEAF.der)
    data[place % len(data)] ^= change
    assert held(SUB).judge(bytes(data), NOW).trusted is False


def speaks(
    identity: Identity,
    code: str,
    *,
    names: Names = Names.CERTIFICATE,
    begins: int = -10,
    until: int | None = None,
) -> Speaker:
    sha256 = certificates.key_sha256(identity.certificate) if names is Names.KEY else identity.sha256
    return Speaker(
        id=f"{code}{begins}",
        names=names,
        fingerprint=sha256,
        code=code,
        valid_from=moment(begins),
        valid_until=None if until is None else moment(until),
        note="",
        added_at=NOW,
    )


def may(leaf: Identity, *asked: str, speakers: tuple[Speaker, ...], at: datetime = NOW) -> bool | None:
    return held(SUB, speakers=speakers).may_speak(leaf.der, asked, at)


def test_a_certificate_speaks_for_the_codes_that_are_written_down() -> None:
    rows = (speaks(LEAF, "H99.07"), speaks(LEAF, "H99.08"))
    assert may(LEAF, "H99.07", speakers=rows) is True
    assert may(LEAF, "000.00.07.H99", " h99.07 ", speakers=rows) is True
    assert may(LEAF, "H99.09", speakers=rows) is False


def test_another_certificate_does_not_speak_for_a_code_that_has_its_own() -> None:
    rows = (speaks(LEAF, "H99.07"),)
    assert may(issue("thief", SUB), "H99.07", speakers=rows) is False


def test_where_nothing_is_written_down_nothing_is_determined() -> None:
    assert may(LEAF, "H99.07", speakers=()) is None
    assert may(issue("stranger", SUB), "H99.09", speakers=(speaks(LEAF, "H99.07"),)) is None


def test_dates_decide_about_a_day() -> None:
    rows = (speaks(LEAF, "A", begins=-10, until=0),)
    assert may(LEAF, "A", speakers=rows, at=moment(-1)) is True
    assert may(LEAF, "A", speakers=rows, at=NOW) is False
    assert may(LEAF, "A", speakers=rows, at=moment(-11)) is False
    assert may(issue("successor", SUB), "A", speakers=rows, at=moment(1)) is None


def test_a_key_speaks_through_each_of_its_certificates() -> None:
    renewed = issue("leaf", SUB, ends=timedelta(days=900))
    rows = (speaks(LEAF, "A", names=Names.KEY),)
    assert renewed.sha256 != LEAF.sha256
    assert may(renewed, "A", speakers=rows) is True
    assert may(issue("leaf", SUB, key="other"), "A", speakers=rows) is False
