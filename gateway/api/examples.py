"""Hand-written parts of the OpenAPI document: bodies that are read raw, with examples that work."""

from typing import Any

_ATTACHMENT = {"attachment_name": "Công văn 12.pdf", "description": "Bản chính"}

DOCUMENT: dict[str, Any] = {
    "message_header": {
        "from": {"organ_id": "H35.04"},
        "to": [{"organ_id": "A16.03"}, {"organ_id": "000.00.00.G22"}],
        "code": {"code_number": "12", "code_notation": "UBND-VP"},
        "promulgation_info": {"place": "Lai Châu", "promulgation_date": "2026-11-20"},
        "document_type": {"type": 2, "type_name": "Công văn"},
        "subject": "Về việc kết nối liên thông",
        "signer_info": {"position": "Chủ tịch", "full_name": "Nguyễn Văn A"},
        "other_info": {"priority": 0, "promulgation_amount": 2, "page_amount": 3},
    },
    "attachments": [_ATTACHMENT],
}

_WITH_CONTENT = {**DOCUMENT, "attachments": [{**_ATTACHMENT, "content": "JVBERi0xLjQK"}]}

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and content give the first answer again; with other content 409. "
    "Gửi lại cùng khóa và cùng nội dung thì nhận lại câu trả lời đầu tiên.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}

ACCEPTED: dict[str, Any] = {
    "description": "Taken over; it will be sent. Đã nhận, văn bản sẽ được gửi đi.",
    "headers": {
        "Location": {"description": "The document's address.", "schema": {"type": "string"}},
        "Idempotent-Replayed": {
            "description": "`true` when this document had been taken over before.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    },
}


def post_document() -> dict[str, Any]:
    """What FastAPI cannot know of POST /v1/documents."""
    return {"parameters": [_IDEMPOTENCY_KEY], "requestBody": _body()}


def check_document() -> dict[str, Any]:
    """What FastAPI cannot know of POST /v1/documents:check."""
    return {"requestBody": _body()}


def _body() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/DocumentIn"}
    return {
        "required": True,
        "description": "Three ways to say the same. Ba cách gửi cùng một nội dung.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["document"],
                    "properties": {
                        "document": schema,
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                },
                "encoding": {"document": {"contentType": "application/json"}},
                "example": {"document": DOCUMENT, "files": ["(bytes)"]},
            },
            "application/json": {"schema": schema, "example": _WITH_CONTENT},
            "application/xml": {"schema": {"type": "string", "description": "A ready-made packet (QCVN 102:2016)."}},
        },
    }
