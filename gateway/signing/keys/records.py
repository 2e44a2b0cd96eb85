"""What is kept of a key: where it is and for whom it signs. Never the key, a passphrase or a PIN."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.signing.keys.api import Algorithm


class KeyKind(StrEnum):
    """How a key is kept."""

    PEM = "pem"
    PKCS12 = "pkcs12"
    PKCS11 = "pkcs11"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be. Sources are written `file:/path` or `env:NAME`.

    `unit_code`: the unit it signs for; None for all that have none of their own. `source`: the PEM or PKCS#12 file.
    `certificate_source`: its certificate, where it is not beside the key. `secret_source`: passphrase or PIN.
    `token`, `label`: of a PKCS#11 key. `algorithm`: None leaves RSA at SHA-256 and ECDSA at its curve's.
    It signs from `valid_from` until before `valid_until`, within its certificate's own dates.
    """

    id: str
    kind: KeyKind
    unit_code: str | None
    source: str | None = None
    certificate_source: str | None = None
    secret_source: str | None = None
    token: str | None = None
    label: str | None = None
    algorithm: Algorithm | None = None
    valid_from: datetime
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow(NewKey):
    """A key of this installation. A retired one signs nothing any more and stays in the list."""

    created_at: datetime
    retired_at: datetime | None = None

    def in_force(self, at: datetime) -> bool:
        """Whether it may sign at a time, by its row."""
        return self.retired_at is None and self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


class PinState(StrEnum):
    """What is known of the last PIN that was tried on a token and was not accepted."""

    TRYING = "trying"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinTry:
    """A PIN that was tried and of which no good end is known. `mark` is a slow salted hash (scrypt)."""

    token: str
    salt: str
    mark: str
    state: PinState
    at: datetime
