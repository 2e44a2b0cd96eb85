"""The engine's way with a signature: signed while building, verified after reading. The key is made here, for this run."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bench.samples import DAY, Sample
from bench.ways import HEADER, Engine, Tidy, file_to_send
from gateway.edxml.normal import FileDigest
from gateway.edxml.reader import read_packet
from gateway.edxml.writer import write_document
from gateway.signing.keys.pem import load
from gateway.signing.keys.software import SoftwareKey
from gateway.signing.sign import PacketSignature, sign_document
from gateway.signing.verify import verify

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NONCE = bytes(16)


class SignedEngine(Engine):
    """As `Engine`, signing what it builds and verifying what it reads."""

    def __init__(self, folder: Path, kind: str = "rsa") -> None:
        super().__init__(folder)
        self.key = made_key(kind)
        self._kind = kind

    def sign(self, sample: Sample) -> PacketSignature:
        """The signature; the file's digest is known, as it is from the blobs."""
        file = file_to_send(sample)
        known = FileDigest(
            name=file.attachment_name, description=file.description, size=sample.size, sha256=_sha256(sample.file)
        )
        return sign_document(HEADER, [known], self.key, NOW, NONCE)

    def build(self, sample: Sample) -> Tidy:
        """Sign, then build with the signature."""
        out = self.blobs.create()
        write_document(HEADER, [file_to_send(sample)], out, signature=self.sign(sample).parts)
        assert out.sha256
        return out.discard

    def read(self, sample: Sample, packet: Path) -> Tidy:
        """Read the signed packet that stands beside that one, and verify it."""
        signed = packet.with_suffix(f".{self._kind}")
        if not signed.exists():
            with signed.open("wb") as out:
                write_document(HEADER, [file_to_send(sample)], out, signature=self.sign(sample).parts)
        with signed.open("rb", buffering=0) as stream:
            read = read_packet(stream, self.blobs, today=DAY)
        found = verify(read, received=NOW)
        assert found.intact
        assert found.covers
        return read.discard


@cache
def made_key(kind: str) -> SoftwareKey:
    """A key and its certificate: `rsa` of 2048 bits, or `p256`."""
    private = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return load(pem, certificate.public_bytes(serialization.Encoding.DER))


def header_size(signature: PacketSignature) -> int:
    """Bytes that a signature adds to a packet."""
    out = BytesIO()
    out.write("".join(f"{line}\r\n" for line in signature.parts.lines("      ")).encode())
    return out.tell()


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
