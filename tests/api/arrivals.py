"""Documents that have come in, without an axis."""

from api_bodies import document
from api_parts import Api

from gateway.api.schemas import DocumentIn
from gateway.documents.announcing import Announcement, Happening
from gateway.documents.model import Direction, Document, DocumentState
from gateway.documents.repository import add_document
from gateway.store import new_id


async def arrive(api: Api, unit_code: str, *, number: str = "77", priority: int = 0) -> Document:
    """A document for one of our units, committed and announced as the way in does."""
    packet = DocumentIn.model_validate(document()).packet
    header = packet.message_header
    now = api.clock()
    came = Document(
        id=new_id(now),
        direction=Direction.IN,
        unit_code=unit_code,
        sender_code="G22",
        document_id=f"G22,2026/11/20,{number}/VPCP-TTĐT",
        business_type="0",
        number=number,
        notation="VPCP-TTĐT",
        promulgation_date=header.promulgation_info.promulgation_date,
        subject=header.subject,
        priority=priority,
        packet=packet.model_copy(
            update={
                "message_header": header.model_copy(
                    update={
                        "from_": header.from_.model_copy(update={"organ_id": "G22"}),
                        "to": (header.to[0].model_copy(update={"organ_id": unit_code}),),
                        "document_id": f"G22,2026/11/20,{number}/VPCP-TTĐT",
                    }
                )
            }
        ),
        state=DocumentState.WAITING,
        meaning=f"{number:0>64}",
        twin_of=None,
        muted=False,
        findings="",
        created_at=now,
        changed_at=now,
    )
    async with api.store.begin() as tx:
        await add_document(tx, came, [], live_key=None)
        await api.feed.announce(tx, Announcement(kind=Happening.ARRIVED, at=now, unit_code=unit_code, document=came.id))
    return came
