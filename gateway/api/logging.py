"""Logs: one JSON object a line on standard output, one correlation id from request to axis, no secret, no content."""

import logging
import sys
import traceback
import uuid
from collections.abc import Iterable, MutableMapping
from re import compile as pattern
from types import TracebackType
from typing import TextIO

import structlog

CORRELATION = "correlation_id"
REDACTED = "[redacted]"

_SAFE_ID = pattern(r"[A-Za-z0-9._-]{8,64}")
_SECRET_NAME = pattern(
    r"(?i)secret|authorization|password|passphrase|token|api_?key|cookie|private|"
    r"^(content|subject|body|packet|data|description|payload)$"
)
_LONGEST_VALUE = 500
_FRAMES = 30

_Event = MutableMapping[str, object]


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged, ours and the libraries', through one JSON formatter to `stream` (stdout)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        frames_only,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = name != "uvicorn.access"  # we write our own line for each request
    for name in ("httpx2", "httpx", "httpcore", "aiosqlite", "python_multipart"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they would log addresses with their parameters
    logging.getLogger("alembic").setLevel(logging.WARNING)  # two lines at each look at the version


def new_correlation_id(offered: str | None = None) -> str:
    """The id a caller offers when it is harmless (8 to 64 of A-Z a-z 0-9 . _ -), else a new one."""
    if offered is not None and _SAFE_ID.fullmatch(offered):
        return offered
    return str(uuid.uuid4())


def correlation_id() -> str | None:
    """The id of the request or job that runs now; None outside one."""
    found = structlog.contextvars.get_contextvars().get(CORRELATION)
    return found if isinstance(found, str) else None


def redact(_logger: object, _method: str, event: _Event) -> _Event:
    """A structlog processor: hides values under names that tell of secrets or content, and cuts long ones."""
    return {name: _harmless(name, value) for name, value in event.items()}


def frames_only(_logger: object, _method: str, event: _Event) -> _Event:
    """A structlog processor: an exception becomes its type and where it was raised.

    Its message and its local values are left out: messages of databases and parsers quote what they were given.
    """
    given = event.pop("exc_info", None)
    error = _exception(given)
    if error is not None:
        event["error"] = type(error).__qualname__
        event["frames"] = list(_frames(error.__traceback__))
        causes = list(_causes(error))
        if causes:
            event["causes"] = causes
    return event


def _harmless(name: str, value: object) -> object:
    if _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, dict):
        return {key: _harmless(str(key), inner) for key, inner in value.items()}
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return value[:_LONGEST_VALUE] + "…"
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    return value


def _exception(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _frames(trace: TracebackType | None) -> Iterable[str]:
    for frame in traceback.extract_tb(trace)[-_FRAMES:]:
        yield f"{frame.filename}:{frame.lineno} {frame.name}"


def _causes(error: BaseException) -> Iterable[str]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield type(cause).__qualname__
        cause = cause.__cause__ or cause.__context__
