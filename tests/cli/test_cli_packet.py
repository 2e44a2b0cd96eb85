"""packet read and packet build: what they print, write and refuse."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import DATA, PACKETS, Gateway, gateway_in
from simulated import document, file
from typer.testing import Result

from gateway.cli.files import Extraction, whole_or_nothing
from gateway.edxml.names import LONGEST
from gateway.edxml.writer import FileToSend
from gateway.problems import Problem

NEW = DATA / "packets/own_new_pdf_xlsx.edxml"
STATUS = DATA / "packets/own_status_03.edxml"
GATEWAY = [sys.executable, "-c", "from gateway.cli import main; main()"]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return gateway_in(tmp_path, monkeypatch)


def read(gateway: Gateway, packet: Path, *options: str) -> dict[str, Any]:
    printed = gateway.json("packet", "read", packet, *options)
    assert isinstance(printed, dict)
    return printed


def with_files(tmp_path: Path, *names: str) -> Path:
    """A packet with one file for each name, all different."""
    files: Sequence[FileToSend] = [
        file(name, f"%PDF {place}".encode(), content_id=f"10000000-0000-4000-8000-00000000000{place}")
        for place, name in enumerate(names)
    ]
    packet = tmp_path / "packet.edxml"
    packet.write_bytes(document("H98.01", files=files))
    return packet


def test_a_document_is_printed_as_one_json_object(gateway: Gateway) -> None:
    printed = read(gateway, NEW)
    assert printed["kind"] == "document"
    assert isinstance(printed["message_header"]["to"], list)
    assert printed["message_header"]["from"]["organ_id"] == "H99"
    assert printed["trace_header_list"]["bussiness"]["bussiness_doc_type"] == "0"
    wanted = {"attachment_name", "content_type", "content_id", "size", "sha256"}
    assert all(wanted <= set(one) for one in printed["attachments"])
    assert printed["findings"] == []


def test_a_status_answers_one_document(gateway: Gateway) -> None:
    printed = read(gateway, STATUS)
    assert printed["kind"] == "status"
    assert printed["message_header"]["status_code"] == "03"
    assert isinstance(printed["message_header"]["response_for"], dict)


def test_a_packet_may_come_by_standard_input(gateway: Gateway) -> None:
    result = gateway("packet", "read", "-", input=STATUS.read_bytes())
    assert json.loads(result.stdout) == read(gateway, STATUS)


@pytest.mark.parametrize(
    ("content", "code"),
    [(NEW.read_bytes(), 0), (b"<edXML>", 3), (b"", 3), (None, 2)],
    ids=["good", "cut", "empty", "none"],
)
@pytest.mark.process
def test_the_exit_code_tells_readable_refused_and_wrong_usage_apart(
    tmp_path: Path, content: bytes | None, code: int
) -> None:
    packet = tmp_path / "packet.edxml"
    if content is not None:
        packet.write_bytes(content)
    done = subprocess.run([*GATEWAY, "packet", "read", str(packet)], capture_output=True)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    if code == 3:
        assert json.loads(done.stdout)["findings"][0]["severity"] == "error"


@pytest.mark.process
def test_vietnamese_is_printed_whatever_the_locale(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*GATEWAY, "packet", "read", str(NEW)], capture_output=True, env=environment)
    assert done.returncode == 0
    assert "UBND" in json.loads(done.stdout.decode("utf-8"))["message_header"]["from"]["organ_name"]


def test_strict_refuses_what_lenient_only_warns_of(gateway: Gateway, tmp_path: Path) -> None:
    odd = tmp_path / "odd.edxml"
    text = NEW.read_text()
    odd.write_text(text.replace("</edXML:MessageHeader>", "<edXML:Extra>1</edXML:Extra></edXML:MessageHeader>", 1))
    assert gateway("packet", "read", odd).exit_code == 0
    assert gateway("packet", "read", odd, "--strict").exit_code == 3
    assert gateway("packet", "read", NEW, "--strict").exit_code == 0


def test_files_are_extracted_as_they_were_before_zipping(gateway: Gateway, tmp_path: Path) -> None:
    printed = read(gateway, NEW, "--extract", "out")
    for attachment in printed["attachments"]:
        data = (tmp_path / "out" / attachment["attachment_name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == attachment["sha256"]
        assert len(data) == attachment["size"]
    assert len(list((tmp_path / "out").iterdir())) == len(printed["attachments"])


def test_two_files_with_one_name_are_both_kept(gateway: Gateway, tmp_path: Path) -> None:
    read(gateway, with_files(tmp_path, "a.pdf", "a.pdf", "a.pdf"), "--extract", "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "a.pdf": b"%PDF 0",
        "a (2).pdf": b"%PDF 1",
        "a (3).pdf": b"%PDF 2",
    }


def test_what_lies_there_is_never_written_over_and_no_link_is_followed(gateway: Gateway, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.pdf").write_text("older")
    (tmp_path / "target").write_text("elsewhere")
    (out / "b.pdf").symlink_to(tmp_path / "target")
    (out / "c.pdf").symlink_to(tmp_path / "not-there")
    read(gateway, with_files(tmp_path, "a.pdf", "b.pdf", "c.pdf"), "--extract", "out")
    assert (out / "a.pdf").read_text() == "older"
    assert (tmp_path / "target").read_text() == "elsewhere"
    assert not (tmp_path / "not-there").exists()
    assert [(out / f"{name} (2).pdf").read_bytes() for name in "abc"] == [b"%PDF 0", b"%PDF 1", b"%PDF 2"]


@pytest.mark.parametrize("name", ["../../escaped.pdf", "/etc/escaped.pdf", "..\\escaped.pdf", "a/../../escaped.pdf"])
def test_no_name_leads_out_of_the_folder(gateway: Gateway, tmp_path: Path, name: str) -> None:
    read(gateway, with_files(tmp_path, name), "--extract", "in/out")
    assert [path.name for path in (tmp_path / "in/out").iterdir()] == ["escaped.pdf"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]


def test_nothing_is_extracted_from_a_refused_packet(gateway: Gateway, tmp_path: Path) -> None:
    broken = tmp_path / "broken.edxml"
    broken.write_bytes(NEW.read_bytes()[:-12])
    assert gateway("packet", "read", broken, "--extract", "out").exit_code == 3
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_without_hard_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "source").write_text("content")
    (tmp_path / "out").mkdir()
    extraction = Extraction(tmp_path / "out")
    assert [extraction.put(tmp_path / "source", "a.pdf") for _ in range(2)] == ["a.pdf", "a (2).pdf"]
    assert (tmp_path / "out/a (2).pdf").read_text() == "content"


@pytest.mark.parametrize("name", ["ă" * 400 + ".pdf", "x." + "y" * 400, "." + "z" * 400, "no-extension"])
def test_a_numbered_name_still_fits_the_file_system(tmp_path: Path, name: str) -> None:
    (tmp_path / "source").write_text("content")
    (tmp_path / "out").mkdir()
    extraction = Extraction(tmp_path / "out")
    first, second = (extraction.put(tmp_path / "source", name) for _ in range(2))
    assert first != second
    assert " (2)" in second
    assert len(second.encode()) <= LONGEST


@pytest.mark.parametrize("packet", PACKETS, ids=lambda path: path.stem)
def test_what_is_read_is_built_and_reads_the_same(gateway: Gateway, tmp_path: Path, packet: Path) -> None:
    first = read(gateway, packet, "--extract", "files")
    (tmp_path / "document.json").write_text(json.dumps(first))
    files = [option for one in first["attachments"] for option in ("--attach", f"files/{one['attachment_name']}")]
    built = gateway("packet", "build", "document.json", *files, "--out", "built.edxml")
    assert built.exit_code == 0, built.stderr
    again = read(gateway, tmp_path / "built.edxml", "--strict")
    for part in ("kind", "message_header", "trace_header_list", "findings"):
        assert again[part] == first[part]
    assert told(again) == told(first)


def told(printed: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["attachment_name"], one["size"], one["sha256"]) for one in printed["attachments"]]


def minimal(**changes: object) -> str:
    header: dict[str, object] = {
        "from": {"organ_id": "H99"},
        "to": [{"organ_id": "H98.01"}],
        "document_id": "H99,2026/11/20,1/UBND-KT",
        "code": {"code_number": "1", "code_notation": "UBND-KT"},
        "promulgation_info": {"promulgation_date": "2026-11-20"},
        "subject": "V/v thử nghiệm",
        **changes,
    }
    return json.dumps({"message_header": header, "attachments": [{"attachment_name": "ignored.pdf"}]})


def built(gateway: Gateway, text: str, *options: str | Path) -> Result:
    return gateway("packet", "build", "-", "--out", "built.edxml", *options, input=text)


def test_a_document_without_hops_gets_its_senders(gateway: Gateway, tmp_path: Path) -> None:
    assert built(gateway, minimal()).exit_code == 0
    (hop,) = read(gateway, tmp_path / "built.edxml")["trace_header_list"]["trace_headers"]
    assert (hop["organ_id"], hop["timestamp"] is not None) == ("H99", True)


def test_a_document_without_an_id_gets_the_usual_one(gateway: Gateway, tmp_path: Path) -> None:
    assert built(gateway, minimal(document_id=None)).exit_code == 0
    header = read(gateway, tmp_path / "built.edxml")["message_header"]
    day = header["promulgation_info"]["promulgation_date"].replace("-", "/")
    code = header["code"]
    assert header["document_id"] == f"H99,{day},{code['code_number']}/{code['code_notation']}"


def test_attachments_come_from_the_command_line_alone(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "Kế hoạch.xlsx").write_bytes(b"not really a sheet")
    assert built(gateway, minimal(), "--attach", tmp_path / "Kế hoạch.xlsx").exit_code == 0
    (one,) = read(gateway, tmp_path / "built.edxml")["attachments"]
    assert (one["attachment_name"], one["size"]) == ("Kế hoạch.xlsx", 18)


def test_what_the_checks_refuse_is_told_as_json_and_nothing_is_written(gateway: Gateway, tmp_path: Path) -> None:
    result = built(gateway, minimal(to=[], document_id=None, code={"code_number": "15"}))
    assert result.exit_code == 3
    codes = {finding["code"] for finding in json.loads(result.stderr)["findings"]}
    assert {"N.MessageHeader.To", "N.MessageHeader.DocumentId"} <= codes
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "X.Json"),
        ("[]", "T.Json"),
        ('{"kind": "letter"}', "M.Kind"),
        (minimal(subject=5), "T.MessageHeader.Subject"),
        (minimal(subjct="x"), "M.MessageHeader.Subjct"),
        (minimal(document_type={"type": -1}), "R.MessageHeader.DocumentType.Type"),
    ],
)
def test_json_that_describes_no_packet_is_refused(gateway: Gateway, text: str, code: str) -> None:
    result = built(gateway, text)
    assert result.exit_code == 3
    assert json.loads(result.stderr)["findings"][0]["code"] == code


def test_an_empty_file_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"")
    assert built(gateway, minimal(), "--attach", tmp_path / "a.pdf").exit_code == 3


def test_a_pipe_is_no_file_to_attach(gateway: Gateway, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pdf")
    result = built(gateway, minimal(), "--attach", tmp_path / "a.pdf")
    assert (result.exit_code, "attach.not_a_file" in result.stderr) == (1, True)


def test_a_status_takes_no_files(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    status = gateway("packet", "read", STATUS).stdout
    assert built(gateway, status, "--attach", tmp_path / "a.pdf").exit_code == 2


def test_a_built_packet_replaces_the_older_one_when_forced_and_whole(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "built.edxml").write_text("older")
    assert built(gateway, minimal(to=[]), "--force").exit_code == 3
    refused = built(gateway, minimal())
    assert (refused.exit_code, "file.exists" in refused.stderr) == (1, True)
    assert (tmp_path / "built.edxml").read_text() == "older"
    assert built(gateway, minimal(), "--force").exit_code == 0
    assert read(gateway, tmp_path / "built.edxml")["kind"] == "document"
    assert [path.name for path in tmp_path.iterdir()] == ["built.edxml"]


def test_a_file_that_appears_while_it_is_built_is_not_written_over(tmp_path: Path) -> None:
    def overtaken() -> None:
        with whole_or_nothing(tmp_path / "built.edxml") as target:
            target.write(b"new")
            (tmp_path / "built.edxml").write_text("older")

    with pytest.raises(Problem, match=r"file\.exists"):
        overtaken()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("built.edxml", "older")]


def test_a_packet_may_go_to_standard_output(gateway: Gateway) -> None:
    result = gateway("packet", "build", "-", "--out", "-", input=minimal())
    assert result.stdout_bytes.startswith(b"<?xml")


def test_what_a_file_system_cannot_take_leaves_nothing_half_written(gateway: Gateway, tmp_path: Path) -> None:
    result = gateway("packet", "build", "-", "--out", "no/such/folder.edxml", input=minimal())
    assert (result.exit_code, "system.refused" in result.stderr) == (1, True)


# Signing and verifying.

SIGNING = DATA / "signature" / "keys"
SIGNATURE_FACTS = {
    "present",
    "well_formed",
    "intact",
    "covers",
    "algorithm",
    "certificate",
    "trusted",
    "speaks_for_sender",
    "addressed_to_us",
    "reasons",
}


def signed(gateway: Gateway, tmp_path: Path, key: str, *files: Path) -> Path:
    """A packet built of one of ours, with the key of that name."""
    printed = tmp_path / "document.json"
    printed.write_text(json.dumps(read(gateway, NEW if files else STATUS)))
    out = tmp_path / "signed.edxml"
    attached = [argument for one in files for argument in ("--attach", one)]
    keys = ("--sign-key", SIGNING / f"{key}.key.pem", "--sign-cert", SIGNING / f"{key}.crt.pem")
    result = gateway("packet", "build", printed, "--out", out, *attached, *keys)
    assert result.exit_code == 0, result.stderr
    return out


@pytest.mark.parametrize(
    ("key", "algorithm"), [("rsa", "rsa-sha256"), ("p256", "ecdsa-sha256"), ("p384", "ecdsa-sha384")]
)
def test_a_packet_is_signed_and_verified(gateway: Gateway, tmp_path: Path, key: str, algorithm: str) -> None:
    packet = signed(gateway, tmp_path, key, DATA / "files/1520_UBND-KT.pdf", DATA / "files/phu-luc-1.xlsx")
    signature = read(gateway, packet, "--verify", "--own-code", "H99.07")["signature"]
    assert set(signature) >= SIGNATURE_FACTS
    facts = ("present", "well_formed", "intact", "covers", "trusted", "speaks_for_sender", "addressed_to_us")
    assert [signature[fact] for fact in facts] == [True, True, True, True, None, None, True]
    assert (signature["algorithm"], signature["reasons"]) == (algorithm, [])
    assert "signature" not in read(gateway, packet)


def test_a_status_packet_is_signed_too(gateway: Gateway, tmp_path: Path) -> None:
    signature = read(gateway, signed(gateway, tmp_path, "p256"), "--verify", "--own-code", "X01")["signature"]
    assert (signature["intact"], signature["covers"], signature["addressed_to_us"]) == (True, True, False)


def test_a_changed_packet_is_told_and_still_read(gateway: Gateway, tmp_path: Path) -> None:
    result = gateway("packet", "read", DATA / "signature/broken/subject-changed.edxml", "--verify")
    assert result.exit_code == 0
    signature = json.loads(result.stdout)["signature"]
    assert (signature["well_formed"], signature["intact"]) == (True, False)
    assert [each["code"] for each in signature["reasons"] if each["part"] == "header"] == ["signature.header_changed"]


def test_an_unsigned_packet_has_a_signature_object_that_says_so(gateway: Gateway) -> None:
    signature = read(gateway, NEW, "--verify")["signature"]
    assert (signature["present"], signature["intact"], signature["reasons"]) == (False, None, [])


def test_the_time_of_receipt_can_be_given(gateway: Gateway) -> None:
    packet = DATA / "signature/new-rsa-sha256/packet.edxml"
    near = read(gateway, packet, "--verify", "--received", "2026-11-22T10:00:00")["signature"]
    far = read(gateway, packet, "--verify", "--received", "2027-11-22T10:00:00")["signature"]
    assert [[each["code"] for each in one["reasons"]] for one in (near, far)] == [[], ["signature.time_far"]]


@pytest.mark.parametrize(
    ("key", "certificate", "code"),
    [
        ("rsa.key.pem", "p256.crt.pem", "signing_key.certificate_mismatch"),
        ("rsa.crt.pem", "rsa.crt.pem", "signing_key.key_unreadable"),
        ("rsa.key.pem", "rsa.key.pem", "signing_key.certificate_missing"),
    ],
)
def test_a_key_that_cannot_sign_is_refused(
    gateway: Gateway, tmp_path: Path, key: str, certificate: str, code: str
) -> None:
    printed = tmp_path / "status.json"
    printed.write_text(json.dumps(read(gateway, STATUS)))
    out = tmp_path / "out.edxml"
    keys = ("--sign-key", SIGNING / key, "--sign-cert", SIGNING / certificate)
    result = gateway("packet", "build", printed, "--out", out, *keys)
    assert (result.exit_code, out.exists()) == (1, False)
    assert code in result.stderr


def test_a_key_without_its_certificate_is_wrong_usage(gateway: Gateway, tmp_path: Path) -> None:
    printed = tmp_path / "status.json"
    printed.write_text(json.dumps(read(gateway, STATUS)))
    result = gateway("packet", "build", printed, "--out", tmp_path / "o", "--sign-key", SIGNING / "rsa.key.pem")
    assert result.exit_code == 2


def test_what_would_not_survive_is_not_signed(gateway: Gateway, tmp_path: Path) -> None:
    capital = tmp_path / "ho-so.ZIP"
    capital.write_bytes(b"PK\x05\x06" + bytes(18))
    printed = tmp_path / "document.json"
    printed.write_text(json.dumps(read(gateway, NEW)))
    out = tmp_path / "out.edxml"
    keys = ("--sign-key", SIGNING / "rsa.key.pem", "--sign-cert", SIGNING / "rsa.crt.pem")
    assert gateway("packet", "build", printed, "--out", tmp_path / "unsigned.edxml", "--attach", capital).exit_code == 0
    result = gateway("packet", "build", printed, "--out", out, "--attach", capital, *keys)
    assert (result.exit_code, out.exists()) == (3, False)
    assert "L.AttachmentName" in result.stderr
