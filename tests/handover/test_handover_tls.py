"""Webhooks over TLS: the name in the address has to be the certificate's, though an address is connected to."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from clocks import FakeClock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_handover_patience import ENDPOINT
from webhook_receiver import receiving

from gateway import opening
from gateway.handover.webhooks.calling import Caller, CallSettings
from gateway.handover.webhooks.model import Called

HOST = "qlvb.example"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Told:
    """What came of a call, and which names it asked for."""

    called: Called
    calls: int
    names: list[str | None] = field(default_factory=list)


def certificate(folder: Path, name: str) -> Path:
    """A certificate for a name that is its own authority, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = opening.clock()
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def told(theirs: Path, trusted: Path | None) -> Told:
    """Call the host where a server shows a certificate, trusting another or the same."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(theirs)
    names: list[str | None] = []

    def asked(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    tls.sni_callback = asked
    caller = Caller(
        CallSettings(hosts=frozenset({HOST}), seconds=5),
        read_secret=lambda _: SECRET,
        clock=FakeClock(),
        resolve=resolve,
    )
    async with receiving(tls) as receiver:
        endpoint = replace(
            ENDPOINT, url=f"https://{HOST}:{receiver.port}/hook", ca_file=str(trusted) if trusted else None
        )
        try:
            return Told(await caller.test(endpoint), len(receiver.calls), names)
        finally:
            await caller.close()


async def test_a_host_of_the_agency_s_own_authority_is_called_by_its_name(tmp_path: Path) -> None:
    theirs = certificate(tmp_path, HOST)
    found = await told(theirs, theirs)
    assert (found.called.failure, found.calls, found.names) == (None, 1, [HOST])


async def test_a_proxy_of_the_environment_is_not_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    theirs = certificate(tmp_path, HOST)
    assert (await told(theirs, theirs)).called.failure is None


@pytest.mark.parametrize(("name", "trusts"), [("other.example", True), (HOST, False)])
async def test_another_name_or_an_unknown_authority_is_told_nothing(tmp_path: Path, name: str, trusts: bool) -> None:
    theirs = certificate(tmp_path, name)
    found = await told(theirs, theirs if trusts else None)
    assert (found.called.failure, found.calls) == ("tls", 0)
