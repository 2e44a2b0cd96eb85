"""Reading and writing know the same elements: the reader's shapes agree with the writer's layout."""

from gateway.edxml.layout import LAYOUT
from gateway.edxml.model import Wire
from gateway.edxml.shapes import MESSAGE_HEADER, STATUS_HEADER, TRACE_HEADER_LIST, Group, Leaf, Shape, Texts


def shapes() -> dict[type[Wire], Shape[Wire]]:
    found: dict[type[Wire], Shape[Wire]] = {}
    waiting: list[Shape[Wire]] = [MESSAGE_HEADER, STATUS_HEADER, TRACE_HEADER_LIST]
    while waiting:
        shape = waiting.pop()
        found[shape.model] = shape
        waiting += [part.shape for part in shape.children.values() if isinstance(part, Group)]
    return found


def test_every_element_that_is_written_is_read_into_the_same_attribute() -> None:
    read = shapes()
    assert read.keys() == LAYOUT.keys()
    for model, parts in LAYOUT.items():
        written = {(part.element, part.attr, part.item) for part in parts}
        known = {
            (name, part.attr, part.item if isinstance(part, Texts | Group) else None)
            for name, part in read[model].children.items()
        }
        assert known == written


def test_every_leaf_is_an_attribute_of_its_model() -> None:
    for model, shape in shapes().items():
        for part in shape.children.values():
            assert isinstance(part, Leaf | Texts | Group)
            assert part.attr in model.model_fields
