"""Everything that is announced is written down, in the transaction in which it happened."""

from collections.abc import Mapping

from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.evidence import repository
from gateway.evidence.entry import body_of
from gateway.store import Transaction

_SUBJECTS = ("status", "dispatch", "arrival", "delivery")
"""What an entry may be about besides a document: the first of these that the announcement names."""


class Recorder:
    """Stands before whoever else listens; what only evidence keeps goes no further. One insert for each announcement."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce

    async def announce(self, tx: Transaction, announcement: Announcement) -> None:
        """Write it down, and pass it on when it is for the document system too."""
        said = {**announcement.data, **announcement.proof}
        subject = _subject(said)
        await repository.add(
            tx,
            at=announcement.at,
            document_id=announcement.document,
            subject=subject,
            body=body_of(
                at=announcement.at,
                kind=announcement.kind,
                unit_code=announcement.unit_code,
                document_id=announcement.document,
                subject=subject,
                data=said,
            ),
        )
        if isinstance(announcement.kind, Happening):
            await self._announce(tx, announcement)


def _subject(said: Mapping[str, str]) -> str | None:
    return next((said[name] for name in _SUBJECTS if name in said), None)
