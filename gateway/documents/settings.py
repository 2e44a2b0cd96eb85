"""Settings of the documents room."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from gateway.documents.reasons import SIGNATURE, UNREADABLE
from gateway.inspection import SetApart


class AckUnreadable(StrEnum):
    """What the axis is told of a packet that cannot be read."""

    FAIL = "fail"
    DONE = "done"
    NOTHING = "nothing"


class DocumentsSettings(BaseModel):
    """Each with its default, unit and reason."""

    model_config = ConfigDict(frozen=True)

    ack_unreadable: AckUnreadable = Field(
        AckUnreadable.FAIL,
        description="What the axis is told of a packet that two equal copies show to be unreadable. "
        "fail tells its sender the truth; nothing leaves it on the list.",
    )
    ack_set_apart: AckUnreadable = Field(
        AckUnreadable.DONE,
        description="What the axis is told of a document that was set apart for what its files are (infected, "
        "executable, and what else the inspection's policies say), or for its signature. done: it arrived, and is kept here.",
    )
    status_repeats: int = Field(
        6, ge=1, le=50, description="How often a status of unknown outcome is sent in all; a status twice harms nobody."
    )
    ambiguous_repeats: int = Field(
        4,
        ge=1,
        le=50,
        description="How often a packet is sent in all when the axis answers with a code that may pass (21, unknown ones).",
    )
    max_recipients: int = Field(500, ge=1, le=10_000, description="Recipients of one document; bounds its packet.")
    max_files: int = Field(200, ge=0, le=10_000, description="Files of one document; bounds its packet.")
    send_horizon_hours: int = Field(
        72,
        ge=1,
        description="Hours for which a document that cannot leave is tried again before it is given up and a person "
        "decides. Longer than a weekend, and than the legal deadline, which is warned of before: late is better than "
        "never. Hours in which the whole line is stopped or its breaker open do not count.",
    )
    retry_first_seconds: float = Field(
        2.0, gt=0, le=3600, description="Seconds before a first repeat, at the longest; doubles, up to ten minutes."
    )
    breaker_failures: int = Field(
        3,
        ge=1,
        le=100,
        description="Exchanges of one connection that fail one after the other before all others wait. Each failed send "
        "may leave a document of unknown outcome, so few are risked.",
    )
    breaker_first_seconds: float = Field(
        10.0, gt=0, le=300, description="Seconds until one is tried again, at the longest; doubles, up to five minutes."
    )
    late_minutes: float = Field(
        60.0,
        gt=0,
        le=1440,
        description="Minutes after which people are told that documents do not leave: long before the morning of the "
        "next working day, by which they are owed (QĐ 28/2018 Đ6.2).",
    )
    late_urgent_minutes: float = Field(
        5.0, gt=0, le=1440, description="The same for hỏa tốc and thượng khẩn, which are owed at once."
    )
    held_seconds: int = Field(
        30, ge=1, description="Seconds between looks at a connection that observes or is stopped, by what waits for it."
    )
    settle_first_seconds: float = Field(
        15.0, gt=0, le=3600, description="Seconds after a send of unknown outcome until its evidence is looked for."
    )
    settle_seconds: float = Field(
        60.0, gt=0, le=3600, description="Seconds between looks for evidence of a send of unknown outcome."
    )
    settle_minutes: float = Field(
        60.0, gt=0, le=10_080, description="Minutes for which evidence is looked for before a person is asked."
    )
    settle_by_dates: bool = Field(
        True,
        description="Whether the sent list of a time is looked through where the axis's id is not known; "
        "only a single row that names our document is believed.",
    )

    def ack_of(self, reason: str | None) -> AckUnreadable:
        """What the axis is told of an item that was set apart for this reason."""
        if reason == UNREADABLE:
            return self.ack_unreadable
        return self.ack_set_apart if reason in _SET_APART else AckUnreadable.NOTHING


_SET_APART = frozenset({*SetApart, SIGNATURE})
