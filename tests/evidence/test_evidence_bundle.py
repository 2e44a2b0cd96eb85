"""Bundles: whole as exported, every change named, and hostile ones refused within bounds."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from bundle_parts import (
    DISPATCH,
    Grown,
    Json,
    blobs,
    bundle,
    changed,
    check,
    digest_of,
    edited,
    files_of,
    flaws,
    gathered,
    log,
    packet,
    zipped,
)
from enveloped_parts import certificate, rsa_key
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence.bundle import write_bundle
from gateway.evidence.checking import check_bundle
from gateway.evidence.entry import digest, link
from gateway.evidence.remarks import FLAWS, NOTES
from gateway.evidence.reverifying import reverified
from gateway.problems import Problem
from gateway.store import Blob

PACKET_FILE = "packets/p0.edxml"
OTHER_PACKET = packet().replace("Trích yếu".encode(), "Trích yêu".encode())


def test_a_bundle_is_whole_as_exported_and_its_signature_verifies_anew() -> None:
    found = check(bundle(), log()[1])
    assert found.subject is not None
    assert (found.packets, found.entries, found.remarks) == (1, 3, ())


def test_the_same_evidence_makes_the_same_bytes() -> None:
    out = Grown()
    write_bundle(gathered(), blobs(), out)
    assert bytes(out.data) == bundle()


def test_a_bundle_holds_packet_facts_certificates_and_revocation_data() -> None:
    leaf = digest_of(_leaf())
    assert set(files_of(bundle())) == {
        "manifest.json",
        "contents.json",
        "log.json",
        PACKET_FILE,
        "signatures/p0.json",
        f"certificates/{leaf}.der",
        f"revocation/{digest_of(b'a CRL')}.der",
    }


def test_without_heads_from_elsewhere_it_says_so() -> None:
    found = check(bundle())
    assert (found.flaws, [one.code for one in found.remarks]) == ((), ["head_not_compared"])


def test_a_head_kept_elsewhere_that_differs_is_named() -> None:
    assert flaws(bundle(), replace(log()[1], hash="0" * 64)) == {"head_differs"}


def test_a_day_that_was_closed_again_after_a_restore_has_two_heads() -> None:
    head = log()[1]
    assert check(bundle(), head, replace(head, seq=9, hash="0" * 64)).remarks == ()


def test_a_packet_that_is_lost_is_told_and_hides_nothing_else() -> None:
    whole = gathered()
    lost = replace(whole.packets[0], blob=Blob(key=f"00/00/{'0' * 64}", sha256="0" * 64, size=1))
    out = Grown()
    write_bundle(replace(whole, packets=(lost,)), blobs(), out)
    found = check(bytes(out.data), log()[1])
    assert (found.flaws, [one.code for one in found.remarks]) == ((), ["packet_lost"])


def _leaf() -> bytes:
    return gathered().packets[0].signature.certificates[0]  # type: ignore[union-attr]  # it has one


def _packet_replaced(files: dict[str, bytes]) -> None:
    files[PACKET_FILE] = OTHER_PACKET


def _packet_and_contents_replaced(files: dict[str, bytes]) -> None:
    def describe(contents: Json) -> None:
        contents["packets"][0] |= {"sha256": digest_of(OTHER_PACKET), "size": len(OTHER_PACKET)}

    _packet_replaced(files)
    edited("contents.json", describe)(files)


def _entry_made_anew(value: Json) -> None:
    entry = value["entries"][1]
    anew = link(entry["seq"], entry["body"].replace("packet.built", "packet.sent"), entry["previous"])
    entry |= {"body": anew.body, "hash": anew.hash}


def _entry_made_anew_in_the_run(value: Json) -> None:
    _entry_made_anew(value)
    entry, run = value["entries"][1], value["runs"][0]
    run["digests"][entry["seq"] - run["first"]] = digest(entry["seq"], entry["body"])


def _leaf_replaced(files: dict[str, bytes]) -> None:
    files[f"certificates/{digest_of(_leaf())}.der"] = certificate(rsa_key())


def _other_leaf(files: dict[str, bytes]) -> None:
    other = certificate(rsa_key())
    files[f"certificates/{digest_of(other)}.der"] = other
    edited(
        "contents.json", lambda one: one["packets"][0].update(certificates=[f"certificates/{digest_of(other)}.der"])
    )(files)


TAMPERED = {
    "a packet changed": (_packet_replaced, False, "file_changed"),
    "a packet changed, and the manifest": (_packet_replaced, True, "packet_differs"),
    "a packet changed, with all that describes it": (_packet_and_contents_replaced, True, "packet_not_the_logged_one"),
    "a changed packet still called intact": (_packet_and_contents_replaced, True, "facts_differ"),
    "facts embellished": (edited("signatures/p0.json", lambda one: one.update(intact=False)), True, "facts_differ"),
    "facts that are none": (edited("signatures/p0.json", lambda one: one.update(secret="x")), True, "unreadable"),
    "a certificate replaced": (_leaf_replaced, True, "file_changed"),
    "another certificate named": (_other_leaf, True, "other_certificate"),
    "a file of the document changed": (
        edited("contents.json", lambda one: one["files"][0].update(sha256="0" * 64)),
        True,
        "attachments_differ",
    ),
    "another meaning": (
        edited("contents.json", lambda one: one["subject"].update(meaning="6" * 64)),
        True,
        "meaning_differs",
    ),
    "another document": (edited("contents.json", lambda one: one["subject"].update(id="x")), True, "other_subject"),
    "an entry changed": (
        edited("log.json", lambda one: one["entries"][0].update(body=one["entries"][0]["body"] + " ")),
        True,
        "entry_changed",
    ),
    "an entry twice": (edited("log.json", lambda one: one["entries"].append(one["entries"][0])), True, "entry_changed"),
    "an entry made anew": (edited("log.json", _entry_made_anew), True, "entry_unlinked"),
    "an entry made anew with its run": (edited("log.json", _entry_made_anew_in_the_run), True, "run_broken"),
    "a digest removed": (edited("log.json", lambda one: one["runs"][0]["digests"].pop()), True, "run_broken"),
    "a run emptied": (edited("log.json", lambda one: one["runs"][0].update(digests=[])), True, "run_broken"),
    "a head moved": (edited("log.json", lambda one: one["runs"][0]["head"].update(hash="0" * 64)), True, "run_broken"),
    "a file removed": (lambda files: files.pop("log.json"), False, "missing"),
    "a file added": (lambda files: files.update({"more.json": b"{}"}), False, "not_listed"),
    "contents that are none": (lambda files: files.update({"contents.json": b"[" * 5000}), True, "unreadable"),
}


@pytest.mark.parametrize(("change", "listed", "code"), TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_bundle_is_named(change: Callable[[dict[str, bytes]], None], listed: bool, code: str) -> None:
    assert code in flaws(changed(change, listed=listed))


@given(st.data())
def test_a_changed_byte_is_found_or_changes_no_file(data: st.DataObject) -> None:
    whole = bundle()
    at = data.draw(st.integers(0, len(whole) - 1))
    spoilt = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    with suppress(Problem):
        assert check(spoilt).flaws or files_of(spoilt) == files_of(whole)


def _renamed(name: str) -> bytes:
    return zipped({name: b"x", **files_of(bundle())})


def _twice() -> bytes:
    return zipped({"manifest.json": b"{}", "manifest.jsom": b"{}"}).replace(b"manifest.jsom", b"manifest.json")


def _huge_directory() -> bytes:
    return zipped({f"packets/{number:060}.edxml": b"" for number in range(20_000)})


def _lying_size() -> bytes:
    data = bytearray(zipped(files_of(bundle())))
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)
    return bytes(data)


HOSTILE = {
    "nothing": lambda: b"",
    "no archive": lambda: b"x" * 1000,
    "an archive of something else": lambda: zipped({"a.txt": b"x"}),
    "a name that climbs": lambda: _renamed("../x.json"),
    "an absolute name": lambda: _renamed("/etc/x.json"),
    "a name with a drive": lambda: _renamed("c:x.json"),
    "a name twice": _twice,
    "packed files (a bomb)": lambda: zipped(files_of(bundle()), zipfile.ZIP_DEFLATED),
    "20 000 files": _huge_directory,
    "a file larger than the bundle": _lying_size,
    "no manifest": lambda: zipped({name: data for name, data in files_of(bundle()).items() if name != "manifest.json"}),
    "a manifest of 5 MB": lambda: zipped({"manifest.json": b" " * 5_000_000}),
    "a manifest 100 000 deep": lambda: zipped({"manifest.json": b"[" * 100_000}),
    "a format of the future": lambda: changed(
        edited("manifest.json", lambda one: one.update(format="urn:lienthong:evidence:2"))
    ),
    "cut in the middle": lambda: bundle()[: len(bundle()) // 2],
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_bundle_is_refused(make: Callable[[], bytes]) -> None:
    data = make()
    with pytest.raises(Problem, match=r"evidence\.not_a_bundle"):
        check_bundle(io.BytesIO(data), len(data), blobs(), reverified)


def test_an_entry_about_other_packets_of_the_same_dispatch_is_no_flaw() -> None:
    """A dispatch that was built twice is logged twice; one of them has to be the packet."""

    def built_before(value: Json) -> None:
        value["waiting"] = [json.dumps({"data": {"dispatch": DISPATCH, "packet": "7" * 64}})]

    assert flaws(changed(edited("log.json", built_before))) == set()


def test_everything_said_is_said_in_two_languages() -> None:
    assert all(one.vi and one.en and one.vi != one.en for one in (*FLAWS.values(), *NOTES.values()))
