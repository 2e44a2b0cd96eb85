"""How the simulated axis behaves where a real one is not known, and in the habits that packets of real ones show.

A reading is written `NAME=VALUE`, as the fields of `Readings` say, in order, the later winning; the word `kinder` alone
takes the other side of all that is unknown. Unless told otherwise the harsher reading holds (axis API 12, 13).
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.problems import Kind, Problem, Text

_NUMBER = re.compile(r"([0-9]{1,6})(min|k|m|d|)")


def _number(text: object, unit: str) -> int:
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] != unit or not int(match[1]):
        raise ValueError(f"a number with {unit!r}")
    return int(match[1])


def _minutes(value: object) -> object:
    if value is None or isinstance(value, timedelta):
        return value
    return None if value == "none" else timedelta(minutes=_number(value, "min"))


def _kilobytes(value: object) -> object:
    return value if isinstance(value, int) else _number(value, "k") * 1024


def _rows(value: object) -> object:
    if value is None or isinstance(value, int):
        return value
    return None if value == "none" else _number(value, "")


def _megabytes(value: object) -> object:
    if value is None or isinstance(value, int):
        return value
    return None if value == "none" else _number(value, "m") * 1024 * 1024


def _days(value: object) -> object:
    if value is None or isinstance(value, timedelta):
        return value
    return None if value == "none" else timedelta(days=_number(value, "d"))


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Readings(BaseModel):
    """One value for each thing that axes may do in more than one way."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_kebab, populate_by_name=True)

    timestamp_window: Annotated[timedelta | None, BeforeValidator(_minutes)] = Field(
        default=timedelta(minutes=5), description="`Nmin` either way, or `none`: the signed time is not looked at"
    )
    replay: Literal["refused", "taken"] = Field(default="refused", description="the same signed request once more")
    client_name: Literal["checked", "ignored"] = Field(
        default="checked", description="User-Agent and XroadVnpt-version must be the SDK's"
    )
    hash_file: Literal["unpadded", "padded", "either"] = Field(
        default="unpadded", description="the form of `hash-file` that is compared"
    )
    trailing_crlf: Literal["cut", "optional"] = Field(
        default="cut", description="the last two bytes of a packet are cut off unseen, or only a CRLF is"
    )
    header_limit: Annotated[int, BeforeValidator(_kilobytes)] = Field(
        default=8 * 1024, description="`Nk` bytes of request headers; beyond them HTML with status 400"
    )
    packet_limit: Annotated[int | None, BeforeValidator(_megabytes)] = Field(
        default=350 * 1024 * 1024,
        description="`Nm` bytes of a packet; beyond them a proxy's HTML with status 413. `none`: no such limit",
    )
    rate_limit: Annotated[int | None, BeforeValidator(_rows)] = Field(
        default=None,
        description="`N` requests of one system in a second; beyond them HTML with status 429. `none`: no such limit",
    )
    refusal_status: Literal["4xx", "200"] = Field(default="4xx", description="HTTP status of a FAIL (500 for code 20)")

    list_order: Literal["random", "oldest", "newest"] = Field(default="random", description="order of a received list")
    list_cap: Annotated[int | None, BeforeValidator(_rows)] = Field(
        default=1000, description="rows of one received list, or `none`: all"
    )
    after_processing: Literal["again", "gone"] = Field(default="again", description="items acknowledged `processing`")
    after_fail: Literal["again", "gone"] = Field(default="again", description="items acknowledged `fail`")
    retention: Annotated[timedelta | None, BeforeValidator(_days)] = Field(
        default=timedelta(days=180),
        description="`Nd` after which a packet that nobody fetched is there no more, or `none`: it is kept",
    )
    date_filters: Literal["ignored", "honoured"] = Field(default="ignored", description="fromDate and toDate")
    items_per: Literal["system", "unit"] = Field(
        default="system", description="a packet to two units of one system: one item, or one for each"
    )
    second_ack: Literal["fail", "ok"] = Field(
        default="fail", description="a second updateStatus of an item that is not listed any more"
    )
    unknown_ack: Literal["fail", "ok"] = Field(default="fail", description="updateStatus of a docId that is not known")

    same_packet: Literal["twice", "once"] = Field(
        default="twice", description="the same bytes from the same system again: delivered again, or the first DocId"
    )
    to_header: Literal["ignored", "restricts"] = Field(
        default="ignored", description="the header `to` of sendEdoc, when it differs from the packet's own"
    )
    time_text: Literal["mixed", "local", "slashes", "iso", "epoch"] = Field(
        default="mixed", description="times in lists: `2026-01-02 03:04:05`, `02/01/2026 03:04:05`, in UTC, in ms"
    )
    state_words: Literal["numbers", "transport"] = Field(
        default="numbers", description="receiveStatus in the sent list: 01 to 06, or the words of updateStatus"
    )
    status_desc: Literal["sentence", "empty"] = Field(
        default="sentence", description="status_desc in the received list"
    )
    sync_units: Literal["changes", "all"] = Field(
        default="changes", description="getSynchronizeUnit: what this system was not told yet, or all"
    )
    download: Literal["missing", "offered"] = Field(default="missing", description="downloadEdoc: 404, or there")

    bussiness: Literal["kept", "dropped"] = Field(default="kept", description="the business block of documents")
    hop_organ_id: Literal["written", "missing"] = Field(default="written", description="OrganId in the axis's own hop")
    old_code_receivers: Literal["none", "added"] = Field(
        default="none", description="a second To with the code of 2016 (Decision 20/2020)"
    )
    attachments: Literal["vendor", "zipped", "plain"] = Field(
        default="vendor", description="packed by kind as the vendor's library does, or all one way"
    )
    cid_prefix: Literal["on", "off"] = Field(default="on", description="`cid:` before a ContentId")
    directory: Literal["own", "100k"] = Field(default="own", description="100 000 more units in every directory list")


