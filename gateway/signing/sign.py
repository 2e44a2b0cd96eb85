"""Makes the signature of a packet: for documents of every kind and for statuses, from the model and the files' digests.

No file is read here: their digests are known from the blobs. What is given to the key is a SignedInfo, never a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import FileDigest
from gateway.edxml.signable import signable_form
from gateway.edxml.signature_parts import SignatureParts
from gateway.edxml.writer import completed
from gateway.signing.keys.api import SigningKey
from gateway.signing.profile import Statement, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketSignature:
    """A signature to write, and the bytes that were signed."""

    parts: SignatureParts
    signed_info: bytes


def sign_document(
    packet: DocumentPacket, files: Sequence[FileDigest], key: SigningKey, at: datetime, nonce: bytes
) -> PacketSignature:
    """The signature of a document packet as `write_document` writes it (`complete=True`).

    `files` in the packet's order, under the names and descriptions they are sent with. `at` is the claimed time of
    signing, `nonce` 16 random bytes. Blocks as the key does: call it in a thread. Raises Unsignable for a packet that
    would not arrive as it is signed, KeyUnusable, ValueError for a nonce of another length.
    """
    form = signable_form(completed(packet), files)
    statement = Statement(
        algorithm=key.algorithm,
        at=at,
        nonce=nonce,
        header=digest_of(form.header),
        business=None if form.business is None else digest_of(form.business),
        files=tuple((position, bytes.fromhex(file.sha256)) for position, file in enumerate(files, start=1)),
    )
    return _signed(statement, key)


def sign_status(packet: StatusPacket, key: SigningKey, at: datetime, nonce: bytes) -> PacketSignature:
    """The signature of a status packet; as `sign_document`."""
    header = digest_of(signable_form(packet).header)
    return _signed(Statement(algorithm=key.algorithm, at=at, nonce=nonce, header=header), key)


def _signed(statement: Statement, key: SigningKey) -> PacketSignature:
    signed_info = statement.signed_info()
    return PacketSignature(parts=statement.parts(key.sign(signed_info), key.certificate), signed_info=signed_info)
