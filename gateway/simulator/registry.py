"""Who takes part: systems with their secrets, and the units registered under them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.axis.port import Agency, Registration
from gateway.axis.vxp.backend import ErrorCode, ServerFail
from gateway.problems import Kind, Problem, Text
from gateway.simulator.settings import SystemSpec
from gateway.times import VIETNAM

_QD20 = re.compile(r"[A-Z][0-9]{2}(\.[0-9]+)*")


@dataclass(slots=True)
class Unit:
    """One unit. It is found by its code and by its older one; a removed unit stays, for getSynchronizeUnit."""

    id: str
    code: str
    system_id: str
    name: str
    modified: datetime
    old_code: str | None = None
    mail: str = ""
    version: int = 1
    locked: bool = False
    deleted: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes that it is addressed by."""
        return (self.code,) if self.old_code is None else (self.code, self.old_code)


@dataclass(slots=True)
class Registry:
    """Systems and units. Codes are compared exactly."""

    _secrets: dict[str, str] = field(default_factory=dict)
    _units: list[Unit] = field(default_factory=list)
    _by_code: dict[str, Unit] = field(default_factory=dict)
    _told: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, systems: Sequence[SystemSpec], now: datetime) -> "Registry":
        """Raises Problem `simulator.system` when a systemId or a code is declared twice."""
        _check_once([system.system_id for system in systems])
        _check_once([code for system in systems for unit in system.units for code in unit.codes])
        registry = cls()
        for system in systems:
            registry._secrets[system.system_id] = system.secret
            for unit in system.units:
                registry._add(system.system_id, unit.code, f"Đơn vị {unit.code}", now, old_code=unit.old_code)
        return registry

    def secret(self, system_id: str) -> str | None:
        """The system's secret, or None when there is no such system."""
        return self._secrets.get(system_id)

    def unit(self, code: str) -> Unit | None:
        """The unit with this code that is not removed."""
        return self._by_code.get(code)

    def old_code(self, code: str) -> str | None:
        """The code of 2016 that stands beside one of Decision 20/2020: the declared one, else the groups turned round."""
        unit = self.unit(code)
        if unit is not None and unit.old_code is not None:
            return unit.old_code if unit.code == code else None
        groups = code.split(".")
        if not _QD20.fullmatch(code) or len(groups) > 3 or any(len(group) != 2 for group in groups[1:]):
            return None
        return ".".join(["000", *["00"] * (3 - len(groups)), *reversed(groups)])

    def two_parties(self, system_id: str) -> tuple[str, str] | None:
        """A code of another system and one of this system's own."""
        ours = next((unit.code for unit in self._units if unit.system_id == system_id and not unit.deleted), None)
        other = next((unit.code for unit in self._units if unit.system_id != system_id and not unit.deleted), ours)
        return None if ours is None or other is None else (other, ours)

    def changes(self, system_id: str) -> Iterator[Agency]:
        """The units that this system was not told yet as they are now, removed ones too; told with that."""
        told = self._told.setdefault(system_id, {})
        for unit in self._units:
            if told.get(unit.id) != unit.version:
                told[unit.id] = unit.version
                yield _agency(unit)

    def may_send_as(self, system_id: str, code: str) -> bool:
        """Whether `from` may be this code: a unit of the system, or the systemId itself."""
        unit = self.unit(code)
        return code == system_id or (unit is not None and unit.system_id == system_id)

    def agencies(self) -> Iterator[Agency]:
        """All units of all systems."""
        return (_agency(unit) for unit in self._units if not unit.deleted)

    def agencies_qd20(self, level: str) -> Iterator[Agency]:
        """Units with a code of Decision 20/2020 on this level: `1` for `X99`, `2` for `X99.01`, and so on."""
        return (
            _agency(unit)
            for unit in self._units
            if not unit.deleted and _QD20.fullmatch(unit.code) and str(unit.code.count(".") + 1) == level
        )

    def all_units(self) -> Iterator[Agency]:
        """All units, removed ones too."""
        return (_agency(unit) for unit in self._units)

    def register(self, system_id: str, registration: Registration, now: datetime) -> None:
        """Add a unit, or change the one that has its id or its code. Raises ServerFail for another system's."""
        self._check_parent(system_id, registration.parent_code)
        unit = self._known(registration)
        holder = self.unit(registration.code)
        if any(each is not None and each.system_id != system_id for each in (unit, holder)):
            raise ServerFail(ErrorCode.SENDER_NOT_REGISTERED, f"Mã {registration.code} thuộc hệ thống khác")
        if unit is None:
            self._add(system_id, registration.code, registration.name, now, mail=registration.mail)
            return
        if holder is not None and holder is not unit:
            raise ServerFail(ErrorCode.INVALID_ARGUMENT, f"Mã {registration.code} đã có")
        if registration.code not in unit.codes:
            del self._by_code[unit.code]
            unit.code = registration.code
            self._by_code[unit.code] = unit
        unit.name, unit.mail = registration.name, registration.mail
        unit.version, unit.modified = unit.version + 1, now

    def remove(self, system_id: str, code: str, now: datetime) -> None:
        """Take a unit out. Raises ServerFail when it is not one of the system's."""
        unit = self.unit(code)
        if unit is None or unit.system_id != system_id:
            raise ServerFail(ErrorCode.UNKNOWN_RECEIVER, f"Không có đơn vị {code} trong hệ thống {system_id}")
        for each in unit.codes:
            del self._by_code[each]
        unit.deleted, unit.version, unit.modified = True, unit.version + 1, now

    def _add(
        self,
        system_id: str,
        code: str,
        name: str,
        now: datetime,
        *,
        old_code: str | None = None,
        mail: str = "",
    ) -> None:
        unit = Unit(
            id=str(1001 + len(self._units)),
            code=code,
            system_id=system_id,
            name=name,
            modified=now,
            old_code=old_code,
            mail=mail,
        )
        self._units.append(unit)
        self._by_code.update(dict.fromkeys(unit.codes, unit))

    def _known(self, registration: Registration) -> Unit | None:
        if not registration.id:
            return self.unit(registration.code)
        for unit in self._units:
            if unit.id == registration.id and not unit.deleted:
                return unit
        raise ServerFail(ErrorCode.INVALID_ARGUMENT, f"Không có đơn vị id {registration.id}")

    def _check_parent(self, system_id: str, parent_code: str) -> None:
        if not self.may_send_as(system_id, parent_code):
            raise ServerFail(ErrorCode.SENDER_NOT_REGISTERED, f"pcode {parent_code} không thuộc hệ thống {system_id}")


