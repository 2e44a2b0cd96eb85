"""Who plays: two agencies, their units, and the names of things that more than one part speaks of."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]  # Any: answers of an API, looked into by name

SECRET = "AsoakSecretSoakSecretSoakSecretSoakSecret00="
ADAPTER = "/XrdAdapter/adapter"
CONNECTION = "axis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit. `old_code`: the code of 2016 under which it is known too. `told_by`: how its documents are handed over."""

    code: str
    name: str
    told_by: str
    old_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """An agency: one systemId, two units, two nodes, one worker beside them."""

    name: str
    system_id: str
    units: tuple[Unit, ...]
    download: bool = False
    """Whether its connection fetches by downloadEdoc first."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Its units' codes."""
        return tuple(unit.code for unit in self.units)

    def unit(self, code: str) -> Unit:
        """One of its units."""
        return next(unit for unit in self.units if unit.code == code)


INBOX, HANDED, TOLD = "inbox", "handed", "told"
"""Claimed from the inbox; handed over by the webhook's 2xx; told by webhook, then claimed from the inbox."""

AGENCIES = (
    Cast(
        name="a",
        system_id="00.99.W00",
        units=(
            Unit(code="H99", name="UBND tỉnh Giả Định", told_by=INBOX),
            Unit(code="H99.07", name="Sở Kiểm thử tỉnh Giả Định", told_by=INBOX),
        ),
    ),
    Cast(
        name="b",
        system_id="00.98.W00",
        units=(
            Unit(code="H98", name="UBND tỉnh Ví Dụ", told_by=HANDED),
            Unit(code="H98.01", name="Sở Mẫu tỉnh Ví Dụ", told_by=TOLD, old_code="000.00.01.H98"),
        ),
        download=True,
    ),
)

LANES = {0: "thường", 1: "khẩn", 2: "thượng khẩn", 3: "hỏa tốc", 4: "hỏa tốc hẹn giờ"}


def agency_of(code: str) -> Cast:
    """The agency to which a unit belongs."""
    return next(cast for cast in AGENCIES if code in cast.codes)
