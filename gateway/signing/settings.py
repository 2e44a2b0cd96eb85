"""Settings of signing: where the token's module is, how keys are watched, whom revocation is asked of."""

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,9})){1,20}")

PURPOSES = "1.3.6.1.5.5.7.3.2,1.3.6.1.5.5.7.3.4,1.3.6.1.5.5.7.3.36,1.3.6.1.4.1.311.10.3.12"
"""clientAuth, emailProtection (RFC 5280 4.2.1.12), documentSigning (RFC 9336), Microsoft's document signing."""


class SigningSettings(BaseModel):
    """Each with its default, unit and reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pkcs11_module: str = Field(
        "",
        max_length=500,
        description="Absolute path of the token vendor's PKCS#11 library (.so); empty uses no token. It is code that "
        "runs inside the gateway, so it is named here only, never in the database.",
    )
    pkcs11_calls: int = Field(
        1,
        ge=1,
        le=32,
        description="Calls to the token at a time. Above 1 only where its vendor says that the library may be called "
        "from several threads when it was initialised without arguments (PKCS#11 2.40, C_Initialize).",
    )
    pkcs11_wait_seconds: float = Field(
        10.0, gt=0, le=300, description="Seconds to wait for one's turn at the token before the key is called busy."
    )
    token_retry_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Seconds between looks for a token that is gone; each look restarts the library.",
    )
    look_seconds: float = Field(
        5.0, gt=0, le=3600, description="Seconds between looks at key rows and files: how soon a rotation is seen."
    )
    expiring_days: int = Field(
        30, ge=0, le=3650, description="Days before a key's certificate ends from which readiness and keys list warn."
    )
    purposes: str = Field(
        PURPOSES,
        max_length=2000,
        description="Extended key usages (OIDs, parted by commas) of which a signing certificate must have one, if it "
        "names any: clientAuth, emailProtection, documentSigning. A certificate that names none may sign.",
    )
    unsigned_without_key: bool = Field(
        False,
        description="Whether packets leave unsigned while the key of their unit cannot be used; the API shows it of each. "
        "Otherwise they wait. A unit without a key sends unsigned in any case.",
    )
    revocation_hosts: str = Field(
        "",
        max_length=5000,
        description="Hosts that CRLs and OCSP answers may be fetched from, parted by commas; empty asks none, and "
        "revocation is not determined. The addresses are the certificates' own; a name may not lead to a link-local "
        "or metadata address.",
    )
    revocation_seconds: float = Field(10.0, gt=0, le=120, description="Seconds for one CRL or OCSP fetch.")
    revocation_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, le=100_000_000, description="Bytes of a CRL or OCSP answer that are taken."
    )
    revocation_hours: float = Field(
        12.0, gt=0, le=720, description="Hours until a certificate is asked about again; sooner after a failure."
    )
    revocation_days: int = Field(
        30, ge=0, le=3650, description="Days after a certificate last came for which it is asked about again."
    )

    @property
    def allowed_purposes(self) -> frozenset[str]:
        """The OIDs of `purposes`."""
        return frozenset(one.strip() for one in self.purposes.split(",") if one.strip())

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The hosts of `revocation_hosts`."""
        return frozenset(one.strip().lower().strip("[]") for one in self.revocation_hosts.split(",") if one.strip())

    @field_validator("pkcs11_module")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError("an absolute path")
        return value

    @field_validator("purposes")
    @classmethod
    def _are_oids(cls, value: str) -> str:
        if not all(_OID.fullmatch(one.strip()) for one in value.split(",") if one.strip()):
            raise ValueError("object identifiers parted by commas")
        return value
