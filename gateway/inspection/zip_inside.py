"""What a zip archive holds, as far as kinds and macros need it: names, OPC content types, ODF's mimetype. Bounded."""

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, cast

from lxml import etree

from gateway.edxml.limits import KB, MB, Limits
from gateway.edxml.sinks import Source
from gateway.edxml.unzip import ZipListing, ZipRefused, list_zip, unzip_one

if TYPE_CHECKING:
    from lxml.etree._saxparser import ParserTarget

CONTENT_TYPES = "[content_types].xml"
MIMETYPE = "mimetype"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipInside:
    """`names` are entries in lower case with `/`; `content_types` those that `[Content_Types].xml` states, lower case.

    `locked`: an entry is encrypted.
    """

    names: frozenset[str]
    content_types: frozenset[str]
    mimetype: str | None
    locked: bool


class NotLookedInto(Exception):
    """A container is damaged, hostile or larger than what is looked into."""


def look_into_zip(source: Source) -> ZipInside:
    """Raises NotLookedInto."""
    with source.open() as stream:
        try:
            listing = list_zip(stream, source.size, _LIMITS)
            return _inside(stream, listing)
        except ZipRefused as refused:
            raise NotLookedInto(refused.code) from None
        except (LookupError, ValueError):  # an entry without a name, which zipfile stumbles over
            raise NotLookedInto("damaged") from None


_LIMITS = replace(Limits(), unzip_free_bytes=MB)
_TYPES_BYTES = MB
_MIMETYPE_BYTES = KB


def _inside(stream: BinaryIO, listing: ZipListing) -> ZipInside:
    names: set[str] = set()
    types: set[str] = set()
    mimetype: str | None = None
    lists = 0
    for entry in listing.files:
        name = _plain(entry.filename)
        names |= {name, _plain(entry.orig_filename)}
        if name == CONTENT_TYPES and lists < _MOST_LISTS:
            lists += 1
            types |= _types(_bytes_of(stream, listing, entry.header_offset, _TYPES_BYTES))
        elif name == MIMETYPE and mimetype is None:
            mimetype = (
                _bytes_of(stream, listing, entry.header_offset, _MIMETYPE_BYTES).decode("latin-1").strip().lower()
            )
    return ZipInside(
        names=frozenset(names),
        content_types=frozenset(types),
        mimetype=mimetype,
        locked=any(entry.flag_bits & 1 for entry in listing.files),
    )


_MOST_LISTS = 3
"""An honest archive has one list of types; whoever reads it may take the first or the last of several."""


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _bytes_of(stream: BinaryIO, listing: ZipListing, offset: int, most: int) -> bytes:
    entry = next(one for one in listing.files if one.header_offset == offset)
    memory = _Memory()
    unzip_one(stream, entry, _Memories(memory), _LIMITS, most=most)
    return memory.content()


def _types(text: bytes) -> frozenset[str]:
    target = _Types()
    parser = etree.XMLParser(
        target=cast("ParserTarget[None]", target),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        parser.feed(text)
        parser.close()
    except (etree.XMLSyntaxError, ValueError):
        raise NotLookedInto("content types") from None
    return frozenset(target.found)


class _Types:
    """Collects the ContentType attributes; refuses a DOCTYPE, which no Office file has."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def start(self, _: str, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if name == "ContentType":
                self.found.add(value.partition(";")[0].strip().lower()[:200])

    def end(self, _: str) -> None:
        """Nothing is kept of the tree."""

    def data(self, _: str) -> None:
        """Text says nothing here."""

    def doctype(self, *_: object) -> None:
        raise ValueError("an Office file has no document type")

    def close(self) -> None:
        """Nothing is built."""


class _Memories:
    def __init__(self, memory: "_Memory") -> None:
        self._memory = memory

    def create(self) -> "_Memory":
        return self._memory


class _Memory:
    """A small sink; `unzip_one` bounds it."""

    sha256 = ""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def size(self) -> int:
        return len(self._data)

    def write(self, data: bytes, /) -> int:
        self._data += data
        return len(data)

    def reopen(self) -> BinaryIO:
        return io.BytesIO(self.content())

    def discard(self) -> None:
        self._data.clear()

    def content(self) -> bytes:
        return bytes(self._data)
