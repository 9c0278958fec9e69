"""Objects in Pascal VOC's XML, one file per image (Everingham et al., 2010): yours, too.

ImageSets/Main/train.txt and val.txt name the images of the splits. Without them every fifth XML
file by name is for validation. The classes are those in classes.txt, where there is such a file;
else VOC's 20, where all names are among them; else all names that occur, by alphabet.
"""

from pathlib import Path

from tfvision.data import annotations
from tfvision.data.annotations import Annotation, every_fifth, images_by_name
from tfvision.data.files import DataError, locate, read_bytes
from tfvision.data.objects import ObjectSet
from tfvision.data.xml_lines import read_xml

FOLDER = "voc"
PUBLISHER = "http://host.robots.ox.ac.uk/pascal/VOC/"
LAYOUT = (
    "Annotations/NAME.xml and JPEGImages/NAME.jpg (or .png, ...), ImageSets/Main/train.txt and "
    "val.txt (optional); also in VOCdevkit/VOC2007/, or all XML files beside their images"
)
LICENCE = "images belong to their owners on Flickr; yours where the images are"
SPLITS = ("train", "validation")
VOC20 = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)


def load(root=None, split="train", *, bad_boxes="skip"):
    """The objects of a split: an ObjectSet without masks.

    VOC counts pixels from 1 and includes the last: xmin = xmax = 1 would be the first pixel. Here
    that box is (0, 0, 1, 1); yet xmax <= xmin is a fault, for drawn boxes are never that small.

    root       folder with Annotations/; default: see files.locate
    split      "train", "validation" (val.txt), or any other with a file ImageSets/Main/<split>.txt
    bad_boxes  "skip": faults are left out, and a line on stderr says so; "refuse": the first is
               an error
    raises     DataError that names the file
    """
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return annotations.load(read, root, split, bad_boxes)


def check(root=None):
    """Every fault of the data set, one line each, naming the file and the line."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from annotations.check(read, root, SPLITS)


def read(root, split, tell, *, classes=None):
    """The ObjectSet of a split; `tell` takes the faults, `classes` are names that must be all."""
    listed = _choose(Path(root), split)
    home, folder = _home(Path(root))
    names = _listed(listed) if listed else [
        (file.stem, str(home)) for file in every_fifth(sorted(folder.glob("*.xml")), split)
    ]
    images = images_by_name([home / "JPEGImages", home / "images", folder])
    classes = classes or _classes(home, folder)
    labels, records, seen = {name: i for i, name in enumerate(classes)}, [], set()
    for name, place in names:
        if name in seen:
            tell(f"{place}: {name} is there twice")
            continue
        seen.add(name)
        one = _record(folder / f"{name}.xml", place, images, labels, tell)
        records += [one] if one else []
    return ObjectSet(classes, records)


def _choose(root, split):
    """The file that lists the split's images, or None; ValueError for a split that is none."""
    word = {"validation": "val"}.get(split, split)
    pattern = f"ImageSets/Main/{word}.txt"
    files = [file for top in _tops(root) for file in [top / pattern] if file.is_file()]
    if not files and split not in SPLITS:
        raise ValueError(f"Expected split in {SPLITS}, or one with a file {pattern}. "
                         f"Received: split={split!r}")
    return files[0] if files else None


def _tops(root):
    """The folders in which Annotations/ may lie."""
    return [root, *sorted(root.glob("VOCdevkit/*/")), *sorted(root.glob("*/"))]


def _home(root):
    """(folder of the images' folder, folder of the XML files); DataError where there is no XML."""
    homes = [top for top in _tops(root) if (top / "Annotations").is_dir()]
    if len(homes) > 1:
        raise DataError(f"{root}: Annotations/ is in {homes[0].name} and in {homes[1].name}; "
                        "name one of them by --root")
    home = homes[0] if homes else root
    folder = home / "Annotations" if homes else root
    if next(folder.glob("*.xml"), None) is None:
        raise DataError(f"{folder}: no XML files. Expected: {LAYOUT}")
    return home, folder


def _listed(file):
    """(name, "file: line") of each line of a list."""
    lines = enumerate(read_bytes(file).decode("utf-8", "replace").splitlines(), 1)
    return [(line.split()[0], f"{file}: line {i}") for i, line in lines if line.strip()]


def _classes(home, folder):
    """The names of the classes, in order."""
    for file in (home / "classes.txt", folder / "classes.txt"):
        if file.is_file():
            lines = read_bytes(file).decode("utf-8", "replace").splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    found = {name for file in folder.glob("*.xml") for name in _names(file)}
    return VOC20 if found <= set(VOC20) else tuple(sorted(found))


def _names(file):
    """The classes in an XML file; none where it cannot be read, which `_record` tells."""
    try:
        objects = read_xml(file).all("object")
    except DataError:
        return []
    return [one.child("name").text for one in objects if one.child("name")]


def _record(file, place, images, labels, tell):
    """The Record of one XML file, or None where it cannot be used."""
    if not file.is_file():
        tell(f"{place}: {file.stem} has no {file}")
        return None
    try:
        tree = read_xml(file)
    except DataError as fault:
        tell(str(fault))
        return None
    said = tree.child("filename")
    image = images.get(said.text if said else "") or images.get(file.stem)
    if image is None:
        tell(f"{file}: there is no image {said.text if said else file.stem}")
        return None
    found = [_object(file, one, labels, tell) for one in tree.all("object")]
    found = [one for one in found if one]
    return annotations.image_record(file.stem, image, found, tell, size=_size(tree))


def _object(file, one, labels, tell):
    """The Annotation of an <object>; None where it cannot be used."""
    place = f"{file}: line {one.line}"
    name, box = one.child("name"), one.child("bndbox")
    if name is None or name.text not in labels:
        tell(f"{place}: unknown class {name.text if name else None!r}")
        return None
    edges = [box.child(key) if box else None for key in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x1, y1, x2, y2 = (float(edge.text) for edge in edges)
    except (AttributeError, ValueError):
        tell(f"{place}: expected a bndbox with the numbers xmin, ymin, xmax and ymax")
        return None
    if not (x1 < x2 and y1 < y2):
        tell(f"{file}: line {box.line}: box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) has no width or "
             "no height")
        return None
    difficult = one.child("difficult")
    return Annotation(
        f"{file}: line {box.line}", (x1 - 1, y1 - 1, x2, y2), labels[name.text],
        difficult=difficult is not None and difficult.text == "1",
    )


def _size(tree):
    """(h, w) that the file says; None where it does not, or says 0."""
    size = tree.child("size")
    edges = [size.child(key) if size else None for key in ("height", "width")]
    if not all(edge is not None and edge.text.isdecimal() and int(edge.text) for edge in edges):
        return None
    return tuple(int(edge.text) for edge in edges)