def _check_once(names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise Problem(
                "simulator.system",
                Kind.INVALID,
                Text(f"{name} được khai báo {count} lần.", f"{name} is declared {count} times."),
                Text("Mỗi hệ thống và mỗi mã đơn vị khai báo một lần.", "Declare each system and each code once."),
            )


def _agency(unit: Unit) -> Agency:
    return Agency(
        id=unit.id,
        parent_id="1",
        code=unit.code,
        name=unit.name,
        mail=unit.mail,
        old_code=unit.old_code or "",
        code_2016=unit.old_code,
        version=unit.version,
        center_code=unit.system_id,
        deleted=unit.deleted,
        is_agency=True,
        modified=local_text(unit.modified),
    )


def many(count: int, now: datetime) -> Iterator[Agency]:
    """So many units of one more system, made as they are asked for."""
    modified = local_text(now)
    for number in range(count):
        top, below = f"Z{number // 1000 % 100:02d}", f"{number % 1000:03d}"
        yield Agency(
            id=str(1_000_000 + number),
            parent_id="1",
            code=f"{top}.{number // 100_000:02d}.{below}",
            name=f"Đơn vị giả lập số {number}",
            mail="",
            old_code="",
            version=1,
            center_code="00.00.Z00",
            is_agency=True,
            modified=modified,
        )


def local_text(moment: datetime) -> str:
    """A time as the axis writes it in its lists: `yyyy-MM-dd HH:mm:ss`, Vietnam time."""
    return moment.astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")
