"""As much of YAML as the description of a YOLO data set needs: keys with text, lists and tables.

    path: ../cells
    names: [red, "white", plates]      or   - red          or   0: red
                                            - white             1: white
"""

import re

from tfvision.data.files import read_bytes

QUOTED = r"""(?:"[^"]*"|'[^']*')"""
LINE = re.compile(
    rf"(\s*)(?:-\s+(?P<item>.*)|(?P<key>{QUOTED}|[^\s#:][^:]*?)\s*:(?P<rest>\s.*|))$"
)


def read_yaml(file):
    """The keys at the file's left edge: text, list of texts, or {number: text}.

    What has none of the forms above is passed over.
    """
    found, key = {}, None
    for line in _lines(file):
        parts = LINE.match(line)
        if parts is None and isinstance(found.get(key), str) and found[key].startswith("["):
            found[key] += " " + line.strip()  # A list in brackets that goes on.
        elif parts is None:
            continue
        elif parts["item"] is not None:
            _append(found, key, _plain(parts["item"]))
        elif parts[1] and key is not None:
            _put(found, key, _plain(parts["key"]), _plain(parts["rest"]))
        else:
            key = _plain(parts["key"])
            found[key] = parts["rest"].strip()
    return {key: _value(value) for key, value in found.items()}


def _lines(file):
    """The lines without comments and without white space at their ends."""
    text = read_bytes(file).decode("utf-8", "replace")
    return [re.sub(r"(^|\s)#.*$", "", line).rstrip() for line in text.splitlines()]


def _append(found, key, item):
    if found.get(key) == "":
        found[key] = []
    if isinstance(found.get(key), list):
        found[key].append(item)


def _put(found, key, name, value):
    if found.get(key) == "":
        found[key] = {}
    if isinstance(found.get(key), dict):
        found[key][int(name) if name.isdecimal() else name] = value


def _value(value):
    """A text in brackets as a list, one in braces as a table; other texts without quotes."""
    if not isinstance(value, str):
        return value
    if value.startswith("[") and value.endswith("]"):
        return [_plain(item) for item in _items(value)]
    if value.startswith("{") and value.endswith("}"):
        pairs = [item.partition(":") for item in _items(value)]
        return {int(k) if k.strip().isdecimal() else k.strip(): _plain(v) for k, _, v in pairs}
    return _plain(value)


def _items(value):
    """What stands between the commas in brackets; commas in quotes do not count."""
    return [item for item in re.findall(rf"(?:{QUOTED}|[^,])+", value[1:-1]) if item.strip()]


def _plain(text):
    """A text without the white space and the quotes around it."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
