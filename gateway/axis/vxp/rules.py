"""What one axis may demand of a request where another does not: nothing of it is established (axis API 13.1, 13.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.axis.settings import HashFileForm
from gateway.axis.vxp import wire
from gateway.axis.vxp.backend import ServerFail
from gateway.axis.vxp.wire import Operation, Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketTerms:
    """How a packet's hash is compared.

    `form`: the one form that `hash-file` must have; None takes either. `cuts_tail`: the body's last two bytes are taken
    for the SDK's CRLF whatever they are; otherwise they are looked at, and the hash may be with or without them.
    """

    form: HashFileForm | None = None
    cuts_tail: bool = False

    def fits(self, hash_file: str, sha256: str) -> bool:
        """Whether a `hash-file` is that of bytes with this true SHA-256 (hex)."""
        given = hash_file.strip().lower()
        match self.form:
            case HashFileForm.PADDED:
                return given == sha256
            case HashFileForm.SDK:
                return given == wire.hash_file_as_sdk(sha256)
            case None:
                return wire.hash_file_matches(given, sha256, sha256)


class Rules:
    """The kindest axis: whoever is proved may go on, either hash is taken, a refusal has HTTP status 200."""

    def admit(self, operation: Operation, verified: Verified, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Look at a request whose signature is right. Raises ServerFail."""

    def packet_terms(self) -> PacketTerms:
        """How the hash of the packet that is now being sent is compared."""
        return PacketTerms()

    def refusal_status(self, fail: ServerFail) -> int:  # noqa: ARG002 - stricter rules look at it
        """The HTTP status of a FAIL answer."""
        return 200
