"""What is kept of a packet's signature."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.signing.facts import SignatureFacts


class SubjectSort(StrEnum):
    """What a kept signature belongs to: a document or status that came in, or a dispatch of ours."""

    DOCUMENT = "document"
    STATUS = "status"
    DISPATCH = "dispatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSignature:
    """The facts about one packet's signature, with what is needed to look at it again and as evidence.

    `subject` is the id of what `sort` says. `certificate` is the leaf, DER. `chain` and `revocation` hold what the
    judgement rested on, DER. `look_again_at` is set while a fact that may still be determined is not.
    """

    subject: str
    sort: SubjectSort
    packet_id: str
    unit_code: str
    sender_code: str
    facts: SignatureFacts
    certificate: bytes | None
    chain: tuple[bytes, ...]
    revocation: tuple[bytes, ...]
    received_at: datetime
    judged_at: datetime
    look_again_at: datetime | None

    @property
    def proves_sender(self) -> bool:
        """Whether it shows that its sender signs: intact, and by a certificate that may speak for it."""
        return bool(self.facts.intact and self.facts.speaks_for_sender and self.facts.trusted is not False)
