"""Taking over an upload: once, whatever is repeated and however requests race (G-17)."""

from dataclasses import dataclass, replace
from typing import BinaryIO

from gateway.api import repository
from gateway.api.clients import Client
from gateway.api.intake import Upload
from gateway.api.repository import RememberedKey
from gateway.documents.model import Document
from gateway.documents.outgoing import Checked, Draft, HandedFile, Outgoing
from gateway.documents.repository import find_document
from gateway.inspection import Action, FileToInspect, Inspection, Inspector
from gateway.problems import Kind, Problem, Text
from gateway.store import BlobWriter, Store, Transaction
from gateway.times import Clock

_RACES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The document that came of it; `replayed` when it was there before."""

    document: Document
    replayed: bool


class Submission:
    """Checks and takes over uploads."""

    def __init__(self, store: Store, outgoing: Outgoing, inspector: Inspector, clock: Clock) -> None:
        self._store = store
        self._outgoing = outgoing
        self._inspector = inspector
        self._clock = clock

    async def known(self, client: Client, key: str | None) -> bool:
        """Whether something is remembered under this Idempotency-Key."""
        if key is None:
            return False
        async with self._store.read() as tx:
            return await repository.recall_key(tx, client.id, key) is not None

    async def check(self, client: Client, upload: Upload) -> Checked:
        """Every check of taking it over; nothing is kept. Raises Problem."""
        async with self._store.read() as tx:
            checked = await self._outgoing.check(tx, _draft(client, upload, upload.weighed(), None))
        inspected = await self._inspect(upload, checked)
        return replace(checked, warnings=(*checked.warnings, *inspected.findings))

    async def take(self, client: Client, upload: Upload, key: str | None, correlation_id: str) -> Submitted:
        """Take it over. The key is remembered in the document's own transaction.

        Files are committed only after every check has passed, and before a row speaks of them. Raises Problem, also
        `idempotency.other_body` where the key came with something else before.
        """
        fingerprint = upload.fingerprint
        async with self._store.read() as tx:
            if earlier := await self._earlier(tx, client, key, fingerprint):
                return earlier
            checked = await self._outgoing.check(tx, _draft(client, upload, upload.weighed(), correlation_id))
        inspected = await self._inspect(upload, checked)
        checked = replace(checked, warnings=(*checked.warnings, *inspected.findings))
        draft = replace(_draft(client, upload, await upload.commit(), correlation_id), inspected=inspected)
        for _ in range(_RACES):
            try:
                return await self._accept(client, draft, checked, key, fingerprint)
            except _LostRace:
                continue
        raise _racing()

    async def _inspect(self, upload: Upload, checked: Checked) -> Inspection:
        """What the files are; outside of any transaction, for it takes time. Raises Problem for an infected one."""
        inspected = await self._inspector.inspect_outgoing(_files(upload), checked.unit.code)
        if inspected.action is Action.QUARANTINE:
            raise _infected(inspected)
        return inspected

    async def _accept(
        self, client: Client, draft: Draft, checked: Checked, key: str | None, fingerprint: str
    ) -> Submitted:
        async with self._store.begin() as tx:
            if earlier := await self._earlier(tx, client, key, fingerprint):
                return earlier
            taken = await self._outgoing.accept(tx, draft, checked)
            if key is not None:
                entry = RememberedKey(
                    client_id=client.id,
                    key=key,
                    fingerprint=fingerprint,
                    document_id=taken.document.id,
                    created_at=self._clock(),
                )
                if not await repository.remember_key(tx, entry):
                    raise _LostRace
            return Submitted(document=taken.document, replayed=taken.repeated)

    async def _earlier(self, tx: Transaction, client: Client, key: str | None, fingerprint: str) -> Submitted | None:
        if key is None:
            return None
        entry = await repository.recall_key(tx, client.id, key)
        if entry is None:
            return None
        if entry.fingerprint != fingerprint:
            raise _other_body()
        document = await find_document(tx, entry.document_id)
        if document is None:
            raise LookupError("the document of a remembered key is missing")
        return Submitted(document=document, replayed=True)


class _LostRace(Exception):
    """Another request has just remembered the same key; this transaction is rolled back."""


def _draft(client: Client, upload: Upload, files: tuple[HandedFile, ...], correlation_id: str | None) -> Draft:
    return Draft(
        packet=upload.document.packet,
        files=files,
        allowed_units=client.units,
        secrecy=upload.document.secrecy,
        correlation_id=correlation_id,
    )


@dataclass(frozen=True, slots=True)
class _Unkept:
    """A file that lies on disk but is not committed, as something to read."""

    writer: BlobWriter

    @property
    def size(self) -> int:
        return self.writer.size

    def open(self) -> BinaryIO:
        return self.writer.reopen()


def _files(upload: Upload) -> list[FileToInspect]:
    return [
        FileToInspect(
            position=position,
            attachment_name=one.attachment_name,
            content_type=one.content_type,
            source=_Unkept(writer),
        )
        for position, (one, writer) in enumerate(zip(upload.document.attachments, upload.writers, strict=True), 1)
    ]


def _infected(inspected: Inspection) -> Problem:
    finding = next(one for one in inspected.findings if one.code == "A.Infected")
    return Problem(
        "attachment.infected",
        Kind.INVALID,
        finding.message,
        Text(
            "Quét và làm sạch tệp trên máy đã tạo ra nó rồi gửi lại.",
            "Clean the file on the machine it comes from, then send again.",
        ),
        field=finding.pointer,
    )


def _other_body() -> Problem:
    return Problem(
        "idempotency.other_body",
        Kind.CONFLICT,
        Text(
            "Idempotency-Key này đã dùng cho một yêu cầu có nội dung khác.",
            "This Idempotency-Key was used for a request with other content.",
        ),
        Text(
            "Dùng khóa mới cho văn bản mới; chỉ dùng lại khóa khi gửi lại đúng nội dung cũ.",
            "Use a new key for a new document; use a key again only to repeat the very same request.",
        ),
        field="Idempotency-Key",
    )


def _racing() -> Problem:
    return Problem(
        "idempotency.racing",
        Kind.CONFLICT,
        Text("Nhiều yêu cầu cùng Idempotency-Key đang tranh nhau.", "Requests with this Idempotency-Key are racing."),
        Text("Gửi lại sau ít giây.", "Send again in a few seconds."),
        field="Idempotency-Key",
        retry_after=2,
    )
