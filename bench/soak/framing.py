"""How far an HTTP/1.1 request has come, from its bytes as they pass. No chunked bodies: the axis's protocol has none."""

from dataclasses import dataclass, field

_MOST_HEAD = 64 * 1024
_MOST_ANSWER = 1024


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what is known of its answer. Times are of `time.time()`, 0 for not yet; sizes of bodies in bytes.

    `hash_file`: what a send says its packet's hash is; empty for all else.
    """

    agency: str
    operation: str
    hash_file: str
    length: int
    began: float
    seen: int = 0
    completed: float = 0.0
    ended: float = 0.0
    answer: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def complete(self) -> bool:
        """Whether all of its body went on to the axis."""
        return self.seen >= self.length

    @property
    def in_flight(self) -> bool:
        """Whether the axis may still be at work on it."""
        return not self.ended


class RequestReader:
    """Told of every piece that a client writes; makes an Exchange of each request."""

    def __init__(self, agency: str) -> None:
        self._agency = agency
        self._head = bytearray()
        self.now: Exchange | None = None

    def feed(self, piece: bytes, at: float) -> tuple[Exchange | None, int]:
        """The exchange to which the beginning of a piece belongs, and how many bytes of it; the rest is fed anew.

        No exchange while its head is not whole.
        """
        if self.now is None or self.now.complete:
            return self._begin(piece, at)
        taken = min(len(piece), self.now.length - self.now.seen)
        self._count(self.now, taken, at)
        return self.now, taken

    def _begin(self, piece: bytes, at: float) -> tuple[Exchange | None, int]:
        before = len(self._head)
        self._head += piece
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > _MOST_HEAD:
                raise ValueError("a request's head has no end")
            return None, len(piece)
        first, *lines = bytes(self._head[:end]).decode("latin-1").split("\r\n")
        self._head.clear()
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        operation = first.split(" ")[1].rpartition("/")[2].partition("?")[0]
        length = int(headers.get("content-length", "0"))
        hash_file = headers.get("xroadvnpt-hash-file", "")
        self.now = Exchange(agency=self._agency, operation=operation, hash_file=hash_file, length=length, began=at)
        self._count(self.now, 0, at)
        return self.now, end + 4 - before

    def _count(self, exchange: Exchange, taken: int, at: float) -> None:
        exchange.seen += taken
        if exchange.complete and not exchange.completed:
            exchange.completed = at


def keep_answer(exchange: Exchange, piece: bytes) -> None:
    """The beginning of the answer is kept: status and, of a short one, all of it."""
    if len(exchange.answer) < _MOST_ANSWER:
        exchange.answer += piece[: _MOST_ANSWER - len(exchange.answer)]
