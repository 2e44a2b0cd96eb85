"""`gateway packet`."""

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from gateway.cli.console import PACKET_REFUSED, as_json, now, say, warn
from gateway.cli.files import STANDARD, Extraction, FileSink, FileSinks, LocalFile, opened, whole_or_nothing, workplace
from gateway.problems import Kind, Problem, Text
from gateway.times import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO, NoReturn

    from gateway.edxml.findings import Finding
    from gateway.edxml.model import DocumentPacket, StatusPacket
    from gateway.edxml.reader import ReadPacket
    from gateway.edxml.signature_parts import SignatureParts
    from gateway.signing.facts import SignatureFacts
    from gateway.signing.keys.api import SigningKey
    from gateway.signing.trust.api import Trust
    from gateway.signing.verify import Looked

app = typer.Typer(help="Read and build packets (edXML). / Đọc và tạo gói tin edXML.", no_args_is_help=True)


def _to_read(file: Path) -> Path:
    """Typer itself would look for a file named `-`."""
    if file != STANDARD and (file.is_dir() or not os.access(file, os.R_OK)):
        raise typer.BadParameter(f"{file}: no such file, or not readable. / không có tệp, hoặc không đọc được.")
    return file


@app.command(
    help="Read a packet and print it as one JSON object.\n\nĐọc gói tin và in ra một đối tượng JSON.\n\n"
    "Exit code 0: readable; 3: refused, the findings say why. / Mã thoát 0: đọc được; 3: bị từ chối."
)
def read(
    file: Annotated[
        Path,
        typer.Argument(callback=_to_read, help="The packet; - for stdin. / Gói tin; - là đầu vào chuẩn."),
    ],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse whatever is odd. / Từ chối mọi điểm bất thường.")
    ] = False,
    extract: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Write the files of a readable packet here; nothing is written over. / Ghi các tệp đính kèm vào đây.",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Add the facts about its signature. / Thêm kết quả kiểm tra chữ ký.")
    ] = False,
    trust: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="With --verify: a folder of authorities' certificates, PEM or DER; who issued itself is trusted. / "
            "Thư mục chứng thư của các cơ quan cấp; chứng thư tự ký được tin.",
        ),
    ] = None,
    own_code: Annotated[
        list[str] | None,
        typer.Option(help="With --verify: a code of ours; may be repeated. / Mã của đơn vị ta; có thể lặp lại."),
    ] = None,
    received: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S"],
            help="With --verify: when it came, Vietnam time; now by default. / Lúc nhận, giờ Việt Nam; mặc định là bây giờ.",
        ),
    ] = None,
) -> None:
    from gateway.edxml.reader import Limits, Profile, read_packet
    from gateway.edxml.readout import readout

    profile = Profile.STRICT if strict else Profile.LENIENT
    with opened(file) as stream, workplace(extract) as folder:
        sinks = FileSinks(folder)
        packet = read_packet(stream, sinks, Limits(), profile, now().astimezone(VIETNAM).date())
        sinks.close()
        if extract is not None and packet.readable:
            _extract(packet, extract)
        shown = readout(packet).model_dump(mode="json")
        if verify:
            at = now() if received is None else received.replace(tzinfo=VIETNAM)
            shown["signature"] = _facts(packet, file, trust, own_code, at).model_dump(mode="json")
        typer.echo(as_json(shown))
    if not packet.readable:
        raise typer.Exit(PACKET_REFUSED)


@app.command(
    help="Build a packet from the JSON that `packet read` prints.\n\nTạo gói tin từ JSON do `packet read` in ra.\n\n"
    "Exit code 3: the checks refuse it. / Mã thoát 3: không qua được kiểm tra."
)
def build(
    document: Annotated[
        Path,
        typer.Argument(callback=_to_read, help="The JSON; - for stdin. / Tệp JSON; - là đầu vào chuẩn."),
    ],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The packet; - for stdout. / Gói tin; - là đầu ra chuẩn.")],
    attach: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="A file, in order. / Tệp đính kèm, theo thứ tự."),
    ] = None,
    sign_key: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            help="Sign the packet with this private key (PEM). / Ký gói tin bằng khóa riêng này (PEM).",
        ),
    ] = None,
    sign_cert: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True, help="The key's certificate (PEM or DER). / Chứng thư của khóa."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file of that name. / Ghi đè tệp cùng tên.")
    ] = False,
) -> None:
    from gateway.edxml.from_json import MAX_BYTES, JsonRefused, packet_from_json
    from gateway.edxml.model import StatusPacket

    files = [LocalFile(path) for path in attach or ()]
    with opened(document) as stream:
        data = stream.read(MAX_BYTES + 1)
    try:
        packet = packet_from_json(data, now())
    except JsonRefused as refused:
        _refuse(refused.findings)
    if isinstance(packet, StatusPacket) and files:
        raise typer.BadParameter("A status packet has no files. / Gói tin trạng thái không có tệp đính kèm.")
    _check(packet, files)
    signature = _signature(packet, files, _signing_key(sign_key, sign_cert))
    with whole_or_nothing(out, force=force) as target:
        _write(packet, files, signature, target)
    if out != STANDARD:
        say(Text(f"Đã tạo {out}.", f"Built {out}."))


def _extract(packet: "ReadPacket", folder: Path) -> None:
    extraction = Extraction(folder)
    for position, attachment in enumerate(packet.attachments, 1):
        if not isinstance(attachment.content, FileSink):
            continue
        name = extraction.put(attachment.content.path, attachment.attachment_name or "")
        say(Text(f"Tệp {position}: {folder / name}", f"File {position}: {folder / name}"))


