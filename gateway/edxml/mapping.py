"""From the small tree of a header to its model: every habit read, every oddity told, every unknown element kept."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from gateway.edxml.fields import FIELDS
from gateway.edxml.finding_list import FindingList
from gateway.edxml.limits import Limits
from gateway.edxml.model import Wire
from gateway.edxml.parsing import Node
from gateway.edxml.refusals import stray_text, unknown_element, value_too_large
from gateway.edxml.shapes import Form, Group, Leaf, Shape, Texts
from gateway.edxml.values import read_day, read_integer, read_moment
from gateway.edxml.wording import missing, odd, repeated, too_long

M = TypeVar("M", bound=Wire)


@dataclass(frozen=True, slots=True)
class UnknownElement:
    """An element that the packet format does not know at its place, with the beginning of its own text."""

    path: str
    text: str


class Mapper:
    """Turns nodes into models and collects what it meets in `findings`, `unknown` and `repeated`.

    `repeated` holds the paths of elements that may stand once and say something more than once: of them the first was
    read, and other software may have read another.

    When the XML is not `whole`, unknown elements make no findings: they stand there because of what is broken.
    """

    def __init__(self, findings: FindingList, limits: Limits, *, whole: bool = True) -> None:
        self.findings = findings
        self.unknown: list[UnknownElement] = []
        self.repeated: set[str] = set()
        self._limits = limits
        self._named: set[str] = set()
        self._most_paths = _MOST_PATHS if whole else 0

    def read(self, node: Node, shape: Shape[M], path: str, pointer: str) -> M:
        """The model of one group. `path` is its wire path, `pointer` its JSON pointer in the model."""
        values: dict[str, object] = {}
        named: dict[str, list[Node]] = {}
        for child in node.children:
            named.setdefault(child.name, []).append(child)
        if node.pieces and node.text:
            self.findings.add(stray_text(path))
        for name, nodes in named.items():
            part = shape.children.get(name)
            here = f"{path}.{name}"
            if part is None:
                for child in nodes:
                    self.keep_unknown(child, here)
                continue
            at = f"{pointer}/{part.attr.rstrip('_')}"
            if isinstance(part, Leaf):
                self._leaf(nodes, part, here, at, values)
            elif isinstance(part, Texts):
                values[part.attr] = self._texts(nodes, part, here, at)
            elif part.many:
                values[part.attr] = self._groups(nodes, part, here, at)
            elif (chosen := self._chosen(nodes, here, at)) is not None:
                values[part.attr] = self.read(chosen, part.shape, here, at)
        return shape.model.model_validate(values)

    def keep_unknown(self, node: Node, path: str) -> None:
        """Keep an element and all below it for audit, and say so once for each path."""
        if path not in self._named and len(self._named) < self._most_paths:
            self._named.add(path)
            self.findings.add(unknown_element(path))
        waiting = [(node, path)]
        while waiting and len(self.unknown) < self._limits.unknown_elements:
            node, path = waiting.pop()
            self.unknown.append(UnknownElement(path[:_LONGEST_PATH], node.text[: self._limits.unknown_characters]))
            waiting += [(child, f"{path}.{child.name}") for child in reversed(node.children)]

    def keep_repeated(self, path: str, times: int, *, at: str = "", pointer: str | None = None) -> None:
        """Remember and tell that an element which may stand once stands several times."""
        if len(self.repeated) < _MOST_REPEATED:
            self.repeated.add(path)
        self.findings.add(repeated(path, times, at=at, pointer=pointer))

    def _leaf(self, nodes: list[Node], leaf: Leaf, path: str, pointer: str, values: dict[str, object]) -> None:
        chosen = self._chosen(nodes, path, pointer)
        if chosen is None:
            return
        text = self._text(chosen, leaf.form, path, pointer)
        if text is None:
            if leaf.form is Form.COUNT:
                self.findings.add(missing(path, pointer=pointer))
            return
        values[leaf.attr] = self._value(text, leaf.form, path, pointer)
        if leaf.form in _DATED:
            values[f"{leaf.attr}_text"] = text

    def _texts(self, nodes: list[Node], part: Texts, path: str, pointer: str) -> tuple[str, ...]:
        item_path = f"{path}.{part.item}"
        found = [self._text(item, part.form, item_path, pointer) for item in self._items(nodes, part.item, path)]
        return tuple(text for text in found if text is not None)

    def _groups(self, nodes: list[Node], group: Group, path: str, pointer: str) -> tuple[Wire, ...]:
        if group.item is not None:
            nodes, path = self._items(nodes, group.item, path), f"{path}.{group.item}"
        filled = [node for node in nodes if _is_filled(node)]
        return tuple(
            self.read(node, group.shape, path, f"{pointer}/{position}") for position, node in enumerate(filled)
        )

    def _items(self, wrappers: list[Node], item: str, path: str) -> list[Node]:
        items: list[Node] = []
        for wrapper in wrappers:
            if wrapper.pieces and wrapper.text:
                self.findings.add(stray_text(path))
            for child in wrapper.children:
                if child.name == item:
                    items.append(child)
                else:
                    self.keep_unknown(child, f"{path}.{child.name}")
        return items

    def _chosen(self, nodes: list[Node], path: str, pointer: str) -> Node | None:
        """The first that says anything, for an element that may stand once."""
        if len(nodes) == 1:
            return nodes[0]
        filled = [node for node in nodes if _is_filled(node)]
        if len(filled) > 1:
            self.keep_repeated(path, len(filled), pointer=pointer)
        return filled[0] if filled else None

    def _text(self, node: Node, form: Form, path: str, pointer: str) -> str | None:
        for child in node.children:
            self.keep_unknown(child, f"{path}.{child.name}")
        text = node.text
        if len(text) > self._limits.text_characters:
            self.findings.add(value_too_large(path, self._limits))
            return None
        if not text:
            return None
        if form in _CODES and text.lower() == "null":
            self.findings.add(odd("M", path, "không phải là giá trị", "is no value", value=text, pointer=pointer))
            return None
        field = FIELDS.get(path)
        if field is not None and len(text) > field.length and form in _MEASURED:
            self.findings.add(too_long(path, len(text), field.length, pointer=pointer))
        return text

    def _value(self, text: str, form: Form, path: str, pointer: str) -> object:
        match form:
            case Form.INTEGER | Form.COUNT:
                return self._integer(text, form, path, pointer)
            case Form.DAY:
                return self._day(text, path, pointer)
            case Form.MOMENT:
                return self._moment(text, path, pointer)
        return text

    def _integer(self, text: str, form: Form, path: str, pointer: str) -> int | None:
        number = read_integer(text)
        if number is None:
            self._wrong(path, text, pointer, "không phải là số nguyên", "is no whole number")
        elif form is Form.COUNT and number < 0:
            self.findings.add(odd("R", path, "không được âm", "may not be negative", value=text, pointer=pointer))
            return None
        return number

    def _day(self, text: str, path: str, pointer: str) -> date | None:
        day = read_day(text)
        if day is None:
            self._wrong(path, text, pointer, "không phải là ngày có thật", "is no real date")
            return None
        if not day.usual:
            vi, en = (
                "không viết theo dạng yyyy/MM/dd; vẫn đọc được",
                "is not written yyyy/MM/dd; it was read all the same",
            )
            self.findings.add(odd("M", path, vi, en, value=text, pointer=pointer))
        return day.value

    def _moment(self, text: str, path: str, pointer: str) -> datetime | None:
        moment = read_moment(text)
        if moment is None:
            self._wrong(path, text, pointer, "không phải là thời điểm có thật", "is no real time")
            return None
        if not moment.usual:
            vi = "không viết theo dạng yyyy/MM/dd HH:mm:ss; vẫn đọc được"
            en = "is not written yyyy/MM/dd HH:mm:ss; it was read all the same"
            self.findings.add(odd("M", path, vi, en, value=text, pointer=pointer))
        return moment.value

    def _wrong(self, path: str, text: str, pointer: str, vi: str, en: str) -> None:
        self.findings.add(odd("T", path, vi, en, value=text, pointer=pointer))


_MOST_PATHS = 50
_MOST_REPEATED = 200
_LONGEST_PATH = 500
_DATED = (Form.DAY, Form.MOMENT)
_CODES = (Form.ORGAN_ID, Form.CODED)
_MEASURED = (Form.TEXT, Form.ORGAN_ID)


def _is_filled(node: Node) -> bool:
    """Whether the element or anything below it says something."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.pieces and node.text:
            return True
        waiting += node.children
    return False
