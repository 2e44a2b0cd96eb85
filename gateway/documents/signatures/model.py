"""What is kept of a packet's signature."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.signing.facts import SignatureFacts


class SubjectSort(StrEnum):
    """What a kept signature belongs to: a document that came, the arrival of a status, or a dispatch of ours."""

    DOCUMENT = "document"
    ARRIVAL = "arrival"
    DISPATCH = "dispatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSignature:
    """The facts about one packet's signature, with what is needed to look at it again and as evidence.

    `subject` is the id of what `sort` says; `sender_code` that of whom the packet is from. `certificate` is the leaf,
    DER; `chain` and `revocation` hold what the judgement rested on, DER. `is_open` while a fact about the certificate
    that may still be determined is not.
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

    @property
    def proves_sender(self) -> bool:
        """Whether it shows that its sender signs: intact, and by a certificate that may speak for it."""
        facts = self.facts
        speaks = facts.speaks_for_sender is True and facts.trusted is not False
        return self.sort is not SubjectSort.DISPATCH and facts.intact is True and speaks

    @property
    def is_open(self) -> bool:
        """Whether it is worth looking at again when more is known of its certificate."""
        if self.sort is SubjectSort.DISPATCH or self.facts.certificate is None:
            return False
        return None in (self.facts.trusted, self.facts.certificate.revoked, self.facts.speaks_for_sender)
