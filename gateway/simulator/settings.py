"""What a simulated axis is started with."""

import re
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.problems import Kind, Problem, Text

_CODE = re.compile(r"[A-Za-z0-9._-]{1,35}")
_SYSTEM_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """A unit by its code, and by its older code when it has two."""

    code: str
    old_code: str | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes that it is addressed by."""
        return (self.code,) if self.old_code is None else (self.code, self.old_code)


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """One systemId with its secret and the units registered under it."""

    system_id: str
    secret: str = field(repr=False)
    units: tuple[UnitSpec, ...]

    @classmethod
    def parse(cls, text: str) -> "SystemSpec":
        """From `ID:SECRET:UNIT[,UNIT…]`; a unit known by two codes is `CODE/OLDCODE`.

        The secret is what stands between the first and the last colon, so it may hold any sign.
        Raises Problem `simulator.system`, which does not quote the text: it holds a secret.
        """
        system_id, first, rest = text.strip().partition(":")
        secret, last, units = rest.rpartition(":")
        if not first or not last or not secret or not _SYSTEM_ID.fullmatch(system_id):
            raise _bad("cần có mã hệ thống, khóa và đơn vị", "a systemId, a secret and units are needed")
        return cls(system_id, secret, tuple(_unit(each.strip()) for each in units.split(",")))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """Its sizes, and the hop that it adds: `centre` is that hop's code, `hop_delay` how long after receipt it is dated."""

    centre: str = "001.00.20.TT2"
    hop_delay: timedelta = timedelta(seconds=1)
    packet_bytes: int = 512 * 1024 * 1024
    header_bytes: int = 64 * 1024


def _unit(text: str) -> UnitSpec:
    code, slash, old_code = text.partition("/")
    if not _CODE.fullmatch(code) or (slash and not _CODE.fullmatch(old_code)):
        raise _bad("mã đơn vị không hợp lệ", "a unit's code is not valid")
    return UnitSpec(code, old_code or None)


def _bad(vi: str, en: str) -> Problem:
    return Problem(
        "simulator.system",
        Kind.INVALID,
        Text(f"Khai báo hệ thống không hợp lệ: {vi}.", f"The system is not declared right: {en}."),
        Text(
            "Viết MÃ-HỆ-THỐNG:KHÓA:MÃ-ĐƠN-VỊ[,MÃ-ĐƠN-VỊ…], ví dụ 00.99.X99:khoa-bi-mat:H99.07,H99.08.",
            "Write ID:SECRET:UNIT[,UNIT…], for example 00.99.X99:a-secret:H99.07,H99.08.",
        ),
    )
