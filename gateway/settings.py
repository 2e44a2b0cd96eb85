"""All settings, composed of each room's own. From the environment, or from a file with the same names.

`GATEWAY_DATABASE_URL`, `GATEWAY_BLOB_URL` and the other names of `store` stand alone; every other room's names begin
with the room: `GATEWAY_API_BODY_BYTES`, `GATEWAY_JOBS_LEASE_SECONDS`. A name that no room knows is refused: on the
night the codes change nobody should wonder why a setting does nothing.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from gateway.api.settings import ApiSettings
from gateway.documents.settings import DocumentsSettings
from gateway.edxml.limits import Limits
from gateway.evidence.settings import EvidenceSettings
from gateway.handover.settings import HandoverSettings
from gateway.inspection import InspectionSettings
from gateway.jobs import JobsSettings
from gateway.problems import Kind, Problem, Text, first_of
from gateway.signing.settings import SigningSettings
from gateway.signing.xmldsig.settings import XmldsigSettings
from gateway.store import StoreSettings

PREFIX = "GATEWAY_"
FILE_NAME = "GATEWAY_SETTINGS_FILE"

S = TypeVar("S", bound=BaseModel)


class ServeSettings(BaseModel):
    """Where the HTTP side listens, and what readiness and logs ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on; the loopback until somebody decides otherwise.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one and prints it.")
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged; logs are JSON lines."
    )
    disk_free_mb: int = Field(
        500, ge=0, description="Free disk in MB below which nothing new is taken over and readiness says no."
    )
    queue_mark: int = Field(
        50_000, ge=1, description="Dispatches waiting above which senders are asked to come back later."
    )
    poll_late_seconds: int = Field(
        900, ge=1, description="Seconds without a good poll of a connection after which readiness says no."
    )
    clock_skew_seconds: int = Field(
        60, ge=1, description="Seconds our clock may differ from the axis's before readiness warns (QĐ 28/2018 Đ14.4)."
    )
    blob_check_mb: int = Field(
        1024, ge=0, description="MB of stored files read again each hour to find damage; 0 reads none."
    )
    directory_hours: int = Field(24, ge=1, description="Hours between fetches of the axis's list of agencies.")


_CAPS: dict[str, tuple[type, object]] = {
    one.name: (type(one.default), Field(one.default, gt=0)) for one in fields(Limits)
}
LimitsSettings: type[BaseModel] = create_model(  # type: ignore[call-overload]  # its stubs know no made-up fields
    "LimitsSettings",
    __doc__="Every cap of the reader as a setting; names, units and reasons are those of gateway.edxml.limits.",
    __config__=ConfigDict(frozen=True, extra="forbid"),
    **_CAPS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every room's settings; only `app` and `cli` hold the whole."""

    store: StoreSettings
    serve: ServeSettings
    jobs: JobsSettings
    documents: DocumentsSettings
    handover: HandoverSettings
    api: ApiSettings
    inspection: InspectionSettings
    xmldsig: XmldsigSettings
    evidence: EvidenceSettings
    signing: SigningSettings
    limits: Limits


ROOMS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "store": StoreSettings,
        "serve": ServeSettings,
        "jobs": JobsSettings,
        "documents": DocumentsSettings,
        "handover": HandoverSettings,
        "api": ApiSettings,
        "inspection": InspectionSettings,
        "xmldsig": XmldsigSettings,
        "evidence": EvidenceSettings,
        "signing": SigningSettings,
        "limits": LimitsSettings,
    }
)
"""Each room's model; `LimitsSettings` becomes the reader's own Limits."""

_BARE = frozenset({"store", "serve"})


def variables() -> dict[str, tuple[str, str]]:
    """Every variable's name with (room, field)."""
    names = {}
    for room, model in ROOMS.items():
        for field in model.model_fields:
            stem = field if room in _BARE else f"{room}_{field}"
            names[PREFIX + stem.upper()] = (room, field)
    return names


def load(env_file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings of the environment over those of the file (`env_file`, else `GATEWAY_SETTINGS_FILE`) over defaults.

    Raises Problem naming every variable that is unknown or has an unusable value; never its value.
    """
    given = dict(os.environ if environment is None else environment)
    path = env_file or (Path(given[FILE_NAME]) if given.get(FILE_NAME) else None)
    merged = {**_from_file(path), **{name: value for name, value in given.items() if name.startswith(PREFIX)}}
    merged.pop(FILE_NAME, None)
    known = variables()
    problems = [_unknown(name, known) for name in sorted(merged) if name not in known]
    rooms: dict[str, dict[str, str]] = {room: {} for room in ROOMS}
    for name, value in merged.items():
        if name in known:
            room, field = known[name]
            rooms[room][field] = value
    built: dict[str, BaseModel] = {}
    for room, model in ROOMS.items():
        try:
            built[room] = model.model_validate(rooms[room])
        except ValidationError as error:
            problems += [_unusable(room, known, issue["loc"], issue["msg"]) for issue in error.errors()]
    if problem := first_of(problems):
        raise problem
    return Settings(
        store=_as(StoreSettings, built["store"]),
        serve=_as(ServeSettings, built["serve"]),
        jobs=_as(JobsSettings, built["jobs"]),
        documents=_as(DocumentsSettings, built["documents"]),
        handover=_as(HandoverSettings, built["handover"]),
        api=_as(ApiSettings, built["api"]),
        inspection=_as(InspectionSettings, built["inspection"]),
        xmldsig=_as(XmldsigSettings, built["xmldsig"]),
        evidence=_as(EvidenceSettings, built["evidence"]),
        signing=_as(SigningSettings, built["signing"]),
        limits=Limits(**built["limits"].model_dump()),
    )


def _as(model: type[S], value: BaseModel) -> S:
    if not isinstance(value, model):
        raise TypeError("a room was given another room's settings")
    return value


def _from_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if not path.is_file():
        raise Problem(
            "settings.file",
            Kind.INVALID,
            Text(f"Không có tệp cấu hình {path}.", f"There is no settings file {path}."),
            Text(f"Sửa {FILE_NAME} hoặc tạo tệp.", f"Correct {FILE_NAME}, or make the file."),
        )
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}


def _unknown(name: str, known: Mapping[str, object]) -> Problem:
    near = get_close_matches(name, known, n=1)
    hint_vi = f" Có phải {near[0]}?" if near else ""
    hint_en = f" Did you mean {near[0]}?" if near else ""
    return Problem(
        "settings.unknown",
        Kind.INVALID,
        Text(f"Không có cấu hình tên {name}.{hint_vi}", f"There is no setting {name}.{hint_en}"),
        Text("Sửa tên hoặc bỏ biến này.", "Correct the name, or remove the variable."),
        field=name,
    )


def _unusable(
    room: str, known: Mapping[str, tuple[str, str]], location: tuple[int | str, ...], message: str
) -> Problem:
    field = str(location[0]) if location else ""
    name = next((one for one, place in known.items() if place == (room, field)), room)
    return Problem(
        "settings.unusable",
        Kind.INVALID,
        Text(f"Giá trị của {name} không dùng được: {message}.", f"The value of {name} cannot be used: {message}."),
        Text("Xem docs/operations.vi.md, mục cấu hình.", "See docs/operations.md, settings."),
        field=name,
    )
