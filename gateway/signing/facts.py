"""What is known of a packet's signature: each fact by itself, true, false or None for "not determined".

Never one yes or no (packet-signature page, "Verifying"). Kept with the document or status it came with, shown in the
API and by `gateway packet read --verify`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from gateway.problems import Text
from gateway.times import shown

Time = Annotated[datetime, PlainSerializer(shown, return_type=str, when_used="json")]
"""Aware; written in Vietnam time with its offset (QĐ 28/2018 Đ14.4)."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scheme(StrEnum):
    """Which kind of signature was found. `PLACEHOLDER`: the vendor's dummy, which can never verify."""

    PROFILE_1 = "urn:lienthong:packet-signature:1"
    XMLDSIG = "xmldsig"
    PLACEHOLDER = "placeholder"
    UNKNOWN = "unknown"


class Reason(_Fact):
    """Why a fact is as it is, for people: a stable code (`signature.file_changed`) and both languages.

    Holds no document content; `part` names what it is about (`header`, `business`, `file:2`), where it is about one.
    """

    code: str
    message: str
    message_vi: str
    part: str | None = None


def reason(code: str, text: Text, part: str | None = None) -> Reason:
    """A reason from a sentence in both languages."""
    return Reason(code=code, message=text.en, message_vi=text.vi, part=part)


class PartFact(_Fact):
    """One signed part, or one that should have been: `header`, `business`, `file:1`… in the packet's order.

    `covered`: a reference speaks of it. `intact`: its digest agrees; None when it is not covered or could not be read.
    """

    part: str
    covered: bool
    intact: bool | None


class CertificateFact(_Fact):
    """The leaf certificate that came with the signature. Times are aware; hex is lower case.

    `valid_at_receipt`: within its own dates when the packet came. `revoked`: None while that is not determined.
    """

    sha256: str
    subject: str
    issuer: str
    serial: str
    not_before: Time
    not_after: Time
    key: str
    valid_at_receipt: bool | None = None
    revoked: bool | None = None


class SignatureFacts(_Fact):
    """The facts about one packet's signature.

    `present`: a Signature element with content is there. `well_formed`: it keeps to its scheme's closed grammar.
    `intact`: the signature value verifies and every covered part agrees. `covers`: it speaks of exactly the header,
    the business block where there is one, and each file; `parts` says which. `algorithm`: such as `rsa-sha256`.
    `trusted`: a chain from a pinned anchor to the certificate, valid at receipt and not revoked. `speaks_for_sender`:
    the certificate may speak for From/OrganId. `addressed_to_us`: one of our codes stands in the signed To (for a
    status: in ResponseFor/OrganId). `seen_before`: the same SignedInfo by the same certificate came to this unit
    earlier (a duplicate). `downgraded`: a partner known to sign sent this one unsigned, or signed by another. `weak`: SHA-1, accepted by a partner's setting only. `signed_at` is the signer's claim.
    """

    present: bool
    scheme: Scheme | None = None
    well_formed: bool | None = None
    intact: bool | None = None
    covers: bool | None = None
    algorithm: str | None = None
    certificate: CertificateFact | None = None
    trusted: bool | None = None
    speaks_for_sender: bool | None = None
    addressed_to_us: bool | None = None
    seen_before: bool | None = None
    downgraded: bool | None = None
    weak: bool | None = None
    signed_at: Time | None = None
    signed_info_sha256: str | None = None
    parts: tuple[PartFact, ...] = ()
    reasons: tuple[Reason, ...] = ()


UNSIGNED = SignatureFacts(present=False)
"""Most packets of today."""
