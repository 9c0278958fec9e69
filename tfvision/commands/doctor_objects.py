"""What `tfvision doctor` says of detection data: sizes, classes, and what is seldom meant."""

import hashlib
from collections import Counter

import numpy as np

from tfvision.data.files import read_bytes


def summary(split, objects):
    """How many images, objects, masks and classes a split has, a line each."""
    counts = [len(record.boxes) for record in objects]
    yield f"{split}: {len(objects)} images, {sum(counts)} objects"
    heights, widths = zip(*(record.size for record in objects), strict=True)
    yield f"  size: {min(widths)} to {max(widths)} px wide, {min(heights)} to {max(heights)} high"
    yield f"  objects: {min(counts)} to {max(counts)} in an image; {counts.count(0)} have none"
    flags = [(name, sum(int(getattr(record, name).sum()) for record in objects))
             for name in ("crowd", "difficult")]
    masks = sum(mask is not None for record in objects for mask in record.masks or ())
    more = [f"{count} {name}" for name, count in [*flags, ("with a mask", masks)] if count]
    if more:
        yield f"  of them {', '.join(more)}"
    yield f"  classes: {balance(objects)}"
    sides = np.concatenate([np.sqrt(record.areas) for record in objects])
    if len(sides):
        low, middle, high = np.percentile(sides, [5, 50, 95])
        yield f"  side (root of the area): {low:.0f}, {middle:.0f}, {high:.0f} px (5, 50, 95%)"


def balance(objects):
    """How many objects the classes have, of the twelve most frequent ones."""
    counts = Counter(int(label) for record in objects for label in record.classes)
    told = [f"{objects.classes[label]} {count}" for label, count in counts.most_common(12)]
    rest = len(counts) - len(told)
    more = f", and {rest} more" if rest else ""
    return f"{', '.join(told) or 'no object'}{more} (of {len(objects.classes)} classes)"


def warnings(splits):
    """Images of one split that are the same file, classes without an object.

    splits   {split: ObjectSet}
    """
    for split, objects in splits.items():
        seen = {}
        for record in objects:
            before = seen.setdefault(fingerprint(record), record)
            if before is not record:
                yield f"warning: {split}: {record.image} is the same image as {before.image}"
        there = {int(label) for record in objects for label in record.classes}
        absent = [name for i, name in enumerate(objects.classes) if i not in there]
        if absent:
            more = ", ..." if len(absent) > 5 else ""
            count = f"{len(absent)} of {len(objects.classes)} classes have no object"
            yield f"warning: {split}: {count}: {', '.join(absent[:5])}{more}"


def hashes(splits):
    """{split: set of fingerprints of its images}."""
    return {split: {fingerprint(record) for record in objects}
            for split, objects in splits.items()}


def fingerprint(record):
    """A hash of an image's file, or of its pixels."""
    image = record.image
    data = image.tobytes() if isinstance(image, np.ndarray) else read_bytes(image)
    return hashlib.blake2b(data, digest_size=12).digest()
