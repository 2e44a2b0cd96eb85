"""What was promised and what came of it, kept outside of the gateways: in memory, and line by line in a file."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file as it was handed over."""

    name: str
    size: int
    sha256: str


@dataclass(slots=True, kw_only=True)
class Receipt:
    """One recipient's side of a document. Times are of `time.time()`.

    `begun`: when its document system first said "I have it" (a confirmation or a 2xx began to leave); `said`: the
    status codes that it was promised would go out; `seen`: those that the sender's document system was told of.
    """

    unit: str
    href: str | None = None
    arrived: float | None = None
    begun: float | None = None
    confirmed: bool = False
    said: list[str] = field(default_factory=list)
    all_said: bool = False
    seen: set[str] = field(default_factory=set)

    @property
    def finished(self) -> bool:
        """Received, everything reported, and everything reported seen by the sender."""
        return self.all_said and {"01", *self.said} <= self.seen


@dataclass(slots=True, kw_only=True)
class Posting:
    """One document that an agency's document system hands over. `of`: the posting that a recall or update is about."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    priority: int
    business: str
    of: "Posting | None"
    subject: str
    files: tuple[SentFile, ...] = ()
    posted: float | None = None
    accepted: float | None = None
    href: str | None = None
    document_id: str | None = None
    receipts: dict[str, Receipt] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The gateway's id of it."""
        return (self.href or "").rpartition("/")[2]

    @property
    def finished(self) -> bool:
        """Whether every recipient has it and everything came back."""
        return self.accepted is not None and all(one.finished for one in self.receipts.values())


class Ledger:
    """All postings, and everything that was noted."""

    def __init__(self, path: Path) -> None:
        self.postings: list[Posting] = []
        self.wrong: list[str] = []
        self.decisions: list[tuple[str, str]] = []
        self.counts: dict[str, int] = {}
        self._open: list[Posting] = []
        self._by_subject: dict[str, Posting] = {}
        self._by_id: dict[str, Posting] = {}
        self._out = path.open("a", encoding="utf-8")

    def add(self, posting: Posting) -> None:
        """A document that will be handed over."""
        self.postings.append(posting)
        self._open.append(posting)
        self._by_subject[posting.subject] = posting
        for unit in posting.recipients:
            posting.receipts[unit] = Receipt(unit=unit)

    def withdraw(self, posting: Posting) -> None:
        """It will not be handed over after all."""
        self.postings.remove(posting)
        self._open.remove(posting)
        del self._by_subject[posting.subject]

    def posting(self, posting: Posting) -> None:
        """Its files are known, and the first attempt to hand it over begins."""
        posting.posted = time.time()
        files = [asdict(one) for one in posting.files]
        self.note("posting", posting, sender=posting.sender, to=posting.recipients, lane=posting.priority, files=files)

    def accepted(self, posting: Posting, href: str, document_id: str) -> None:
        """202: the gateway has promised to deliver it."""
        if posting.accepted is not None:
            self.fault(f"{posting.subject}: was accepted twice")
        posting.accepted, posting.href, posting.document_id = time.time(), href, document_id
        self._by_id[posting.id] = posting
        self.note("accepted", posting, href=href, document_id=document_id)

    def received(self, posting: Posting, unit: str, href: str, files: tuple[SentFile, ...]) -> Receipt:
        """A recipient's document system has fetched it whole."""
        receipt = posting.receipts.get(unit)
        if receipt is None:
            self.fault(f"{posting.subject}: came to {unit}, which is none of its recipients")
            receipt = posting.receipts[unit] = Receipt(unit=unit)
        if receipt.href not in (None, href):
            self.fault(f"{posting.subject}: stands twice in {unit}'s document system: {receipt.href}, {href}")
        if files != posting.files:
            self.fault(f"{posting.subject}: the files that came to {unit} are not those that were sent: {files}")
        if receipt.arrived is None:
            receipt.arrived, receipt.href = time.time(), href
            self.note("received", posting, unit=unit, href=href)
        return receipt

    def handing(self, posting: Posting, receipt: Receipt) -> None:
        """Its document system is about to say that it has it."""
        if receipt.begun is None:
            receipt.begun = time.time()
            self.note("handing", posting, unit=receipt.unit)

    def reported(self, posting: Posting, receipt: Receipt, code: str) -> None:
        """202: the gateway has promised to tell the sender of this step."""
        receipt.said.append(code)
        self.note("reported", posting, unit=receipt.unit, code=code)

    def told(self, document: str, recipient: str, code: str) -> None:
        """The sender's document system was told of a status."""
        posting = self._by_id.get(document)
        if posting is None:
            return
        receipt = posting.receipts.get(recipient)
        if receipt is None:
            self.fault(f"{posting.subject}: status {code} of {recipient}, which is none of its recipients")
        elif code not in receipt.seen:
            receipt.seen.add(code)
            self.note("told", posting, unit=recipient, code=code)

    def decided(self, dispatch: str, outcome: str, why: str) -> None:
        """The person at the desk is about to say what came of an unknown outcome."""
        self.decisions.append((dispatch, outcome))
        self.note("decided", None, dispatch=dispatch, outcome=outcome, why=why)

    def figures(self) -> tuple[int, int]:
        """How far it has come: deliveries, and statuses that came back."""
        receipts = [receipt for one in self.postings for receipt in one.receipts.values()]
        return sum(one.arrived is not None for one in receipts), sum(len(one.seen) for one in receipts)

    @property
    def under_way(self) -> int:
        """Documents handed over, or about to be, that have not come to their end; those that wait for another left out."""
        self._open = [one for one in self._open if not one.finished]
        return sum(one.of is None or one.posted is not None for one in self._open)

    def by_subject(self, subject: str | None) -> Posting | None:
        """The posting of this subject."""
        return self._by_subject.get(subject or "")

    def by_id(self, id: str) -> Posting | None:
        """The posting of this id at the sender's gateway."""
        return self._by_id.get(id)

    def count(self, what: str) -> None:
        """One more of these."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, text: str) -> None:
        """Something that must never be."""
        self.wrong.append(text)
        self.note("WRONG", None, text=text)

    def note(self, what: str, posting: Posting | None, **more: object) -> None:
        """A line in the file."""
        line = {"at": time.time(), "what": what, "number": posting.number if posting else None, **more}
        self._out.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        self._out.flush()

    def close(self) -> None:
        """No more lines."""
        self._out.close()
