"""Adding and retiring keys: what a row must say before it is written."""

import re
from datetime import datetime

from gateway.problems import Kind, Problem, Text, first_of
from gateway.signing.keys import repository
from gateway.signing.keys.choosing import candidates
from gateway.signing.keys.records import KeyKind, KeyRow, NewKey
from gateway.store import Transaction

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_LENGTHS = {"unit_code": 64, "source": 500, "certificate_source": 500, "secret_source": 500, "token": 32, "label": 200}
"""A token's label has 32 bytes (PKCS#11 2.40, CK_TOKEN_INFO)."""


async def add(tx: Transaction, new: NewKey, now: datetime) -> None:
    """Write a key down. Raises Problem: `key.name`, `key.length`, `key.source`, `key.token`, `key.dates`, `key.taken`.

    The sources are not read here: a key may be added before its token is plugged in.
    """
    if problem := first_of(_problems(new)):
        raise problem
    if not await repository.insert_key(tx, new, now):
        raise Problem(
            "key.taken",
            Kind.CONFLICT,
            Text(f"Đã có khóa tên {new.id} (kể cả đã thôi dùng).", f"There is a key named {new.id} (retired or not)."),
            Text("Chọn tên khác.", "Choose another name."),
            field="/id",
        )


async def retire(tx: Transaction, id: str, now: datetime) -> None:
    """Have a key sign nothing any more. What it began is finished with it. Raises Problem `key.unknown`."""
    if not await repository.retire_key(tx, id, now):
        raise unknown(id)


async def signs(tx: Transaction, unit_code: str, now: datetime) -> bool:
    """Whether what a unit sends is to be signed: a key is in force for it, usable or not."""
    return bool(candidates(await repository.keys(tx), unit_code, now))


async def get(tx: Transaction, id: str) -> KeyRow:
    """The key of this name. Raises Problem `key.unknown`."""
    found = await repository.key(tx, id)
    if found is None:
        raise unknown(id)
    return found


async def every(tx: Transaction, *, retired: bool = True) -> tuple[KeyRow, ...]:
    """All keys, by name."""
    return await repository.keys(tx, retired=retired)


def unknown(id: str) -> Problem:
    """There is no such key in use."""
    name = id if _NAME.fullmatch(id) else "?"
    return Problem(
        "key.unknown",
        Kind.NOT_FOUND,
        Text(f"Không có khóa {name} đang dùng.", f"There is no key {name} in use."),
        Text("Xem 'gateway keys list'.", "See 'gateway keys list'."),
    )


def _problems(new: NewKey) -> list[Problem]:
    found = []
    if not _NAME.fullmatch(new.id):
        text = Text(
            "Tên khóa gồm a-z, 0-9, '.', '-', tối đa 40.", "A key's name is made of a-z, 0-9, '.', '-', up to 40."
        )
        found.append(_invalid("key.name", text, "/id"))
    for name, most in _LENGTHS.items():
        value: str | None = getattr(new, name)
        if value is not None and not (0 < len(value.encode()) <= most and value.isprintable()):
            text = Text(
                f"Giá trị trống, dài quá {most} byte hoặc có ký tự điều khiển.",
                f"The value is empty, longer than {most} bytes, or holds control characters.",
            )
            found.append(_invalid("key.length", text, f"/{name}"))
    if new.kind is KeyKind.PKCS11:
        if new.source is not None or not (new.token and new.label and new.secret_source):
            text = Text(
                "Khóa trong thiết bị cần nhãn thiết bị, nhãn khóa và nơi lưu PIN, không cần tệp khóa.",
                "A key in a token needs the token's label, the key's label and the PIN's place, and no key file.",
            )
            found.append(_invalid("key.token", text, "/token"))
    elif new.source is None or new.token is not None or new.label is not None:
        text = Text(
            "Khóa trong tệp cần nơi lưu tệp, không cần nhãn thiết bị.",
            "A key in a file needs the file's place, and no token's label.",
        )
        found.append(_invalid("key.source", text, "/source"))
    if new.valid_until is not None and new.valid_until <= new.valid_from:
        text = Text("Ngày kết thúc phải sau ngày bắt đầu.", "It must end after it begins.")
        found.append(_invalid("key.dates", text, "/valid_until"))
    return found


def _invalid(code: str, text: Text, field: str) -> Problem:
    return Problem(code, Kind.INVALID, text, Text("Sửa rồi thử lại.", "Correct it and try again."), field=field)