def _check(packet: "DocumentPacket | StatusPacket", files: "Sequence[LocalFile]") -> None:
    from gateway.edxml.checks import FileFacts, check_document, check_status
    from gateway.edxml.model import StatusPacket

    if isinstance(packet, StatusPacket):
        findings = check_status(packet)
    else:
        facts = [FileFacts(attachment_name=file.path.name, size=file.size) for file in files]
        findings = check_document(packet, facts, now().astimezone(VIETNAM).date())
    if any(finding.is_error for finding in findings):
        _refuse(findings)
    for finding in findings:
        warn(finding.message)


def _refuse(findings: "Sequence[Finding]") -> "NoReturn":
    told = [
        {
            "code": finding.code,
            "severity": finding.severity.value,
            "pointer": finding.pointer,
            "message": finding.message.en,
            "message_vi": finding.message.vi,
        }
        for finding in findings
    ]
    typer.echo(as_json({"findings": told}), err=True)
    raise typer.Exit(PACKET_REFUSED)


def _signing_key(key: Path | None, certificate: Path | None) -> "SigningKey | None":
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        raise typer.BadParameter("--sign-key and --sign-cert go together. / Phải có cả --sign-key và --sign-cert.")
    from gateway.signing.keys.api import KeyUnusable
    from gateway.signing.keys.pem import load

    try:
        return load(key.read_bytes(), certificate.read_bytes())
    except KeyUnusable as unusable:
        raise Problem(
            f"signing_key.{unusable.reason}",
            Kind.INVALID,
            Text(f"Không dùng được khóa ký: {unusable.reason}.", f"The signing key cannot be used: {unusable.reason}."),
            Text(
                "Cần khóa riêng dạng PEM (RSA từ 2048 bit, P-256 hoặc P-384) và chứng thư của chính khóa đó.",
                "Give a private key as PEM (RSA from 2048 bits, P-256 or P-384) and the certificate of that very key.",
            ),
        ) from None


def _signature(
    packet: "DocumentPacket | StatusPacket", files: "Sequence[LocalFile]", key: "SigningKey | None"
) -> "SignatureParts | None":
    if key is None:
        return None
    from gateway.edxml.model import StatusPacket
    from gateway.edxml.normal import FileDigest
    from gateway.edxml.signable import Unsignable
    from gateway.signing.profile import NONCE_BYTES
    from gateway.signing.sign import sign_document, sign_status

    nonce = secrets.token_bytes(NONCE_BYTES)
    try:
        if isinstance(packet, StatusPacket):
            return sign_status(packet, key, now(), nonce).parts
        digests = [
            FileDigest(name=file.path.name, description=None, size=file.size, sha256=file.sha256()) for file in files
        ]
        return sign_document(packet, digests, key, now(), nonce).parts
    except Unsignable as unsignable:
        _refuse(unsignable.findings)


def _facts(
    packet: "ReadPacket", file: Path, trust: Path | None, own_codes: list[str] | None, at: datetime
) -> "SignatureFacts":
    from gateway.signing.facts import Scheme
    from gateway.signing.verify import look, sender_of, weigh

    looked = look(packet, received=at)
    if looked.facts.scheme is Scheme.XMLDSIG and file != STANDARD:
        looked = _enveloped(packet, file, at)
    held = None if trust is None else _held(trust)
    codes = sender_of(packet.packet)
    return weigh(looked, packet.packet, received=at, trust=held, own_codes=own_codes, sender_codes=codes).facts


def _enveloped(packet: "ReadPacket", file: Path, at: datetime) -> "Looked":
    """An ordinary signature over the whole packet, which is read once more for it. SHA-1 is never taken here."""
    from gateway.signing.verify import Looked
    from gateway.signing.xmldsig.settings import XmldsigSettings
    from gateway.signing.xmldsig.verifying import MB, look_at, parts_of, verify

    most = XmldsigSettings().packet_mb * MB
    facts = verify(LocalFile(file), packet.signature, parts_of(packet), at=at, accept_sha1=False, most_bytes=most)
    leaf = None if facts.certificate is None else look_at(packet.signature).leaf.der
    return Looked(facts=facts, leaf=leaf, header_signed=facts.intact is True)


def _held(folder: Path) -> "Trust":
    """What a folder holds of trust: who issued itself is an anchor, all others are intermediates."""
    from gateway.signing.keys.api import KeyUnusable
    from gateway.signing.keys.pem import certificates_in
    from gateway.signing.settings import SigningSettings
    from gateway.signing.trust.book import Held
    from gateway.signing.trust.records import Role
    from gateway.signing.trust.register import authority

    found = []
    for path in sorted(one for one in folder.iterdir() if one.is_file()):
        try:
            read = certificates_in(path.read_bytes())
        except KeyUnusable:
            warn(
                Text(f"{path} không phải tệp chứng thư, bỏ qua.", f"{path} is no certificate file and is passed over.")
            )
            continue
        for one in read:
            role = Role.ANCHOR if one.subject == one.issuer else Role.INTERMEDIATE
            found.append(authority(one, role, "", now()))
    purposes = SigningSettings().allowed_purposes
    return Held(authorities=found, speakers=(), learnt=(), troubles={}, purposes=purposes)


def _write(
    packet: "DocumentPacket | StatusPacket",
    files: "Sequence[LocalFile]",
    signature: "SignatureParts | None",
    target: "BinaryIO",
) -> None:
    from gateway.edxml.model import StatusPacket
    from gateway.edxml.writer import FileToSend, write_document, write_status

    if isinstance(packet, StatusPacket):
        write_status(packet, target, signature=signature)
        return
    to_send = [
        FileToSend(
            attachment_name=file.path.name,
            source=file,
            content_id=str(uuid4()),
            entry_name=f"{uuid4()}{file.path.suffix}",
        )
        for file in files
    ]
    write_document(packet, to_send, target, signature=signature)
