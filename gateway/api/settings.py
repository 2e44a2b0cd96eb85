"""What can be set about the HTTP side. Every field: a default, a unit, a reason."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

KB = 1024
MB = 1024 * KB


class ApiSettings(BaseModel):
    """Bounds and marks of the HTTP side. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(
        512 * MB, ge=1 * KB, description="Whole body of one upload (bytes): no axis document has been seen near it."
    )
    file_bytes: int = Field(
        256 * MB, ge=1, description="One attached file (bytes): what the axis has been seen to take."
    )
    json_body_bytes: int = Field(
        20 * MB, ge=1 * KB, description="Body of an upload as JSON with base64 (bytes): meant for old clients only."
    )
    document_bytes: int = Field(
        1 * MB, ge=1 * KB, description="The document itself, without files (bytes): read whole into memory."
    )
    small_body_bytes: int = Field(
        64 * KB, ge=1 * KB, description="Body of every other request (bytes): statuses, claims, confirmations."
    )
    attachments: int = Field(200, ge=1, description="Files of one document (count): bounds open files and rows.")
    body_seconds: float = Field(
        900.0, gt=0, description="Time for one whole body (seconds): 512 MB over 5 Mbit/s, and no slow-loris beyond it."
    )
    body_idle_seconds: float = Field(
        30.0, gt=0, description="Time without one byte of a body (seconds): a dead client frees its place."
    )
    uploads: int = Field(
        16, ge=1, description="Uploads read at the same time (count): bounds disk in flight; more are asked to wait."
    )
    busy_retry_seconds: int = Field(
        15, ge=1, description="Retry-After when too many uploads run at once (seconds): about the time of one upload."
    )
    client_cache_seconds: float = Field(
        3.0,
        ge=0,
        le=60,
        description="A key's look-up is kept so long (seconds): a revoked key works no longer than this.",
    )
    idempotency_days: int = Field(
        7, ge=1, description="How long an Idempotency-Key is remembered (days): longer than any client's retries."
    )
    wait_seconds: int = Field(
        30, ge=0, le=300, description="Longest wait of a claim or of the feed (seconds): common proxies cut at 60."
    )
    ready_check_seconds: float = Field(
        5.0, gt=0, description="Time for one readiness check (seconds): a hung disk must not hang the answer."
    )
    ops_token: SecretStr | None = Field(
        None, description="Bearer token for /health/ready and /metrics only (16 characters or more), for monitoring."
    )
