"""Pinning anchors, adding intermediates, and writing down who speaks for whom."""

import re
from datetime import datetime

from cryptography import x509

from gateway.problems import Kind, Problem, Text
from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable
from gateway.signing.trust import repository
from gateway.signing.trust.book import code_of
from gateway.signing.trust.records import Names, Role, Speaker, TrustCertificate
from gateway.store import Transaction, new_id

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_NOTE = 500
_LONGEST_CODE = 64


def fingerprint_of(text: str) -> str:
    """A SHA-256 as people write it (colons, spaces, capitals) in its stored form. Raises Problem `trust.fingerprint`."""
    found = re.sub(r"[\s:]", "", text).lower()
    if not _SHA256.fullmatch(found):
        raise _invalid(
            "trust.fingerprint",
            Text("Dấu vân tay SHA-256 gồm 64 chữ số hệ 16.", "A SHA-256 fingerprint has 64 hexadecimal digits."),
        )
    return found


def authority(certificate: x509.Certificate, role: Role, note: str, now: datetime) -> TrustCertificate:
    """A certificate of an authority, not yet written. Raises Problem `trust.no_authority`, `trust.note`."""
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if not is_authority:
        raise _invalid(
            "trust.no_authority",
            Text("Đây không phải chứng thư của cơ quan cấp (CA).", "This is no authority's certificate (CA)."),
        )
    _short(note)
    return TrustCertificate(
        sha256=certificates.sha256(certificate),
        role=role,
        certificate=certificates.der_of(certificate),
        subject=certificate.subject.rfc4514_string(),
        note=note,
        added_at=now,
    )


def pinned(certificate: x509.Certificate, pin: str, note: str, now: datetime) -> TrustCertificate:
    """An anchor whose fingerprint somebody has had from elsewhere and typed. Raises Problem `trust.pin`."""
    if certificates.sha256(certificate) != fingerprint_of(pin):
        raise _invalid(
            "trust.pin",
            Text("Dấu vân tay không khớp với tệp chứng thư.", "The fingerprint is not that of the certificate file."),
        )
    return authority(certificate, Role.ANCHOR, note, now)


async def put(tx: Transaction, one: TrustCertificate) -> None:
    """Write it down. An anchor is not made an intermediate by this way: raises Problem `trust.is_anchor`."""
    known = {each.sha256: each.role for each in await repository.certificates(tx)}
    if one.role is Role.INTERMEDIATE and known.get(one.sha256) is Role.ANCHOR:
        raise Problem(
            "trust.is_anchor",
            Kind.CONFLICT,
            Text("Chứng thư này đang là chứng thư gốc đã ghim.", "This certificate is a pinned anchor."),
            Text("Bỏ nó trước bằng 'gateway trust remove'.", "Remove it first with 'gateway trust remove'."),
        )
    await repository.put_certificate(tx, one)


async def remove(tx: Transaction, sha256: str) -> None:
    """Trust it no more. Raises Problem `trust.unknown`."""
    if not await repository.remove_certificate(tx, fingerprint_of(sha256)):
        raise _unknown()


async def let_speak(
    tx: Transaction,
    *,
    names: Names,
    fingerprint: str,
    code: str,
    valid_from: datetime,
    valid_until: datetime | None,
    note: str,
    now: datetime,
) -> Speaker:
    """A certificate, or any of a key, may speak for a code. Raises Problem `trust.code`, `trust.dates`."""
    wanted = code_of(code)
    if not (0 < len(wanted) <= _LONGEST_CODE and wanted.isprintable() and " " not in wanted):
        raise _invalid("trust.code", Text("Mã định danh không dùng được.", "The code cannot be used."))
    if valid_until is not None and valid_until <= valid_from:
        raise _invalid("trust.dates", Text("Ngày kết thúc phải sau ngày bắt đầu.", "It must end after it begins."))
    _short(note)
    one = Speaker(
        id=new_id(now),
        names=names,
        fingerprint=fingerprint_of(fingerprint),
        code=wanted,
        valid_from=valid_from,
        valid_until=valid_until,
        note=note,
        added_at=now,
    )
    await repository.add_speaker(tx, one)
    return one


async def silence(tx: Transaction, id: str) -> None:
    """Take such a row back. Raises Problem `trust.unknown`."""
    if not await repository.remove_speaker(tx, id):
        raise _unknown()


async def authorities(tx: Transaction) -> tuple[TrustCertificate, ...]:
    """All authorities, anchors first."""
    return await repository.certificates(tx)


async def speakers(tx: Transaction) -> tuple[Speaker, ...]:
    """Who speaks for whom, by code."""
    return await repository.speakers(tx)


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate. Raises Problem `trust.certificate`."""
    try:
        return certificates.read(der)
    except CertificateUnreadable:
        raise _invalid(
            "trust.certificate", Text("Chứng thư không đọc được.", "The certificate cannot be read.")
        ) from None


def _short(note: str) -> None:
    if len(note) > _LONGEST_NOTE or not note.isprintable():
        raise _invalid("trust.note", Text("Ghi chú quá dài.", "The note is too long."))


def _invalid(code: str, text: Text) -> Problem:
    return Problem(code, Kind.INVALID, text, Text("Sửa rồi thử lại.", "Correct it and try again."))


def _unknown() -> Problem:
    return Problem(
        "trust.unknown",
        Kind.NOT_FOUND,
        Text("Không có mục này.", "There is no such entry."),
        Text("Xem 'gateway trust list'.", "See 'gateway trust list'."),
    )
