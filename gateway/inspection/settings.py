"""Settings of the inspection room: what is done with what is found, for all units and for single ones."""

import json
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

Policy = Literal["allow", "warn", "quarantine"]
"""allow: nothing is said. warn: a finding, and the document is delivered. quarantine: a finding, and it is set apart."""


class NotScannedPolicy(StrEnum):
    """What becomes of a document that a configured antivirus could not scan."""

    ACCEPT_MARKED = "accept_marked"
    HOLD = "hold"
    QUARANTINE = "quarantine"


class UnitPolicy(BaseModel):
    """What one unit wants otherwise; None leaves it as for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    executable: Policy | None = None
    macro: Policy | None = None
    mismatch: Policy | None = None
    not_determined: Policy | None = None


def _from_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


class InspectionSettings(BaseModel):
    """Each with its default, unit and reason. On the way out only an infected file is refused; the rest are warnings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    executable: Policy = Field(
        "quarantine",
        description="Files that run when opened; no document of state is a program, so they are set apart.",
    )
    macro: Policy = Field(
        "warn", description="Office files with macros; agencies do send each other forms that hold some."
    )
    mismatch: Policy = Field(
        "warn", description="Files that are not what their name says; mostly carelessness, now and then a disguise."
    )
    not_determined: Policy = Field(
        "warn", description="Files whose kind or macros could not be determined: damaged, under a password, too large."
    )
    unit_policies: Annotated[dict[str, UnitPolicy], BeforeValidator(_from_json)] = Field(
        {},
        description='Other policies for single units, as JSON: {"H99.07": {"macro": "quarantine"}}. '
        "Where a packet is for several units the strictest decides.",
    )
    antivirus_address: str = Field(
        "", description="clamd: unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310; empty scans nothing."
    )
    antivirus_infected: Literal["warn", "quarantine"] = Field(
        "quarantine", description="What becomes of a document with an infected file."
    )
    antivirus_not_scanned: NotScannedPolicy = Field(
        NotScannedPolicy.ACCEPT_MARKED,
        description="What becomes of a document that could not be scanned. hold tries again, up to "
        "GATEWAY_DOCUMENTS_SEND_HORIZON_HOURS, and sets apart at once what is too large ever to be scanned.",
    )
    antivirus_outgoing: bool = Field(
        False, description="Scan files that our own units send, too; an infected one is refused."
    )
    antivirus_max_bytes: int = Field(
        100_000_000,
        ge=1,
        description="Bytes above which a file is not scanned. Not above clamd's MaxFileSize, MaxScanSize and "
        "StreamMaxLength (100 MB unless set): clamd calls larger files OK without having read them.",
    )
    antivirus_connect_seconds: float = Field(5.0, gt=0, le=60, description="Seconds to reach clamd.")
    antivirus_idle_seconds: float = Field(30.0, gt=0, le=600, description="Seconds for clamd to take one piece.")
    antivirus_answer_seconds: float = Field(
        120.0, gt=0, le=3600, description="Seconds for clamd's answer, after the last piece."
    )

    @field_validator("antivirus_address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            address_of(value)
        return value


def address_of(text: str) -> str | tuple[str, int]:
    """The path of a unix socket, or (host, port). Raises ValueError."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest.startswith("/"):
        return rest
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return host.removeprefix("[").removesuffix("]"), int(port)
    raise ValueError("expected unix:/path or tcp:host:port")
