"""Settings of ordinary XML signatures."""

from pydantic import BaseModel, ConfigDict, Field


class XmldsigSettings(BaseModel):
    """Each with its default, unit and reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packet_mb: int = Field(
        20,
        ge=0,
        le=200,
        description="MB of a packet up to which an ordinary XML signature (over the whole packet) is verified or written: "
        "it needs the whole packet as a tree, four to five times its size in memory. 0 verifies none.",
    )
