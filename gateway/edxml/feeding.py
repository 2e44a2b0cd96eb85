"""Feeds packet bytes to lxml's push parser within bounds, and says in findings what the parser refuses.

The bytes are fed in blocks of fixed length counted from the packet's beginning, so that the result never depends on how
they arrived. Never the interpreter's expat: what is installed with Python is often old (quadratic on huge tokens).
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from lxml import etree

from gateway.edxml import refusals
from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.model import NAMESPACE
from gateway.edxml.parsing import LGSP_NAMESPACE, PacketTarget, Refused, TagCutOff

if TYPE_CHECKING:
    from lxml.etree._parser import CustomTargetParser
    from lxml.etree._saxparser import ParserTarget
    from lxml.etree._xmlerror import _LogEntry

BLOCK = 2**16
"""Bytes given to the parser at once."""


class PacketFeeder:
    """One packet through the parser. Never raises for what it is fed; after the first error it takes no more.

    `findings` holds what is wrong with the XML; `target` what was read.
    """

    def __init__(self, target: PacketTarget, limits: Limits) -> None:
        self.target = target
        self.findings: list[Finding] = []
        self.refused = False
        self._limits = limits
        self._parser: CustomTargetParser[None] | None = None
        self._held = bytearray()
        self._fed = 0
        self._silent = 0
        self._heard = 0
        self._eight_bit = True
        self._return_held = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes, in pieces of any length."""
        if self.refused:
            return
        if self._held or len(data) < BLOCK:
            missing = BLOCK - len(self._held)
            self._held += data[:missing]
            if len(self._held) < BLOCK:
                return
            block, data = bytes(self._held), data[missing:]
            self._held.clear()
            self._take(block)
        at = 0
        while len(data) - at >= BLOCK and not self.refused:
            self._take(data[at : at + BLOCK])
            at += BLOCK
        self._held += data[at:]

    def close(self) -> None:
        """The bytes are complete."""
        if self.refused:
            return
        if self._held:
            self._take(bytes(self._held), last=True)
        if not self.refused:
            self._finish()
        self._look_at_namespaces()

    def _take(self, block: bytes, *, last: bool = False) -> None:
        try:
            if self._parser is None:
                self._begin(block)
            self._fed += len(block)
            # of four bytes or less the parser hands nothing on before it is told that this is all
            self._parse(self._unified(block, last) + b" " * (last and self._fed <= _HELD_BACK))
            self._bound(len(block))
        except Refused as refused:
            self.refuse(refused.finding)
        except etree.XMLSyntaxError as problem:
            self.refuse(self._broken(problem))

    def _begin(self, block: bytes) -> None:
        if not block.strip():
            raise Refused(refusals.EMPTY)
        encoding, self._eight_bit, oddity = _encoding(block)
        if oddity is not None:
            self.findings.append(oddity)
        self._parser = etree.XMLParser(
            target=cast("ParserTarget[None]", self.target),
            encoding=encoding,
            huge_tree=False,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
        )

    def _unified(self, block: bytes, last: bool) -> bytes:
        """The block with CR LF as LF, as XML itself reads it: the parser would cut wrapped base64 at each of them."""
        if not self._eight_bit:
            return block
        if self._return_held:
            block = b"\r" + block
        self._return_held = not last and block.endswith(b"\r")
        if self._return_held:
            block = block[:-1]
        if b"\r" not in block:
            return block
        # four times as fast as replacing the pair, and the same unless a CR stands alone
        return block.replace(b"\r\n", b"\n") if _LONE_RETURN.search(block) else block.replace(b"\r", b"")

    def _parse(self, block: bytes) -> None:
        assert self._parser is not None
        self._parser.feed(block)

    def _bound(self, length: int) -> None:
        target, limits = self.target, self._limits
        self._silent = self._silent + length if target.events == self._heard else 0
        self._heard = target.events
        if self._silent >= limits.silent_bytes:
            raise Refused(refusals.token_too_long(limits))
        if target.characters > limits.header_characters:
            raise Refused(refusals.header_too_large(limits))
        if target.events > limits.events + self._fed // 16:
            raise Refused(refusals.too_many_events(limits))

    def _finish(self) -> None:
        if self._parser is None:
            self.refuse(refusals.EMPTY)
            return
        self.target.at_end = True
        try:
            self._parser.close()
        except TagCutOff:
            self.refuse(refusals.truncated_tag(self._fed))
        except Refused as refused:
            self.refuse(refused.finding)
        except etree.XMLSyntaxError as problem:
            self.refuse(self._broken(problem, at_end=True))

    def refuse(self, finding: Finding) -> None:
        """Take no more, for the reason given."""
        self.findings.append(finding)
        self.refused = True
        self._held.clear()

    def _broken(self, problem: etree.XMLSyntaxError, *, at_end: bool = False) -> Finding:
        line, column = problem.position
        match problem.code:
            case etree.ErrorTypes.ERR_DOCUMENT_END:
                return refusals.trailing_content(line, column)
            case etree.ErrorTypes.ERR_UNDECLARED_ENTITY | etree.ErrorTypes.WAR_UNDECLARED_ENTITY:
                return refusals.undefined_entity(line, column)
            case etree.ErrorTypes.ERR_INVALID_ENCODING:
                return refusals.broken_encoding(line)
            case etree.ErrorTypes.ERR_NAME_TOO_LONG:
                return refusals.name_too_long(self._limits)
            case etree.ErrorTypes.ERR_DOCUMENT_EMPTY:
                return refusals.not_xml(line, column)
            case etree.ErrorTypes.ERR_INVALID_CHAR:
                return refusals.not_well_formed(line, column, _detail(problem))
            case etree.ErrorTypes.ERR_TAG_NOT_FINISHED:
                return refusals.truncated(line, column, self._fed)
        if at_end:
            return refusals.truncated(line, column, self._fed)
        if found := _MISMATCH.search(str(problem.msg)):
            return refusals.unmatched_tag(line, found[1], found[2], found[3])
        return refusals.not_well_formed(line, column, _detail(problem))

    def _look_at_namespaces(self) -> None:
        """The parser reads undeclared prefixes as none; the usual two are a warning (packet format 10.4)."""
        target = self.target
        undeclared = {} if self.refused else self._undeclared_prefixes()
        for prefix, line in undeclared.items():
            wording = refusals.undeclared_prefix if prefix in _USUAL_PREFIXES else refusals.unknown_prefix
            self.findings.append(wording(prefix, line))
        if target.root is None:
            return
        if not target.root_namespace and not self.refused and not self._root_prefix_is_undeclared():
            self.findings.append(refusals.no_namespace())
        elif target.root_namespace not in ("", NAMESPACE, LGSP_NAMESPACE):
            self.findings.append(refusals.unknown_namespace(target.root_namespace))
        if target.lgsp:
            self.findings.append(refusals.LGSP)

    def _undeclared_prefixes(self) -> dict[str, int]:
        """Each prefix used without a declaration, or name that is no qualified name, with its first line."""
        found: dict[str, int] = {}
        for entry in self._namespace_errors():
            prefix = _PREFIX.match(entry.message)
            found.setdefault(prefix[1] if prefix else entry.message, entry.line)
        return found

    def _root_prefix_is_undeclared(self) -> bool:
        return any(entry.message == _ROOT_PREFIX for entry in self._namespace_errors())

    def _namespace_errors(self) -> "Iterator[_LogEntry]":
        assert self._parser is not None
        for entry in self._parser.feed_error_log:
            if entry.domain_name == "NAMESPACE" and entry.type >= _FIRST_NAMESPACE_ERROR:
                yield entry


