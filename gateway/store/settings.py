"""Where the gateway keeps what it knows."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class StoreSettings(BaseModel):
    """Settings of the database and of the blob folder. A URL that cannot be used is refused when it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: SecretStr = Field(
        default=SecretStr("sqlite:///var/gateway.db"),
        description="`sqlite:///path` or `postgresql://user:password@host/name`; a file needs no server, "
        "PostgreSQL lets several machines share the work. Secret, because it may hold a password.",
    )
    blob_url: str = Field(
        default="var/blobs",
        description="A folder (a path or `file:///path`) for packets and files; it must be on a disk that honours "
        "fsync, and is backed up together with the database.",
    )
    busy_timeout: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Seconds to wait for another process's write on SQLite, and for a free connection on both; "
        "longer than the longest transaction (a catalogue of 100 000 rows), shorter than a caller's patience.",
    )
    connect_timeout: float = Field(
        default=5.0, ge=1, le=120, description="Seconds to reach PostgreSQL; a dead host must not hold readiness."
    )
    pool_size: int = Field(
        default=10,
        ge=1,
        le=200,
        description="Connections of one process to the database for writing, and as many for reading; more than the "
        "worker's slots plus the API's usual concurrency. PostgreSQL's own limit is 100 for all processes together.",
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        _engine_url(value.get_secret_value())
        return value

    @field_validator("blob_url")
    @classmethod
    def _known_blobs(cls, value: str) -> str:
        _folder(value)
        return value

    @property
    def engine_url(self) -> URL:
        """The database's address with the asynchronous driver that the gateway uses."""
        return _engine_url(self.database_url.get_secret_value())

    @property
    def blob_folder(self) -> Path:
        """The folder that `blob_url` names."""
        return _folder(self.blob_url)


def _engine_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("not a database URL: write sqlite:///path or postgresql://user@host/name") from None
    family = url.drivername.partition("+")[0]
    if family not in _DRIVERS:
        raise ValueError("only sqlite:// and postgresql:// databases are supported")
    if family == "sqlite" and (not url.database or ":memory:" in url.database or url.query):
        raise ValueError("the embedded database is a plain file: write sqlite:///path")
    return url.set(drivername=_DRIVERS[family])


def _folder(text: str) -> Path:
    parts = urlsplit(text)
    if not text or "\0" in text:
        raise ValueError("the blob folder has no name")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    if "://" in text:
        raise ValueError("blobs are kept in a folder: write a path or file:///path")
    return Path(text)
