"""ModelNet10 and ModelNet40: CAD models of objects, upright (Wu et al., CVPR 2015).

The published files are OFF; in some the counts stand in the line of the word OFF, which is read.
"""

from tfvision.data import shapes
from tfvision.data.files import choose_split, locate

FOLDER = "ModelNet40"
PUBLISHER = "https://modelnet.cs.princeton.edu"
LAYOUT = "airplane/train/airplane_0001.off, airplane/test/airplane_0627.off, ..., as unpacked"
LICENCE = "for academic research; the models' copyright is their authors'"
SPLITS, PARTS = shapes.SPLITS, shapes.PARTS


def load(root=None, split="train", *, count=4096):
    """Points of the models of a split, as shapes.load; `--root` may name ModelNet10's folder."""
    choose_split(split, SPLITS)
    return shapes.read(_home(root), split, count)


def names(root=None):
    """The classes, by name."""
    return shapes.names(_home(root))


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    return shapes.check(_home(root))


def _home(root):
    return locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
