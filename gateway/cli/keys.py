"""`gateway keys`: the keys that sign packets."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import as_json, now, say, show, warn
from gateway.cli.dates import day_of
from gateway.cli.opened import database, quiet, run, settings_of, write_down
from gateway.problems import Kind, Problem, Text
from gateway.times import shown

if TYPE_CHECKING:
    from gateway.signing.keys.records import KeyKind, KeyRow, NewKey
    from gateway.signing.keys.ring import KeyStanding

app = typer.Typer(help="Keys that sign packets. / Khóa ký gói tin.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The key's name. / Tên khóa.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")]

_COLUMNS = (
    *("id", "unit", "kind", "state", "fault", "signs", "days_left", "not_after", "certificate_sha256", "subject"),
    *("valid_from", "valid_until", "token", "label", "source", "certificate_source", "secret_source", "algorithm"),
    *("created_at", "retired_at"),
)
_NARROW = ("id", "unit", "kind", "state", "fault", "signs", "days_left", "not_after")


@app.command(
    help="Add a key: a PEM or PKCS#12 file, or one in a token (PKCS#11). It is tried before it is added.\n\n"
    "Thêm khóa: tệp PEM, tệp PKCS#12, hoặc khóa trong thiết bị (PKCS#11). Khóa được thử trước khi thêm."
)
def add(
    context: typer.Context,
    name: Name,
    unit: Annotated[str | None, typer.Option(help="For this unit; else for all. / Đơn vị; bỏ trống là tất cả.")] = None,
    pem: Annotated[Path | None, typer.Option(dir_okay=False, help="PEM file of the key. / Tệp khóa PEM.")] = None,
    p12: Annotated[Path | None, typer.Option(dir_okay=False, help="PKCS#12 file. / Tệp .p12, .pfx.")] = None,
    token: Annotated[str | None, typer.Option(help="The token's label. / Nhãn thiết bị.")] = None,
    label: Annotated[str | None, typer.Option(help="The key's label on the token. / Nhãn khóa trên thiết bị.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Its certificate, where not beside it. / Tệp chứng thư.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File of the passphrase or PIN. / Tệp chứa mật khẩu, PIN.")
    ] = None,
    secret_env: Annotated[str | None, typer.Option(help="Variable of it. / Biến chứa mật khẩu, PIN.")] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="rsa-sha256 (usual), rsa-sha384, rsa-sha512. / Thuật toán RSA.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Signs from this day; now. / Ký từ ngày; ngay.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Signs to the end of this day. / Ký đến hết ngày.")
    ] = None,
    untried: Annotated[
        bool, typer.Option("--untried", help="Do not try it: its token is not here. / Không thử khóa khi thêm.")
    ] = False,
) -> None:
    from gateway.directory.secret_sources import secret_source
    from gateway.signing.keys.api import Algorithm
    from gateway.signing.keys.records import NewKey

    if secret_file is not None and secret_env is not None:
        raise typer.BadParameter("--secret-file | --secret-env")
    if algorithm is not None and algorithm not in set(Algorithm):
        raise typer.BadParameter(" | ".join(Algorithm), param_hint="--algorithm")
    secret = _file(secret_file) or (f"env:{secret_env}" if secret_env is not None else None)
    for source in (secret, _file(certificate), _file(pem or p12)):
        try:
            secret_source(source or "env:NONE")
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    new = NewKey(
        id=name,
        kind=_kind(pem, p12, token),
        unit_code=unit,
        source=_file(pem or p12),
        certificate_source=_file(certificate),
        secret_source=secret,
        token=token,
        label=label,
        algorithm=Algorithm(algorithm) if algorithm is not None else None,
        valid_from=now() if since is None else day_of(since, "--since"),
        valid_until=None if until is None else day_of(until, "--until") + timedelta(days=1),
    )
    run(_add(context, new))
    say(Text(f"Đã thêm khóa {name}.", f"Added key {name}."))
    if not untried:
        _check(context, name, again=False)


@app.command("list", help="All keys, and how they stand.\n\nDanh sách khóa và tình trạng.")
def list_keys(context: typer.Context, json: Json = False) -> None:
    with quiet():
        rows, standings = run(_every(context))
    by_name = {one.row.id: one for one in standings}
    show(_COLUMNS, [_row(one, by_name.get(one.id)) for one in rows], json_wanted=json, narrow=_NARROW)


@app.command(
    help="Try a key: load it, sign with it, look at its certificate. Changes nothing.\n\n"
    "Thử một khóa: nạp, ký thử, xem chứng thư. Không thay đổi gì."
)
def check(
    context: typer.Context,
    name: Name,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Try a PIN that was refused before, or a token's last try. / Thử lại PIN đã bị từ chối, "
            "kể cả lần thử cuối của thiết bị.",
        ),
    ] = False,
) -> None:
    _check(context, name, again=again)


@app.command(help="Have a key sign nothing any more.\n\nThôi dùng một khóa.")
def retire(
    context: typer.Context,
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show. / Chỉ xem.")] = False,
) -> None:
    from gateway.signing.keys import register

    if dry_run:
        with quiet():
            _, standings = run(_every(context))
        found = next((one for one in standings if one.row.id == name), None)
        if found is None:
            raise register.unknown(name)
        typer.echo(as_json({"key": name, "signs_now": found.signs, "unit": found.row.unit_code}))
        return
    run(_retire(context, name))
    say(Text(f"Khóa {name} không còn ký.", f"Key {name} signs nothing any more."))


def _check(context: typer.Context, name: str, *, again: bool) -> None:
    from gateway.signing.keys.reasons import explained

    with quiet():
        standing = run(_standing(context, name, again=again))
    record = dict(zip(_COLUMNS, _row(standing.row, standing), strict=True))
    del record["signs"]  # one key was looked at, not those beside it
    typer.echo(as_json(record))
    if standing.fault is not None:
        why = explained(standing.fault)
        raise Problem(f"key.{standing.fault}", Kind.UNAVAILABLE, why.text, why.action, field=name)
    if standing.expiring:
        warn(
            Text(
                f"Chứng thư của khóa {name} còn {standing.days_left} ngày.",
                f"The certificate of key {name} has {standing.days_left} days left.",
            )
        )
    say(Text(f"Khóa {name} ký được.", f"Key {name} can sign."))


def _row(row: "KeyRow", standing: "KeyStanding | None") -> tuple[object, ...]:
    from gateway.signing.certificates import sha256

    certificate = standing.certificate if standing else None
    return (
        *(row.id, row.unit_code, row.kind.value, _state(row, standing), standing.fault if standing else None),
        *(standing.signs if standing else False, standing.days_left if standing else None),
        shown(certificate.not_valid_after_utc) if certificate else None,
        sha256(certificate) if certificate else None,
        certificate.subject.rfc4514_string() if certificate else None,
        *(shown(row.valid_from), _when(row.valid_until), row.token, row.label, row.source, row.certificate_source),
        *(row.secret_source, row.algorithm, shown(row.created_at), _when(row.retired_at)),
    )


def _state(row: "KeyRow", standing: "KeyStanding | None") -> str:
    if row.retired_at is not None:
        return "retired"
    if standing is None:
        return "over"
    if standing.fault is not None:
        return "unusable"
    return "coming" if row.valid_from > now() else "expiring" if standing.expiring else "good"


def _when(moment: datetime | None) -> str | None:
    return shown(moment) if moment else None


def _file(path: Path | None) -> str | None:
    return None if path is None else f"file:{path.absolute()}"


def _kind(pem: Path | None, p12: Path | None, token: str | None) -> "KeyKind":
    from gateway.signing.keys.records import KeyKind

    given = {KeyKind.PEM: pem, KeyKind.PKCS12: p12, KeyKind.PKCS11: token}
    kinds = [kind for kind, value in given.items() if value is not None]
    if len(kinds) != 1:
        raise typer.BadParameter("Give one of --pem, --p12 and --token. / Ghi đúng một trong --pem, --p12 và --token.")
    return kinds[0]


async def _add(context: typer.Context, new: "NewKey") -> None:
    from gateway.directory import units
    from gateway.documents.announcing import Witnessed
    from gateway.signing.keys import register

    async with database(context) as store, store.begin() as tx:
        if new.unit_code is not None:
            await units.get(tx, new.unit_code)
        await register.add(tx, new, now())
        unit = new.unit_code or ""
        await write_down(tx, Witnessed.KEY_CHANGED, change="added", key=new.id, sort=new.kind, unit=unit)


async def _every(context: typer.Context) -> "tuple[tuple[KeyRow, ...], tuple[KeyStanding, ...]]":
    from gateway.jobs import Jobs
    from gateway.opening import ring_for, trust_for
    from gateway.signing.keys import register

    settings = settings_of(context)
    async with database(context) as store:
        ring = ring_for(settings, store, trust_for(settings, store, Jobs(now)), looks_only=True)
        try:
            standings = await ring.standings(now())
        finally:
            await ring.close()
        async with store.read() as tx:
            return await register.every(tx), standings


async def _standing(context: typer.Context, name: str, *, again: bool) -> "KeyStanding":
    from gateway.jobs import Jobs
    from gateway.opening import ring_for, trust_for
    from gateway.signing.keys import register

    settings = settings_of(context)
    async with database(context) as store:
        async with store.read() as tx:
            row = await register.get(tx, name)
        ring = ring_for(settings, store, trust_for(settings, store, Jobs(now)), again=again, looks_only=True)
        try:
            return await ring.standing(row, now())
        finally:
            await ring.close()


async def _retire(context: typer.Context, name: str) -> None:
    from gateway.documents.announcing import Witnessed
    from gateway.signing.keys import register

    async with database(context) as store, store.begin() as tx:
        await register.retire(tx, name, now())
        await write_down(tx, Witnessed.KEY_CHANGED, change="retired", key=name)
