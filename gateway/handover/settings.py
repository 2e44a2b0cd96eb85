"""Settings of hand-over."""

from dataclasses import dataclass
from datetime import time

from pydantic import BaseModel, ConfigDict, Field, field_validator

_TIME_OF_DAY = r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """When operators are warned and when the day is over, in Vietnam time; None: never. Every day is one (G-22)."""

    warn_at: time | None
    cut_off: time | None
    reports: bool


class HandoverSettings(BaseModel):
    """Each with its default, unit and reason."""

    model_config = ConfigDict(frozen=True)

    claim_seconds: int = Field(
        300, ge=5, le=86_400, description="Seconds a claim is kept for its document system to fetch and confirm."
    )
    look_seconds: float = Field(
        1.0, gt=0, description="Seconds between looks at the database while waiting: another node may have committed."
    )
    rejects_before_set_apart: int = Field(
        5, ge=1, le=100, description="Rejects after which a delivery is set apart for a person."
    )
    reject_pause_seconds: int = Field(
        60, ge=0, le=86_400, description="Seconds after a first reject until it is offered again; doubles each time."
    )
    day_warn_at: str = Field(
        "16:00",
        pattern=_TIME_OF_DAY,
        description="Time of day in Vietnam (HH:MM) at which operators are warned of documents that came and are not "
        "handed over: their senders are to be told of receipt the same day. Empty: no warning.",
    )
    day_cut_off: str = Field(
        "23:50",
        pattern=_TIME_OF_DAY,
        description="Time of day in Vietnam (HH:MM) at which what is not handed over counts as late, every day. "
        "Leaves time for a 01 to go out that day. Empty: never.",
    )
    day_report: bool = Field(
        False,
        description="Whether at that time 01 goes out for what is not handed over, with a Description that says so. "
        "Otherwise 01 waits for the hand-over, however late.",
    )
    webhook_hosts: str = Field(
        "",
        max_length=5000,
        description="Hosts that webhooks may call, parted by commas; empty calls none. Names as they stand in the "
        "address; a name may not lead to a link-local or metadata address, an address written here is called as it is.",
    )
    webhook_seconds: float = Field(
        15.0, gt=0, le=60, description="Seconds for one webhook call; Standard Webhooks recommends 15 to 30."
    )
    webhook_calls: int = Field(
        4, ge=1, le=100, description="Webhook calls at a time of one worker; leave slots for documents beside them."
    )
    webhook_retry_seconds: str = Field(
        "5,60,300,1800,7200,21600,43200,86400,86400",
        max_length=500,
        description="Seconds between attempts of a webhook call, up to a fifth longer by chance; three days in all.",
    )
    webhook_pause_hours: float = Field(
        72.0, gt=0, le=720, description="Hours without one good call after which an endpoint is paused, with an alarm."
    )

    @property
    def day_end(self) -> DayEnd:
        """The times of `day_warn_at` and `day_cut_off`, and what happens then."""
        return DayEnd(
            warn_at=time.fromisoformat(self.day_warn_at) if self.day_warn_at else None,
            cut_off=time.fromisoformat(self.day_cut_off) if self.day_cut_off else None,
            reports=self.day_report,
        )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The hosts of `webhook_hosts`."""
        return frozenset(one.strip().lower().strip("[]") for one in self.webhook_hosts.split(",") if one.strip())

    @property
    def retry_steps(self) -> tuple[float, ...]:
        """The waits of `webhook_retry_seconds`."""
        return tuple(float(one) for one in self.webhook_retry_seconds.split(","))

    @field_validator("webhook_retry_seconds")
    @classmethod
    def _are_waits(cls, value: str) -> str:
        if not all(0 < float(one) <= 7 * 86_400 for one in value.split(",")):
            raise ValueError("seconds over 0 and at most 7 days, parted by commas")
        return value
