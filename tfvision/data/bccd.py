"""BCCD: red and white blood cells and platelets in 640 x 480 px photographs of blood smears."""

from functools import partial

from tfvision.data import annotations, voc
from tfvision.data.files import choose_split, locate

FOLDER = "bccd"
PUBLISHER = "https://github.com/Shenggan/BCCD_Dataset"
LAYOUT = (
    "BCCD/Annotations/*.xml, BCCD/JPEGImages/*.jpg and BCCD/ImageSets/Main/train.txt and val.txt"
)
LICENCE = "MIT (Shenggan and cosmicad)"
CLASSES = ("RBC", "WBC", "Platelets")
SPLITS = ("train", "validation")
READ = partial(voc.read, classes=CLASSES)


def load(root=None, split="train", *, bad_boxes="skip"):
    """The cells of a split: an ObjectSet; 205 and 87 images.

    Two boxes are points and are left out. Some red cells have no box or two.

    root       folder with BCCD/; default: see files.locate
    bad_boxes  "skip": faults are left out, and a line on stderr says so; "refuse": the first is
               an error
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return annotations.load(READ, root, split, bad_boxes)


def check(root=None):
    """Every fault of the data set, one line each, naming the file and the line."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from annotations.check(READ, root, SPLITS)
