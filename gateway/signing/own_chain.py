"""What trust says of the certificates we sign with ourselves: nobody should sign what no partner can trust."""

from datetime import datetime, timedelta

from gateway.signing.keys.reasons import Fault
from gateway.signing.trust import reasons
from gateway.signing.trust.book import TrustBook
from gateway.store import Store

_ASK_EVERY = timedelta(days=1)
_OUT_OF_DATE = frozenset({reasons.ISSUER_EXPIRED, reasons.ISSUER_NOT_YET_VALID})


class OwnChain:
    """Implements the ring's `ChainFault`; where it `asks`, our certificates are asked about like those of partners."""

    def __init__(self, store: Store, book: TrustBook, *, asks: bool = True) -> None:
        self._asks = asks
        self._store = store
        self._book = book
        self._noted: dict[bytes, datetime] = {}

    async def fault(self, leaf: bytes, at: datetime) -> str | None:
        """`revoked`, `chain_expired`, or nothing: a chain that is not known here may well be known to partners."""
        noted = self._noted.get(leaf)
        if self._asks and (noted is None or abs(at - noted) > _ASK_EVERY):
            async with self._store.begin() as tx:
                await self._book.saw(tx, leaf, at)
            self._noted[leaf] = at
        judged = (await self._book.held()).judge(leaf, at)
        if judged.revoked:
            return Fault.REVOKED
        return Fault.CHAIN_EXPIRED if _OUT_OF_DATE & set(judged.reasons) else None
