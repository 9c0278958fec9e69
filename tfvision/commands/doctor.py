"""tfvision doctor NAME: every fault of a data set, and what is in it, before hours are spent."""

import ast
import contextlib
import dataclasses
import difflib
import hashlib
import importlib
import inspect
import io
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from tfvision.commands import doctor_objects
from tfvision.commands.errors import UsageError
from tfvision.data.files import DataError, locate
from tfvision.data.objects import ObjectSet

FOLDER = Path(__file__).parents[1] / "data"


@dataclasses.dataclass(frozen=True)
class Flags:
    """Check a data set: every fault with its file, then what each split holds."""

    name: Annotated[str, tyro.conf.Positional]  # The reader, as behind --data.
    root: Path | None = None  # Folder of the data set's files [default: $TFVISION_DATA/<folder>].
    classes: int = 256  # Of `pairs`: class numbers must be smaller.


def main(args):
    """Prints faults, warnings and a summary; returns 0 if there is no fault, else 1."""
    if not args:
        print(f"usage: tfvision doctor NAME [--root DIR]\n\n{overview()}")
        return 2
    flags = tyro.cli(Flags, args=args, prog="tfvision doctor", description=description())
    reader = find(flags.name)
    where = {"publisher": reader.PUBLISHER, "layout": reader.LAYOUT}
    root = locate(flags.root, reader.FOLDER, **where)
    print(f"{flags.name}: {root}")
    faults = list(all_faults(reader, root, classes=flags.classes))
    for fault in faults:
        print(f"fault: {fault}")
    splits, unread = load_splits(reader, root, classes=flags.classes)
    for fault in (fault for fault in unread if fault not in faults):
        print(f"fault: {fault}")
        faults.append(fault)
    for line in [*summary(reader, splits), *warnings(reader, splits)]:
        print(line)
    print(f"{len(faults)} fault{'s' * (len(faults) != 1)}. Licence: {reader.LICENCE}")
    return 1 if faults else 0


def readers():
    """name -> first line of its docstring, of every reader, read without importing."""
    found = {}
    for file in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(file.read_text())
        names = [target.id for node in tree.body if isinstance(node, ast.Assign)
                 for target in node.targets if isinstance(target, ast.Name)]
        if "FOLDER" in names:
            found[file.stem] = ast.get_docstring(tree).splitlines()[0]
    return found


def overview():
    """The readers, one line each."""
    known = readers()
    width = max(map(len, known))
    return "\n".join(f"  {name:{width}}  {text}" for name, text in known.items())


def description():
    return f"{Flags.__doc__}\n\n{overview()}"


def find(name):
    """The reader's module; UsageError, naming the nearest, where there is none."""
    known = readers()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}"
        raise UsageError(f"no data set {name!r}. {hint}")
    return importlib.import_module(f"tfvision.data.{name}")


def all_faults(reader, root, **options):
    """The reader's own check; a fault that ends it is one, too."""
    try:
        yield from reader.check(root, **accepted(reader.check, options))
    except DataError as fault:
        yield str(fault)


def load_splits(reader, root, **options):
    """The splits that can be read, {split: arrays or ObjectSet}, and the faults of the others."""
    splits, faults = {}, []
    options = accepted(reader.load, options | {"download": False})
    for split in reader.SPLITS:
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # The faults are told already.
                splits[split] = reader.load(root, split, **options)
        except DataError as fault:
            faults.append(str(fault))
    return splits, faults


def accepted(function, options):
    """Those of the options that the function takes."""
    return {k: v for k, v in options.items() if k in inspect.signature(function).parameters}


def summary(reader, splits):
    """Per split: how many examples, which arrays, how they are spread over the classes."""
    for split, arrays in splits.items():
        if isinstance(arrays, ObjectSet):
            yield from doctor_objects.summary(split, arrays)
            continue
        yield f"{split}: {len(next(iter(arrays.values())))} examples"
        for name, rows in arrays.items():
            yield f"  {name}: {shape_of(rows)}"
        if "label" in arrays:
            yield f"  classes: {balance(arrays['label'], getattr(reader, 'CLASSES', None))}"


def shape_of(rows):
    """dtype, shape of a row and range of the values, as text."""
    if not isinstance(rows, np.ndarray) or rows.dtype == object:
        sizes = sorted({np.shape(row) for row in rows})
        ends = [str(list(size)) for size in (sizes[:1] + sizes[1:][-1:])]
        return f"{len(rows)} rows of " + " to ".join(ends)
    text = f"{rows.dtype} {list(rows.shape[1:])}"
    if rows.dtype.kind in "iuf" and rows.size:
        text += f", {rows.min()} to {rows.max()}"
    return text


def balance(labels, names):
    """The classes' shares of all labels (of all pixels, for label maps), as text."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        return f"{labels.dtype} labels"
    values, counts = np.unique(labels[labels >= 0], return_counts=True)
    if len(values) > 20:
        return f"{len(values)}, of {counts.min()} to {counts.max()} examples each"
    known = [names[v] if names and v < len(names) else str(v) for v in values]
    unit = "of the pixels" if labels.ndim > 1 else "of the examples"
    shares = ", ".join(
        f"{name} {share:.1%}" for name, share in zip(known, counts / counts.sum(), strict=True)
    )
    return f"{shares} {unit}"


def warnings(reader, splits):
    """What is no fault but seldom meant: constant images, one class, the same image twice."""
    of_objects = {split: found for split, found in splits.items() if isinstance(found, ObjectSet)}
    yield from doctor_objects.warnings(of_objects)
    hashes = doctor_objects.hashes(of_objects)
    for split, arrays in splits.items():
        if split in of_objects:
            continue
        images, labels = arrays.get("image"), arrays.get("label")
        if images is not None:
            flat = [row for row, image in enumerate(images) if np.ptp(image) == 0]
            if flat:
                count = f"{len(flat)} images of one colour"
                yield f"warning: {split}: {count}, the first is row {flat[0]}"
            hashes[split] = {fingerprint(image) for image in images}
        if labels is not None and np.ndim(labels) and np.asarray(labels).dtype.kind in "iu":
            if len(np.unique(labels)) == 1:
                yield f"warning: {split}: all labels are {np.ravel(labels)[0]}"
    yield from shared_images(hashes, getattr(reader, "PARTS", {}))


def fingerprint(image):
    """A hash of an image's pixels and shape."""
    content = np.ascontiguousarray(image)
    return hashlib.blake2b(content, digest_size=12, key=repr(content.shape).encode()).digest()


def shared_images(hashes, parts):
    """Pairs of splits that share images though neither contains the other."""
    names = list(hashes)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            shared = len(hashes[one] & hashes[other])
            if shared and parts.get(one) != other and parts.get(other) != one:
                yield f"warning: {one} and {other} share {shared} images"