_HELD_BACK = 4
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_FIRST_NAMESPACE_ERROR = 200
_PREFIX = re.compile(r"Namespace prefix (\S+) (?:for \S+ )?on \S+ is not defined")
_ROOT_PREFIX = "Namespace prefix edXML on edXML is not defined"
_MISMATCH = re.compile(r"tag mismatch: (\S+) line (\d+) and ([^\s,]+)")
_USUAL_PREFIXES = frozenset({"edXML", "xlink"})

_DECLARATION = re.compile(r"""<\?xml\s[^>]{0,400}?encoding\s*=\s*["']([^"']{0,100})["']""")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16le"),
    (b"\xfe\xff", "utf-16be"),
)
_UNMARKED = ((b"<\x00", "utf-16le"), (b"\x00<", "utf-16be"))
_FOREIGN = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"<\x00\x00\x00", "UTF-32"),
    (b"\x00\x00\x00<", "UTF-32"),
    (b"\x4c\x6f\xa7\x94", "EBCDIC"),
    (b"+/v", "UTF-7"),
)


def encoding_of(block: bytes) -> str:
    """The encoding in which a packet that begins with this block is read. Raises Refused for any other one."""
    return _encoding(block)[0]


def _encoding(block: bytes) -> tuple[str, bool, Finding | None]:
    """The encoding for the parser, whether it is an 8-bit one, and an oddity; raises Refused for any other one."""
    for mark, name in _FOREIGN:
        if block.startswith(mark):
            raise Refused(refusals.bad_encoding(name))
    marked = next((name for mark, name in _MARKS if block.startswith(mark)), None)
    real = marked or next((name for start, name in _UNMARKED if block.startswith(start)), "utf-8")
    found = _DECLARATION.match(block[:1024].decode(real, "replace").lstrip("\ufeff"))
    declared = found[1].lower() if found else None
    if declared is None or declared in _SAME[real]:
        return real, real == "utf-8", None
    if declared not in _ACCEPTED or marked is None:
        raise Refused(refusals.bad_encoding(declared))
    return real, real == "utf-8", refusals.mislabelled_encoding(declared, real[:6].upper())


_SAME = {
    "utf-8": frozenset({"utf-8", "utf8"}),
    "utf-16le": frozenset({"utf-16", "utf-16le"}),
    "utf-16be": frozenset({"utf-16", "utf-16be"}),
}
_ACCEPTED = frozenset().union(*_SAME.values())


def _detail(problem: etree.XMLSyntaxError) -> str:
    """The parser's sentence without its own line numbers at the end."""
    return re.sub(r"(, line \d+, column \d+)?( \(.*\))?$", "", str(problem.msg or "").replace("\n", " ")).strip()
