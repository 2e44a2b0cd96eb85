"""What the database and the disk do to us, as problems that name themselves."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.problems import Kind, Problem, Text


class Trouble(StrEnum):
    """What is the matter with the database."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    BUSY = "busy"
    FULL = "full"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"


class DatabaseUnavailable(Problem):
    """The database cannot do its work now; nothing was committed, unless the fault came in the middle of a commit.

    `code` is `database.` and the trouble. Catch it where one may wait and try again, and in readiness.
    """

    def __init__(self, trouble: Trouble) -> None:
        text, action = _TEXTS[trouble]
        super().__init__(f"database.{trouble}", Kind.UNAVAILABLE, text, action, retry_after=5)
        self.trouble = trouble


class BlobMissing(Problem):
    """A file that a row names is not in the blob folder: the folder is not mounted, or was not restored with it."""

    def __init__(self) -> None:
        super().__init__(
            "blob.missing",
            Kind.UNAVAILABLE,
            Text("Không tìm thấy nội dung tệp trong kho lưu trữ.", "The content of a file is not in the blob folder."),
            Text(
                "Kiểm tra thư mục lưu trữ đã được gắn (mount) đúng và đã phục hồi cùng cơ sở dữ liệu.",
                "Check that the blob folder is mounted and was restored together with the database.",
            ),
        )


class BlobDamaged(Problem):
    """A file in the blob folder is not what its row says: the disk has lost or changed bytes, or somebody has."""

    def __init__(self) -> None:
        super().__init__(
            "blob.damaged",
            Kind.UNAVAILABLE,
            Text("Nội dung tệp trong kho lưu trữ đã bị hỏng.", "The content of a file in the blob folder is damaged."),
            Text(
                "Kiểm tra đĩa, rồi phục hồi tệp này từ bản sao lưu.",
                "Check the disk, then restore this file from a backup.",
            ),
        )


@contextmanager
def database_faults() -> Iterator[None]:
    """Turns what the drivers raise for a database out of order into DatabaseUnavailable; lets all else through."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error, OSError) as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        raise DatabaseUnavailable(trouble) from error


def trouble_of(error: BaseException) -> Trouble | None:
    """What the error says about the database as a whole; None when it is about the statement."""
    if isinstance(error, PoolTimeout):
        return Trouble.BUSY
    if isinstance(error, ConnectionError):
        return Trouble.UNREACHABLE
    if isinstance(error, DBAPIError):
        found = trouble_of(error.orig) if error.orig is not None else None
        return found or (Trouble.UNREACHABLE if error.connection_invalidated else None)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, psycopg.Error):
        return _of_postgresql(error)
    cause = error.__cause__  # SQLAlchemy's asynchronous drivers wrap the driver's own error
    return trouble_of(cause) if isinstance(cause, sqlite3.Error | psycopg.Error) else None


@contextmanager
def disk_faults() -> Iterator[None]:
    """Turns what the operating system says about the blob folder's disk into a Problem that names it."""
    try:
        yield
    except OSError as error:
        raise _disk_problem(error) from error


_SQLITE = {
    "SQLITE_BUSY": Trouble.BUSY,
    "SQLITE_LOCKED": Trouble.BUSY,
    "SQLITE_PROTOCOL": Trouble.BUSY,
    "SQLITE_FULL": Trouble.FULL,
    "SQLITE_READONLY": Trouble.READ_ONLY,
    "SQLITE_CANTOPEN": Trouble.UNREACHABLE,
    "SQLITE_PERM": Trouble.REFUSED,
    "SQLITE_AUTH": Trouble.REFUSED,
    "SQLITE_IOERR": Trouble.DAMAGED,
    "SQLITE_CORRUPT": Trouble.DAMAGED,
    "SQLITE_NOTADB": Trouble.DAMAGED,
}

# SQLSTATE, by the longest prefix that fits
_POSTGRESQL = {
    "08": Trouble.UNREACHABLE,
    "0A000": Trouble.READ_ONLY,  # what a standby says to BEGIN READ WRITE; nothing else of ours is unsupported
    "25006": Trouble.READ_ONLY,
    "28": Trouble.REFUSED,
    "3D000": Trouble.REFUSED,
    "40001": Trouble.BUSY,
    "40P01": Trouble.BUSY,
    "53": Trouble.BUSY,
    "53100": Trouble.FULL,
    "55P03": Trouble.BUSY,
    "57014": Trouble.BUSY,
    "57P": Trouble.UNREACHABLE,
    "58": Trouble.DAMAGED,
    "XX001": Trouble.DAMAGED,
    "XX002": Trouble.DAMAGED,
}


