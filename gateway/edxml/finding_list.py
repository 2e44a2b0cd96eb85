"""The findings of one reading, in the order they were made, bounded."""

from dataclasses import replace
from enum import StrEnum

from gateway.edxml.findings import Finding, Severity
from gateway.problems import Text


class Profile(StrEnum):
    """How strictly a packet is read (packet format 10.4). STRICT refuses whatever LENIENT only warns of."""

    LENIENT = "lenient"
    STRICT = "strict"


TOLERATED = frozenset(
    {
        "M.MessageHeader.DocumentId",
        "M.MessageHeader.From.OrganId",
        "M.MessageHeader.To.OrganId",
        "M.MessageHeader.ResponseFor.OrganId",
        "M.TraceHeaderList.Bussiness.DocumentId",
        "N.AttachmentEncoded",
        "N.MessageHeader.Description",
        "R.MessageHeader.DueDate",
        "R.MessageHeader.PromulgationInfo.PromulgationDate",
        "R.MessageHeader.Timestamp",
        "R.TraceHeaderList.TraceHeader.TimeStamp",
        "Z.Nested",
    }
)
"""Warnings that stay warnings in the strict profile: what senders may choose freely, and what the day decides."""


class FindingList:
    """Collects findings, each once. Beyond `most` only errors are listed, beyond twice as many nothing is; the rest is counted."""

    def __init__(self, most: int, profile: Profile = Profile.LENIENT) -> None:
        self._most = most
        self._profile = profile
        self._findings: list[Finding] = []
        self._seen: set[Finding] = set()
        self._unlisted = 0
        self._unlisted_error = False

    def add(self, finding: Finding) -> None:
        """Take one finding; in the strict profile it becomes an error."""
        if self._profile is Profile.STRICT and not finding.is_error and finding.code not in TOLERATED:
            finding = replace(finding, severity=Severity.ERROR)
        if finding in self._seen:
            return
        if len(self._findings) < self._most * (2 if finding.is_error else 1):
            self._findings.append(finding)
            self._seen.add(finding)
            return
        self._unlisted += 1
        self._unlisted_error = self._unlisted_error or finding.is_error

    @property
    def has_errors(self) -> bool:
        """Whether one of them refuses the packet."""
        return self._unlisted_error or any(finding.is_error for finding in self._findings)

    def listed(self) -> tuple[Finding, ...]:
        """All that are listed; when some are not, a last one says how many."""
        if not self._unlisted:
            return tuple(self._findings)
        severity = Severity.ERROR if self._unlisted_error else Severity.WARNING
        more = Text(
            f"Còn {self._unlisted} điểm khác không liệt kê ở đây.", f"{self._unlisted} more findings are not listed."
        )
        return (*self._findings, Finding("X.Findings", severity, more))
