"""A test PKI, declared by whoever needs it and built in code: nothing of it is kept in the repository."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from clocks import FakeClock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

NOW = FakeClock().now.astimezone(UTC)
DAY = timedelta(days=1)
SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
ENCRYPTS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
CERTIFIES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@cache
def key_named(name: str) -> PrivateKey:
    """A key that stays the same within a process: `rsa…` has 2048 bits, `rsa1024…` 1024, `p384…`, `p521…`, else P-256."""
    if name.startswith("rsa1024"):
        return rsa.generate_private_key(65537, 1024)
    if name.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    curves: dict[str, ec.EllipticCurve] = {"p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves.get(name[:4], ec.SECP256R1()))


@dataclass(frozen=True)
class Identity:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        """The key as PKCS#8 text."""
        hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)

    @property
    def sha256(self) -> str:
        """The fingerprint."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def issue(
    name: str,
    issuer: Identity | None = None,
    *,
    key: str | None = None,
    authority: bool = False,
    begins: timedelta = -100 * DAY,
    ends: timedelta = 300 * DAY,
    usage: x509.KeyUsage | None = SIGNS,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    crl: Sequence[str] = (),
    ocsp: Sequence[str] = (),
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    hashing: hashes.SHA256 | hashes.SHA224 | None = None,
) -> Identity:
    """A certificate by an issuer, or by itself; dates count from the tests' present (22/11/2026)."""
    private = key_named(key or name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else private
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    wanted = CERTIFIES if authority else usage
    if wanted is not None:
        built = built.add_extension(wanted, critical=True)
    if purposes:
        built = built.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
    if crl:
        points = [
            x509.DistributionPoint(
                [x509.UniformResourceIdentifier(one)], relative_name=None, reasons=None, crl_issuer=None
            )
            for one in crl
        ]
        built = built.add_extension(x509.CRLDistributionPoints(points), critical=False)
    if ocsp:
        asked = x509.oid.AuthorityInformationAccessOID.OCSP
        places = [x509.AccessDescription(asked, x509.UniformResourceIdentifier(one)) for one in ocsp]
        built = built.add_extension(x509.AuthorityInformationAccess(places), critical=False)
    for extension, critical in extra:
        built = built.add_extension(extension, critical=critical)
    return Identity(built.sign(signer, hashing or hashes.SHA256()), private)


def moment(days: float = 0.0) -> datetime:
    """Some days from the tests' present."""
    return NOW + timedelta(days=days)
