"""What is sent: documents drawn from a seed. Sizes, urgencies and recipients as an agency's days have them."""

import hashlib
import random
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate

from bench.soak.cast import AGENCIES, Cast, Json, agency_of
from bench.soak.ledger import Posting, SentFile
from bench.soak.options import Options

KB, MB = 1024, 1024 * 1024
_PRIORITIES = ((0, 0.70), (1, 0.15), (2, 0.09), (3, 0.04), (4, 0.02))
_SIZES = ((1 * KB, 30 * KB, 0.45), (30 * KB, 300 * KB, 0.40), (300 * KB, 1 * MB, 0.10))
"""From, to, how often; what is left over are the large ones."""
_LARGE = ((1 * MB, 5 * MB, 0.045), (5 * MB, 20 * MB, 0.005))
_TO_A_SIBLING = 0.05
_TO_BOTH = 0.35
_SECOND_FILE = 0.3
_SAME_FILE = 0.2
"""How often the second file is one that other documents carry too."""
_ABOUT_ANOTHER = 0.06
NEW, RECALL, UPDATE = "0", "1", "2"
DAY, NOTATION = "2026-01-15", "UBND-KT"


class Corpus:
    """The documents of one run, in the order in which they are handed over."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._chance = random.Random(f"{options.seed} documents")

    def postings(self) -> Iterator[Posting]:
        """All of them. Who takes one that is about another waits until that one has come to its end."""
        plain: list[Posting] = []
        for number in range(1, self._options.documents + 1):
            earlier = self._chance.choice(plain) if plain and self._chance.random() < _ABOUT_ANOTHER else None
            if earlier is not None:
                plain.remove(earlier)
                yield self._about(number, earlier)
                continue
            posting = self._plain(number)
            plain.append(posting)
            yield posting

    def _plain(self, number: int) -> Posting:
        cast = self._chance.choice(AGENCIES)
        sender = self._chance.choice(cast.codes)
        return Posting(
            number=number,
            sender=sender,
            recipients=self._recipients(cast, sender),
            priority=self._drawn(_PRIORITIES),
            business=NEW,
            of=None,
            subject=self._subject(number, "V/v thử bền"),
        )

    def _about(self, number: int, earlier: Posting) -> Posting:
        business = self._chance.choice((RECALL, UPDATE))
        return Posting(
            number=number,
            sender=earlier.sender,
            recipients=earlier.recipients,
            priority=earlier.priority,
            business=business,
            of=earlier,
            subject=self._subject(number, "Thu hồi" if business == RECALL else "Cập nhật"),
        )

    def _recipients(self, cast: Cast, sender: str) -> tuple[str, ...]:
        (other,) = (one for one in AGENCIES if one is not cast)
        chosen = other.codes if self._chance.random() < _TO_BOTH else (self._chance.choice(other.codes),)
        if self._chance.random() < _TO_A_SIBLING:
            chosen = (*chosen, *(code for code in cast.codes if code != sender))
        return chosen

    def _subject(self, number: int, words: str) -> str:
        return f"{words} {self._options.seed}-{number:06d} & <kiểm tra>"

    def _drawn(self, table: tuple[tuple[int, float], ...]) -> int:
        bounds = list(accumulate(weight for _, weight in table))
        return table[min(bisect(bounds, self._chance.random() * bounds[-1]), len(table) - 1)][0]

    def contents(self, posting: Posting) -> list[bytes]:
        """Its files' bytes, the same each time they are asked for."""
        chance = random.Random(f"{self._options.seed} files {posting.number}")
        files = [_pdf(chance, self._size(chance))]
        if chance.random() < _SECOND_FILE:
            same = chance.random() < _SAME_FILE
            files.append(_pdf(random.Random(f"{self._options.seed} shared") if same else chance, 4000))
        return files

    def _size(self, chance: random.Random) -> int:
        large = [(low, high, weight * self._options.large) for low, high, weight in _LARGE]
        table = [*_SIZES, *large]
        bounds = list(accumulate(weight for _, _, weight in table))
        low, high, _ = table[min(bisect(bounds, chance.random() * bounds[-1]), len(table) - 1)]
        return min(int(chance.uniform(low, high)), self._options.largest)


def files_of(posting: Posting, contents: list[bytes]) -> tuple[SentFile, ...]:
    """What the ledger keeps of its files."""
    return tuple(
        SentFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in zip(_names(posting, len(contents)), contents, strict=True)
    )


def document_of(posting: Posting) -> Json:
    """The document as its document system writes it."""
    about = posting.of
    number = (about or posting).number
    header: Json = {
        "from": {"organ_id": posting.sender},
        "to": [{"organ_id": code} for code in posting.recipients],
        "code": {"code_number": str(number), "code_notation": NOTATION},
        "promulgation_info": {"place": "Giả Định", "promulgation_date": DAY},
        "document_type": {"type": 2, "type_name": "Công văn"},
        "subject": posting.subject,
        "content": posting.subject,
        "signer_info": {"position": "PHÓ CHỦ TỊCH", "full_name": "Nguyễn Văn Mẫu"},
        "other_info": {"priority": posting.priority},
    }
    document: Json = {
        "message_header": header,
        "attachments": [
            {"attachment_name": one.name, "description": "Tệp", "size": one.size, "sha256": one.sha256}
            for one in posting.files
        ],
    }
    if about is None:
        return document
    header["response_for"] = [
        {
            "organ_id": about.sender,
            "code": f"{number}/{NOTATION}",
            "document_id": about.document_id,
            "promulgation_date": DAY,
        }
    ]
    document["trace_header_list"] = {"bussiness": _bussiness(posting, about)}
    return document


def steps_of(posting: Posting, unit: str, seed: int) -> list[str]:
    """What a recipient's document system will report, in order; 01 goes out by itself."""
    chance = random.Random(f"{seed} steps {posting.number} {unit}")
    if posting.business != NEW:
        return [chance.choice(("15", "16"))]
    if chance.random() < 0.1:
        return ["02"]
    return ["03", "04", "05", "06"]


def is_own(posting: Posting, unit: str) -> bool:
    """Whether a recipient belongs to the sender's agency."""
    return agency_of(posting.sender) is agency_of(unit)


def _bussiness(posting: Posting, about: Posting) -> Json:
    block: Json = {
        "bussiness_doc_type": posting.business,
        "bussiness_doc_reason": "Ban hành nhầm" if posting.business == RECALL else "Sửa thể thức",
        "document_id": about.document_id,
    }
    if posting.business == UPDATE:
        block["bussiness_document_info"] = [{"document_info": "1", "document_receiver": "0"}]
    return block


def _pdf(chance: random.Random, size: int) -> bytes:
    return b"%PDF-1.4\n" + chance.randbytes(max(size - 9, 1))


def _names(posting: Posting, count: int) -> list[str]:
    return [f"Công văn {posting.number}.pdf", "Phụ lục chung.pdf"][:count]
