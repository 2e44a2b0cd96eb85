"""What is said to a person when something is refused: a stable code, the field, two languages, what to do."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in Vietnamese and in English. Holds no secret and no document content."""

    vi: str
    en: str


class Kind(StrEnum):
    """What sort of refusal it is; `api` turns it into an HTTP status, `cli` into an exit code."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class Problem(Exception):
    """A refusal that a person can act on. Nothing was changed when one is raised.

    `code` is stable and dotted (`recipient.unknown`); `field` is a JSON pointer (RFC 6901) into what was sent, or None.
    `causes` holds several problems found in one look; the first problem then stands for them all.
    `retry_after` is seconds, for BUSY and UNAVAILABLE.
    """

    def __init__(
        self,
        code: str,
        kind: Kind,
        text: Text,
        action: Text,
        *,
        field: str | None = None,
        causes: tuple["Problem", ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.kind = kind
        self.text = text
        self.action = action
        self.field = field
        self.causes = causes
        self.retry_after = retry_after


def first_of(problems: list[Problem]) -> Problem | None:
    """The one problem to raise for a list of them: itself, or a collecting one whose `causes` are all."""
    if len(problems) <= 1:
        return problems[0] if problems else None
    return Problem(
        "request.several",
        problems[0].kind,
        Text(
            f"Có {len(problems)} lỗi; xem danh sách errors.",
            f"{len(problems)} things are wrong; see errors.",
        ),
        Text("Sửa từng lỗi trong danh sách rồi gửi lại.", "Correct each one in the list and send again."),
        causes=tuple(problems),
    )
