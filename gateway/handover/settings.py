"""Settings of hand-over."""

from pydantic import BaseModel, ConfigDict, Field, field_validator


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
