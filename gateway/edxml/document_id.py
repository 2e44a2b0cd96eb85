"""A DocumentId as the field makes them; it is opaque once made (packet format 6.4)."""

from gateway.edxml.model import MessageHeader


def composed_document_id(header: MessageHeader) -> str | None:
    """`{OrganId},{yyyy/MM/dd},{number}/{notation}`; None while one of them is missing."""
    day = header.promulgation_info.promulgation_date
    number, notation = header.code.code_number, header.code.code_notation
    if not (header.from_.organ_id and day and number and notation):
        return None
    return f"{header.from_.organ_id},{day:%Y/%m/%d},{number}/{notation}"
