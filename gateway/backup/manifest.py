"""What a backup holds, in one JSON file written last: a backup without it is none."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FORMAT: Literal["lienthong-backup"] = "lienthong-backup"
FORMAT_VERSION: Literal[1] = 1
MANIFEST = "manifest.json"
BLOB_LIST = "blobs.jsonl.gz"
MOST_LOST = 10_000
"""Lost blobs named at most; `lost` counts them all."""

_PART = r"[a-z0-9_]{1,60}\.jsonl\.gz"
_NAME = r"[a-z][a-z0-9_]{0,59}"


class Part(BaseModel):
    """One gzipped file of JSON lines: its name, its size and SHA-256 as stored, and how many lines it has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str = Field(pattern=f"^{_PART}$")
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int = Field(ge=0)


class TablePart(Part):
    """The rows of one table, each a JSON array in the order of `columns`; times are UTC text, JSON columns their text."""

    name: str = Field(pattern=f"^{_NAME}$")
    columns: tuple[str, ...] = Field(min_length=1, max_length=200)


class LostBlob(BaseModel):
    """A blob that rows name and that was not whole when the backup was made. `reason` is a problem's code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blob: str
    reason: str


class Manifest(BaseModel):
    """A whole backup. `tables` stand in an order in which their rows can be put in; `schema_revision` is their shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["lienthong-backup"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
    id: str = Field(pattern="^[0-9a-f-]{36}$")
    taken_at: AwareDatetime
    finished_at: AwareDatetime
    gateway_version: str
    schema_revision: str = Field(pattern="^[0-9a-z_]{1,40}$")
    database: Literal["sqlite", "postgresql"]
    tables: tuple[TablePart, ...]
    blob_list: Part
    blob_bytes: int = Field(ge=0)
    lost: int = Field(0, ge=0)
    lost_blobs: tuple[LostBlob, ...] = Field((), max_length=MOST_LOST)