KINDER: dict[str, str] = {
    "timestamp-window": "none",
    "replay": "taken",
    "client-name": "ignored",
    "hash-file": "either",
    "trailing-crlf": "optional",
    "header-limit": "64k",
    "packet-limit": "none",
    "refusal-status": "200",
    "list-order": "oldest",
    "list-cap": "none",
    "after-processing": "gone",
    "after-fail": "gone",
    "retention": "none",
    "date-filters": "honoured",
    "items-per": "unit",
    "second-ack": "ok",
    "unknown-ack": "ok",
    "same-packet": "once",
    "to-header": "restricts",
    "time-text": "local",
    "state-words": "transport",
    "status-desc": "empty",
    "sync-units": "all",
    "download": "offered",
}
"""The other side of everything that is unknown."""

NAMES: tuple[str, ...] = tuple(_kebab(name) for name in Readings.model_fields)


def readings_of(specs: Iterable[str]) -> Readings:
    """Readings from `NAME=VALUE` or `kinder`, one after the other. Raises Problem `simulator.reading`."""
    wanted: dict[str, str] = {}
    for spec in specs:
        name, given, value = spec.strip().partition("=")
        if name == "kinder" and not given:
            wanted |= KINDER
        elif name in NAMES and value:
            wanted[name] = value
        else:
            raise _bad(spec)
        _checked(spec, wanted)
    return Readings.model_validate(wanted)


def _checked(spec: str, wanted: dict[str, str]) -> None:
    try:
        Readings.model_validate(wanted)
    except ValidationError:
        raise _bad(spec) from None


def _bad(spec: str) -> Problem:
    names = ", ".join(NAMES)
    return Problem(
        "simulator.reading",
        Kind.INVALID,
        Text(f"Cách hiểu “{spec[:80]}” không hợp lệ.", f"The reading {spec[:80]!r} is not valid."),
        Text(
            f"Viết TÊN=GIÁ-TRỊ theo docs/simulator.md, hoặc kinder. Các tên: {names}.",
            f"Write NAME=VALUE as in docs/simulator.md, or kinder. Names: {names}.",
        ),
    )
