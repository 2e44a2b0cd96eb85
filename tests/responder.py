"""What authorities publish: CRLs, OCSP answers, and a real HTTP server on the loopback that gives them out."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from authorities import DAY, Identity, moment
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp


def crl(
    issuer: Identity,
    *revoked: Identity,
    made: datetime | None = None,
    until: datetime | None = None,
    since: datetime | None = None,
    signer: Identity | None = None,
    hashing: hashes.SHA256 | hashes.SHA224 | None = None,
    extra: tuple[x509.ExtensionType, bool] | None = None,
    invalid_since: datetime | None = None,
) -> bytes:
    """A list, made yesterday for a week, of certificates revoked two days ago; unless said otherwise."""
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(made or moment(-1))
        .next_update(until or moment(6))
    )
    for one in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(since or moment(-2))
            .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        )
        if invalid_since is not None:
            entry = entry.add_extension(x509.InvalidityDate(invalid_since.replace(tzinfo=None)), critical=False)
        built = built.add_revoked_certificate(entry.build())
    if extra is not None:
        built = built.add_extension(extra[0], critical=extra[1])
    made_by = signer or issuer
    return built.sign(made_by.key, hashing or hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def answer(
    about: Identity,
    issuer: Identity,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    *,
    signer: Identity | None = None,
    responder: Identity | None = None,
    named: Identity | None = None,
    encoding: ocsp.OCSPResponderEncoding = ocsp.OCSPResponderEncoding.HASH,
    made: datetime | None = None,
    until: timedelta | None = DAY,
    since: datetime | None = None,
    hashing: hashes.HashAlgorithm | None = None,
) -> bytes:
    """An OCSP answer by the issuer, or by a `responder` whose certificate is in it; made an hour ago for a day."""
    made = made or moment(-1 / 24)
    signs = signer or responder or issuer
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=about.certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA256(),
            cert_status=status,
            this_update=made,
            next_update=None if until is None else made + until,
            revocation_time=(since or moment(-2)) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        .responder_id(encoding, (named or responder or issuer).certificate)
    )
    if responder is not None:
        built = built.certificates([responder.certificate])
    return built.sign(signs.key, hashing or hashes.SHA256()).public_bytes(serialization.Encoding.DER)


Gives = bytes | int | Callable[[], bytes]
"""A body, a status without one, or what makes the body when it is asked."""


@dataclass
class Published:
    """A server of an authority: what it gives by path, and what it was asked."""

    port: int = 0
    gives: dict[str, Gives] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def publishing() -> Iterator[Published]:
    """A server for as long as the block lasts."""
    published = Published()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            published.asked.append((self.command, self.path, body))
            given = published.gives.get(self.path, 404)
            if isinstance(given, int):
                self.send_response(given)
                self.send_header("Location", published.url("/elsewhere"))
                self.end_headers()
                return
            data = given if isinstance(given, bytes) else given()
            self.send_response(200)
            for name, value in {"Content-Length": str(len(data)), **published.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    published.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield published
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
