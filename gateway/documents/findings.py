"""Findings as they are stored beside a document or an arrival."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, TypeAdapter

from gateway.edxml.findings import Finding


class StoredFinding(BaseModel):
    """A finding as stored and as shown: `message` English, `message_vi` Vietnamese."""

    model_config = ConfigDict(frozen=True)

    code: str
    severity: str
    message: str
    message_vi: str


_LIST = TypeAdapter(tuple[StoredFinding, ...])


def findings_json(findings: Iterable[Finding]) -> str:
    """JSON text of findings."""
    stored = tuple(
        StoredFinding(code=one.code, severity=one.severity.value, message=one.message.en, message_vi=one.message.vi)
        for one in findings
    )
    return _LIST.dump_json(stored).decode()


def stored_findings(text: str) -> tuple[StoredFinding, ...]:
    """The findings of such a text; empty for an empty text."""
    return _LIST.validate_json(text) if text else ()
