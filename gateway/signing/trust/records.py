"""What is held locally of trust: certificates, who may speak for whom, and what was learnt of revocation."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """An anchor is trusted by itself, because somebody pinned its SHA-256; an intermediate only by a chain to one."""

    ANCHOR = "anchor"
    INTERMEDIATE = "intermediate"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustCertificate:
    """A certificate of an authority. `sha256` is the pin: bytes that do not agree with it are never used."""

    sha256: str
    role: Role
    certificate: bytes
    subject: str
    note: str
    added_at: datetime


class Names(StrEnum):
    """What a fingerprint is of: one certificate, or a key and every certificate of it."""

    CERTIFICATE = "certificate"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A certificate (or key) that may speak for a code, from `valid_from` until before `valid_until`."""

    id: str
    names: Names
    fingerprint: str
    code: str
    valid_from: datetime
    valid_until: datetime | None
    note: str
    added_at: datetime


class AnswerKind(StrEnum):
    """How an authority says what it has revoked."""

    CRL = "crl"
    OCSP = "ocsp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The newest CRL of an address, or the newest OCSP answer about a certificate; checked before it was kept.

    `about`: for a CRL the SHA-256 of its address, for OCSP that of the certificate. `made_at`: its own thisUpdate; an
    older answer never takes the place of a newer one, or who sits on the line could take a revocation back.
    """

    kind: AnswerKind
    about: str
    data: bytes
    made_at: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A leaf certificate that came with a packet and is asked about. `trouble`: why the last look learnt nothing."""

    sha256: str
    certificate: bytes
    first_seen: datetime
    last_seen: datetime
    looked_at: datetime | None = None
    trouble: str | None = None
