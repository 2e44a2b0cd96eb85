"""`gateway trust`: whose certificates are believed, and who may speak for whom."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import as_json, now, say, show
from gateway.cli.dates import day_of
from gateway.cli.opened import database, run, settings_of
from gateway.problems import Kind, Problem, Text
from gateway.times import shown

if TYPE_CHECKING:
    from cryptography import x509

    from gateway.signing.trust.book import Held
    from gateway.signing.trust.records import Speaker, TrustCertificate
    from gateway.store import Transaction

app = typer.Typer(help="Whose certificates are believed. / Chứng thư được tin cậy.", no_args_is_help=True)
speaks = typer.Typer(
    help="Which certificate may speak for which code. / Chứng thư nào ký thay mã nào.", no_args_is_help=True
)
app.add_typer(speaks, name="speaks")

File = Annotated[Path, typer.Argument(dir_okay=False, help="Certificate, PEM or DER. / Tệp chứng thư.")]
Note = Annotated[str, typer.Option(help="Where it is from; it is kept. / Nguồn gốc, được ghi lại.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show. / Chỉ xem, không ghi.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")]

_COLUMNS = ("sha256", "role", "subject", "not_before", "not_after", "note", "added_at")
_NARROW = ("sha256", "role", "subject", "not_after")
_SPEAKERS = ("id", "code", "names", "fingerprint", "valid_from", "valid_until", "note", "added_at")


@app.command("list", help="Anchors and intermediates.\n\nDanh sách chứng thư gốc và trung gian.")
def list_certificates(context: typer.Context, json: Json = False) -> None:
    show(_COLUMNS, [_row(one) for one in run(_authorities(context))], json_wanted=json, narrow=_NARROW)


@app.command(
    "add-anchor",
    help="Pin an anchor. Its SHA-256 must come from elsewhere than the file.\n\n"
    "Ghim chứng thư gốc. Dấu vân tay SHA-256 phải lấy từ nguồn khác với tệp.",
)
def add_anchor(
    context: typer.Context,
    file: File,
    sha256: Annotated[str, typer.Option(help="The fingerprint you were told. / Dấu vân tay đã được báo.")],
    note: Note = "",
    dry_run: DryRun = False,
) -> None:
    from gateway.signing.trust import register

    _put(context, register.pinned(_certificate(file), sha256, note, now()), dry_run=dry_run)


@app.command(
    "add",
    help="Add an intermediate: it is believed only by a chain to an anchor.\n\n"
    "Thêm chứng thư trung gian: chỉ được tin khi có chuỗi tới chứng thư gốc.",
)
def add(context: typer.Context, file: File, note: Note = "", dry_run: DryRun = False) -> None:
    from gateway.signing.trust import register
    from gateway.signing.trust.records import Role

    _put(context, register.authority(_certificate(file), Role.INTERMEDIATE, note, now()), dry_run=dry_run)


@app.command(help="Believe an authority's certificate no more.\n\nThôi tin một chứng thư.")
def remove(
    context: typer.Context,
    sha256: Annotated[str, typer.Argument(help="Its fingerprint. / Dấu vân tay.")],
    dry_run: DryRun = False,
) -> None:
    from gateway.signing.trust import register

    wanted = register.fingerprint_of(sha256)
    if dry_run:
        found = [one for one in run(_authorities(context)) if one.sha256 == wanted]
        typer.echo(as_json([dict(zip(_COLUMNS, _row(one), strict=True)) for one in found]))
        return
    run(_change(context, lambda tx: register.remove(tx, wanted)))
    say(Text(f"Đã bỏ {wanted}.", f"Removed {wanted}."))


@app.command(
    help="Judge a certificate as if it came with a packet. Asks nobody, changes nothing.\n\n"
    "Đánh giá một chứng thư như khi nó đến cùng gói tin. Không hỏi ai, không thay đổi gì."
)
def judge(
    context: typer.Context,
    file: File,
    code: Annotated[list[str] | None, typer.Option(help="A code of the sender. / Mã của bên gửi.")] = None,
    at: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="On that day; now. / Ngày; bây giờ.")] = None,
) -> None:
    from gateway.signing import certificates

    moment = now() if at is None else day_of(at, "--at")
    der = certificates.der_of(_certificate(file))
    held = run(_held(context))
    judged = held.judge(der, moment)
    typer.echo(
        as_json(
            {
                "sha256": certificates.sha256(_certificate(file)),
                "at": shown(moment),
                "trusted": judged.trusted,
                "revoked": judged.revoked,
                "valid_then": judged.valid_then,
                "speaks_for_sender": held.may_speak(der, code, moment) if code else None,
                "chain": [certificates.read(one).subject.rfc4514_string() for one in judged.chain],
                "reasons": [one.model_dump() for one in judged.reasons],
            }
        )
    )


@speaks.command("list", help="Who speaks for whom.\n\nDanh sách ai ký thay ai.")
def list_speakers(context: typer.Context, json: Json = False) -> None:
    rows = [_speaker_row(one) for one in run(_speakers(context))]
    show(_SPEAKERS, rows, json_wanted=json)


@speaks.command(
    "add",
    help="Let a certificate speak for a code; with --key every certificate of its key.\n\n"
    "Cho một chứng thư ký thay một mã; --key: mọi chứng thư của cùng khóa.",
)
def add_speaker(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="Identifier code. / Mã định danh.")],
    certificate: Annotated[Path, typer.Option(dir_okay=False, help="PEM or DER. / Tệp chứng thư.")],
    key: Annotated[bool, typer.Option("--key", help="By its key: a renewal speaks too. / Theo khóa.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="From this day; today. / Từ ngày; hôm nay.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="To the end of this day. / Đến hết ngày.")
    ] = None,
    note: Note = "",
    dry_run: DryRun = False,
) -> None:
    from gateway.signing import certificates
    from gateway.signing.trust import register
    from gateway.signing.trust.records import Names

    read = _certificate(certificate)
    fingerprint = certificates.key_sha256(read) if key else certificates.sha256(read)
    begins = _today() if since is None else day_of(since, "--since")
    ends = None if until is None else day_of(until, "--until") + timedelta(days=1)
    if dry_run:
        record = {"code": code, "subject": read.subject.rfc4514_string(), "fingerprint": fingerprint}
        typer.echo(as_json({**record, "valid_from": shown(begins), "valid_until": shown(ends) if ends else None}))
        return

    async def change(tx: "Transaction") -> None:
        await register.let_speak(
            tx,
            names=Names.KEY if key else Names.CERTIFICATE,
            fingerprint=fingerprint,
            code=code,
            valid_from=begins,
            valid_until=ends,
            note=note,
            now=now(),
        )

    run(_change(context, change))
    say(Text(f"Chứng thư được ký thay {code}.", f"The certificate may speak for {code}."))


@speaks.command("remove", help="Take a row back.\n\nBỏ một dòng.")
def remove_speaker(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="Its id in the list. / Mã dòng trong danh sách.")],
    dry_run: DryRun = False,
) -> None:
    from gateway.signing.trust import register

    if dry_run:
        found = [one for one in run(_speakers(context)) if one.id == id]
        typer.echo(as_json([dict(zip(_SPEAKERS, _speaker_row(one), strict=True)) for one in found]))
        return
    run(_change(context, lambda tx: register.silence(tx, id)))
    say(Text("Đã bỏ dòng này.", "The row is removed."))


def _put(context: typer.Context, one: "TrustCertificate", *, dry_run: bool) -> None:
    from gateway.signing.trust import register

    typer.echo(as_json(dict(zip(_COLUMNS, _row(one), strict=True))))
    if dry_run:
        return
    run(_change(context, lambda tx: register.put(tx, one)))
    say(Text(f"Đã thêm {one.subject}.", f"Added {one.subject}."))


def _certificate(file: Path) -> "x509.Certificate":
    from gateway.opening import read_key_file
    from gateway.signing.keys import pem
    from gateway.signing.keys.api import KeyUnusable
    from gateway.signing.keys.reasons import explained

    try:
        return pem.certificate_in(read_key_file(f"file:{file.absolute()}"))
    except KeyUnusable as error:
        why = explained(error.reason)
        raise Problem("trust.certificate", Kind.INVALID, why.text, why.action) from None


def _row(one: "TrustCertificate") -> tuple[object, ...]:
    from gateway.signing.trust import register

    read = register.read_certificate(one.certificate)
    dates = (shown(read.not_valid_before_utc), shown(read.not_valid_after_utc))
    return (one.sha256, one.role.value, one.subject, *dates, one.note, shown(one.added_at))


def _speaker_row(one: "Speaker") -> tuple[object, ...]:
    until = shown(one.valid_until) if one.valid_until else None
    dates = (shown(one.valid_from), until, one.note, shown(one.added_at))
    return (one.id, one.code, one.names.value, one.fingerprint, *dates)


def _today() -> datetime:
    from gateway.times import VIETNAM

    return now().astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)


async def _authorities(context: typer.Context) -> "tuple[TrustCertificate, ...]":
    from gateway.signing.trust import register

    async with database(context) as store, store.read() as tx:
        return await register.authorities(tx)


async def _speakers(context: typer.Context) -> "tuple[Speaker, ...]":
    from gateway.signing.trust import register

    async with database(context) as store, store.read() as tx:
        return await register.speakers(tx)


async def _held(context: typer.Context) -> "Held":
    from gateway.jobs import Jobs
    from gateway.opening import trust_for

    settings = settings_of(context)
    async with database(context) as store:
        return await trust_for(settings, store, Jobs(now)).held()


async def _change(context: typer.Context, change: "Callable[[Transaction], Awaitable[None]]") -> None:
    async with database(context) as store, store.begin() as tx:
        await change(tx)
