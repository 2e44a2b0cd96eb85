"""What is asked of trust, and what it answers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.signing.facts import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainJudgement:
    """What is known of a leaf certificate at a time.

    `trusted`: a chain from an anchor exists, every certificate of it valid then, key usage right, nothing revoked as
    far as known. `revoked`: None while not determined (no CRL or OCSP answer could be had, or none is configured).
    `chain`: the certificates used, DER, leaf first; empty without a chain. `revocation`: the CRLs and OCSP answers, DER,
    that were looked at (evidence).
    """

    trusted: bool | None
    revoked: bool | None
    valid_then: bool | None
    chain: tuple[bytes, ...] = ()
    revocation: tuple[bytes, ...] = ()
    reasons: tuple[Reason, ...] = ()


class Trust(Protocol):
    """The anchors and intermediates in force. Pure computing over what is held locally: calls no network."""

    def judge(self, leaf: bytes, at: datetime) -> ChainJudgement:
        """The chain of a leaf (DER) for signing packets, judged at a time (that of receipt)."""

    def may_speak(self, leaf: bytes, codes: Collection[str], at: datetime) -> bool | None:
        """Whether the certificate may speak for one of these codes (a sender's, aliases included) on that day.

        None when nothing is written down about either the certificate or the codes.
        """
