"""XML that knows on which line each of its elements stands."""

import dataclasses
from xml.parsers import expat

from tfvision.data.files import DataError, read_bytes


@dataclasses.dataclass(eq=False)
class Element:
    """One element: its name, its text without white space around it, its line and children."""

    name: str
    line: int
    text: str = ""
    children: list = dataclasses.field(default_factory=list)

    def all(self, name):
        """The children of this name."""
        return [child for child in self.children if child.name == name]

    def child(self, name):
        """The first child of this name, or None."""
        return next(iter(self.all(name)), None)


def read_xml(file):
    """The root element of an XML file; DataError, naming file and line, where it is none."""
    parser = expat.ParserCreate()
    top = Element("", 0)
    stack = [top]

    def start(name, _):
        element = Element(name, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_):
        stack[-1].text = stack[-1].text.strip()
        stack.pop()

    def text(data):
        stack[-1].text += data

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.buffer_text = True
    try:
        parser.Parse(read_bytes(file), True)
    except expat.ExpatError as error:
        raise DataError(f"{file}: line {error.lineno}: no XML ({error})") from None
    return top.children[0]
