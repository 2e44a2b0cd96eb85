"""Settings of hand-over."""

from pydantic import BaseModel, ConfigDict, Field


class HandoverSettings(BaseModel):
    """Each with its default, unit and reason."""

    model_config = ConfigDict(frozen=True)

    claim_seconds: int = Field(
        300, ge=5, le=86_400, description="Seconds a claim is kept for its document system to fetch and confirm."
    )
    max_wait_seconds: int = Field(
        30, ge=0, le=300, description="Longest wait of a claim or a feed request; shorter than usual proxies cut."
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