def _of_sqlite(error: sqlite3.Error) -> Trouble | None:
    name: str | None = getattr(error, "sqlite_errorname", None)
    if name is None:
        return None
    if name == "SQLITE_IOERR_SHMSIZE":  # no room for the shared memory file
        return Trouble.FULL
    return _SQLITE.get("_".join(name.split("_")[:2]))


def _of_postgresql(error: psycopg.Error) -> Trouble | None:
    state = error.sqlstate
    if state is None:
        return Trouble.UNREACHABLE if isinstance(error, psycopg.OperationalError) else None
    for length in (5, 3, 2):
        if found := _POSTGRESQL.get(state[:length]):
            return found
    return None


def _disk_problem(error: OSError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Problem(
            "blob.disk_full",
            Kind.UNAVAILABLE,
            Text("Đĩa lưu trữ tệp đã đầy; chưa ghi được gì.", "The blob folder's disk is full; nothing was kept."),
            Text("Giải phóng hoặc mở rộng dung lượng đĩa rồi thử lại.", "Free or add disk space, then try again."),
            retry_after=60,
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return Problem(
            "blob.read_only",
            Kind.UNAVAILABLE,
            Text("Không có quyền ghi vào thư mục lưu trữ tệp.", "The blob folder cannot be written to."),
            Text(
                "Kiểm tra quyền của thư mục và chế độ gắn đĩa (chỉ đọc).",
                "Check the folder's permissions and whether its disk is mounted read-only.",
            ),
            retry_after=60,
        )
    return Problem(
        "blob.disk_error",
        Kind.UNAVAILABLE,
        Text("Thư mục lưu trữ tệp gặp lỗi đọc ghi.", "The blob folder's disk answers with an error."),
        Text("Kiểm tra đĩa và nhật ký hệ thống của máy chủ.", "Check the disk and the server's system log."),
        retry_after=60,
    )


_TEXTS = {
    Trouble.UNREACHABLE: (
        Text("Không kết nối được cơ sở dữ liệu.", "The database cannot be reached."),
        Text(
            "Kiểm tra máy chủ cơ sở dữ liệu đang chạy và địa chỉ GATEWAY_DATABASE_URL.",
            "Check that the database is running and that GATEWAY_DATABASE_URL names it.",
        ),
    ),
    Trouble.REFUSED: (
        Text("Cơ sở dữ liệu từ chối đăng nhập.", "The database refuses us."),
        Text(
            "Kiểm tra tài khoản, mật khẩu, tên cơ sở dữ liệu và quyền truy cập.",
            "Check user, password, the database's name and its permissions.",
        ),
    ),
    Trouble.BUSY: (
        Text("Cơ sở dữ liệu đang bận.", "The database is busy."),
        Text("Thử lại sau ít giây.", "Try again in a few seconds."),
    ),
    Trouble.FULL: (
        Text("Đĩa của cơ sở dữ liệu đã đầy.", "The database's disk is full."),
        Text("Giải phóng hoặc mở rộng dung lượng đĩa rồi thử lại.", "Free or add disk space, then try again."),
    ),
    Trouble.READ_ONLY: (
        Text("Cơ sở dữ liệu đang ở chế độ chỉ đọc.", "The database is read-only."),
        Text(
            "Kiểm tra quyền ghi tệp, chế độ gắn đĩa, hoặc máy chủ PostgreSQL có phải bản dự phòng không.",
            "Check file permissions, the mount, or whether this PostgreSQL is a standby.",
        ),
    ),
    Trouble.DAMAGED: (
        Text("Cơ sở dữ liệu gặp lỗi đĩa hoặc tệp bị hỏng.", "The database meets disk errors or a damaged file."),
        Text(
            "Dừng chương trình, kiểm tra đĩa và phục hồi từ bản sao lưu nếu cần.",
            "Stop the program, check the disk, and restore from a backup if needed.",
        ),
    ),
}
