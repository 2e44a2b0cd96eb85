"""How a worker works."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class JobsSettings(BaseModel):
    """Settings of a worker. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: int = Field(
        default=8,
        ge=0,
        le=500,
        description="Jobs worked on at a time by one worker; most only wait. 0: only the API, others do the work.",
    )
    lease: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="How long a job stays with a worker that gives no sign of life; after a crash jobs wait so long.",
    )
    beat: float = Field(
        default=20.0, gt=0, description="How often a worker extends its leases; at most half a lease, to miss one beat."
    )
    idle: float = Field(
        default=0.5, gt=0, le=60, description="How often to look for jobs put by other processes, or due by now."
    )
    grace: float = Field(
        default=20.0, ge=0, description="How long a stopping worker lets running jobs finish; less than systemd's 90 s."
    )

    @model_validator(mode="after")
    def _beats_in_time(self) -> Self:
        if self.beat * 2 > self.lease:
            raise ValueError("beat must be at most half of lease")
        return self
