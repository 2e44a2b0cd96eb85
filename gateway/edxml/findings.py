"""What was found odd or wrong in a packet: one coded sentence each.

Codes are `<class>.<path>`: N missing, R too long or out of range, M not an allowed value, T wrong type
(`N.MessageHeader.From.OrganId`), and L would not arrive as written. Codes that speak of the container rather than of a
field begin with `X.` (XML), `A.` (attachment) or `Z.` (zip).
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.problems import Text


class Severity(StrEnum):
    """An error makes a packet refused; a warning never does."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `message` says which place, never quotes document content beyond a short value of a coded field.

    `pointer` is a JSON pointer (RFC 6901) into the model (`/message_header/to/1/organ_id`), where one place is meant.
    """

    code: str
    severity: Severity
    message: Text
    pointer: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether it refuses the packet."""
        return self.severity is Severity.ERROR
