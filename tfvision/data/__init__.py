"""One data set per file, read into arrays; `stream` makes the endless batches of a training.

A reader is a module tfvision/data/<name>.py, where <name> is what the user types behind --data and
`tfvision doctor`. There is nothing to inherit and nothing to register. It defines

    FOLDER     the name of its folder under $TFVISION_DATA, else under ~/.tfvision
    PUBLISHER  the address where a person gets the files
    LAYOUT     which files lie where in the folder, in one line, as the publisher packs them
    LICENCE    what the publisher allows, in one line
    CLASSES    names of the classes, in the order of their numbers (only where there are classes)
    SPLITS     the names of the parts: a tuple, or a dict with the names as keys
    PARTS      {split: the split that contains it}, where splits overlap on purpose (optional)

    load(root=None, split=<one of SPLITS>, ...) -> dict of arrays [n, ...], row i = example i;
        of detection data, with any number of objects in an image: an ObjectSet (objects.py)
    check(root=None) -> iterator of faults, each one line that names the file

`load` raises ValueError for an unknown split and DataError (files.py), naming the file, for what is
missing or damaged; `check` yields the same faults instead, all of them, and changes nothing. Both
take `root`, the folder with the files; None means the default (files.locate). A `load` that can
fetch missing files takes `download=True` (download.py). Images are uint8 [n, h, w, c], grey or
RGB, with the polarity of the publisher's files; class numbers are int32 and start at 0.

The embedded sets, synthetic/<name>.py, define SPLITS, (CLASSES) and
load(split=<one of SPLITS>, *, seed=0, ...) -> the same, a function of its arguments.
"""
