"""The document as a client writes it: the same names as `gateway packet read` prints, so what is read can be posted."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from gateway.api import problem
from gateway.edxml.model import DocumentPacket, MessageHeader, TraceHeaderList
from gateway.problems import Kind, Problem, Text, first_of

# What XML 1.0 cannot hold, and half of a surrogate pair, which UTF-8 cannot.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AttachmentIn(_Sent):
    """One file. Its name is this one; names in part headers are ignored. `size` and `sha256` are checked if given."""

    attachment_name: str = Field(min_length=1, max_length=1000, examples=["Kế hoạch.pdf"])
    description: str | None = Field(None, max_length=1000)
    content_type: str | None = Field(None, max_length=200, description="Kept as said; what is sent follows the name.")
    content_id: str | None = Field(None, max_length=200, description="Ignored: ids are given when the packet is built.")
    size: int | None = Field(None, ge=0, description="Bytes of the file; refused if it differs.")
    sha256: Hex | None = Field(None, description="SHA-256 of the file, lower-case hex; refused if it differs.")
    content: str | None = Field(
        None, description="The file in base64 (RFC 4648 4, one line): only where the whole body is application/json."
    )


class DocumentIn(_Sent):
    """A document to send. `message_header.document_id` is composed from code, date and number when it is absent."""

    kind: Literal["document"] = Field("document", description="As packet read prints it.")
    message_header: MessageHeader
    trace_header_list: TraceHeaderList = Field(default_factory=TraceHeaderList)
    attachments: tuple[AttachmentIn, ...] = ()
    secrecy: str | None = Field(
        None, max_length=100, description="Degree of secrecy. Any degree is refused; null or 'không' means none."
    )
    findings: JsonValue = Field(None, description="Ignored; packet read prints it.")

    @property
    def packet(self) -> DocumentPacket:
        """The header alone."""
        return DocumentPacket(message_header=self.message_header, trace_header_list=self.trace_header_list)


def read_document(text: bytes, *, most_attachments: int) -> DocumentIn:
    """The document in a JSON text. Raises Problem with one cause for each wrong field."""
    try:
        document = DocumentIn.model_validate_json(text)
    except ValidationError as error:
        raise problem.of_validation(error.errors(include_url=False, include_input=False)) from None
    if len(document.attachments) > most_attachments:
        raise too_many_files(most_attachments)
    unfit = [_unfit(pointer) for pointer in _unfit_places(document.model_dump(mode="json", exclude={"findings"}), "")]
    if found := first_of(unfit):
        raise found
    return document


def too_many_files(most: int) -> Problem:
    """More files than one document may have."""
    return Problem(
        "attachments.too_many",
        Kind.TOO_LARGE,
        Text(f"Một văn bản có tối đa {most} tệp đính kèm.", f"A document has at most {most} files."),
        Text("Gộp tệp hoặc tách thành nhiều văn bản.", "Join files, or send several documents."),
        field="/attachments",
    )


def _unfit_places(value: JsonValue, at: str) -> Iterator[str]:
    if isinstance(value, str):
        if _UNFIT.search(value):
            yield at
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _unfit_places(inner, at + problem.pointer([name]))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unfit_places(inner, f"{at}/{index}")


def _unfit(pointer: str) -> Problem:
    return Problem(
        "field.unfit_character",
        Kind.INVALID,
        Text(
            "Có ký tự điều khiển không thể ghi vào gói tin.", "It holds a control character that no packet can carry."
        ),
        Text("Xóa ký tự đó rồi gửi lại.", "Remove the character and send again."),
        field=pointer,
    )
