"""Settings of the evidence room."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class EvidenceSettings(BaseModel):
    """Each with its default, unit and reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chain_seconds: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="Seconds between chainings of the evidence log. What was written since the last one can still be "
        "removed without trace; shorter costs a few statements each time.",
    )
    heads_file: Path | None = Field(
        None,
        description="File to which each day's head of the evidence log is appended. Put it where whoever administers "
        "the database cannot write (another machine, a write-once share). Empty writes none.",
    )
