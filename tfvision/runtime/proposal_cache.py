"""Proposals of a whole data set: searched once, by several processes, and kept in a file.

The file knows an image by its content, so that splits, parts of them and runs can share it.
"""

import contextlib
import hashlib
import os
import pickle
import queue
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tfvision.runtime.progress import Progress
from tfvision.runtime.proposals import propose

SAVE_EVERY = 20  # Seconds: what a killed search loses at most.
SHARE = 16  # Images that are worth a process of their own.
CHILD = "from tfvision.runtime import proposal_cache; proposal_cache.work()"


def cached(file, records, size, *, mode="fast", count=2000, processes=1):
    """Proposals of every image: those in the file, and what it lacks, which is added to it.

    file     .npz; one for each `size`, `mode` and `count`
    records  data.objects.Record, or what else has `image` (a file, or uint8 [h, w, 3]) and pixels()
    size, mode, count   as runtime.proposals.propose has them
    processes   that search at a time
    return   list of float32 [n, 4], px of each image; the seconds of the processor that one
             search took, their mean
    raises   ValueError, naming the file, where it is damaged
    """
    file = Path(file)
    known, keys = read(file), [key_of(record.image) for record in records]
    missing = {key: record for key, record in zip(keys, records, strict=True) if key not in known}
    if missing:
        found = searched(list(missing.values()), (tuple(size), mode, count), processes)
        keep(file, known, zip(missing, found, strict=True), len(missing))
    seconds = [known[key][1] for key in keys]
    return [known[key][0] for key in keys], float(np.mean(seconds)) if seconds else 0.0


def key_of(image):
    """What tells an image from others: a hash of its file, or of its size and pixels."""
    if isinstance(image, np.ndarray):
        content = str(image.shape).encode() + np.ascontiguousarray(image).tobytes()
    else:
        content = Path(image).read_bytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def keep(file, known, found, count):
    """Adds pairs (key, (boxes, seconds)) to what is known, and to the file every now and then."""
    progress, saved = Progress("selective search: image", count), time.monotonic()
    try:
        for key, one in found:
            known[key] = one
            progress.step()
            if time.monotonic() - saved > SAVE_EVERY:
                write(file, known)
                saved = time.monotonic()
    finally:
        write(file, known)


def read(file):
    """{key: (boxes float32 [n, 4], seconds)}; nothing where there is no such file."""
    if not file.exists():
        return {}
    try:
        with open(file, "rb") as content, np.load(content) as arrays:
            parts = np.split(arrays["boxes"], np.cumsum(arrays["counts"])[:-1])
            rows = zip(arrays["keys"].tolist(), parts, arrays["seconds"].tolist(), strict=True)
            return {key: (boxes, seconds) for key, boxes, seconds in rows}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: is damaged ({error}). Delete it: it is made again") from error


def write(file, known):
    """The whole file, or the old one."""
    if not known:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{file.name}.{os.getpid()}")
    boxes, seconds = zip(*known.values(), strict=True)
    with open(hidden, "wb") as content:
        np.savez(content, keys=np.array(list(known)), boxes=np.concatenate(boxes),
                 counts=np.array([len(part) for part in boxes]), seconds=np.float32(seconds))
    os.replace(hidden, file)


def searched(records, options, processes):
    """(boxes, seconds) of each record, in order, as they are found."""
    processes = min(processes, len(records) // SHARE)
    if processes < 2:
        yield from (search(record.pixels(), *options) for record in records)
        return
    with contextlib.ExitStack() as ends:
        free = queue.SimpleQueue()
        for _ in range(processes):
            free.put(ends.enter_context(subprocess.Popen(
                [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the parent, whose end is theirs.
            )))
        pool = ends.enter_context(ThreadPoolExecutor(processes))
        yield from pool.map(lambda record: ask(free, record.pixels(), *options), records)


def ask(free, *job):
    """The answer of a child that is free."""
    child = free.get()
    try:
        pickle.dump(job, child.stdin)
        child.stdin.flush()
        return pickle.load(child.stdout)
    except (EOFError, BrokenPipeError) as error:
        raise OSError("a process that searched for proposals has ended; start again: what was "
                      "found is kept") from error
    finally:
        free.put(child)


def search(image, size, mode, count):
    """The boxes, and the seconds of the processor that they took."""
    begin = time.process_time()
    boxes = propose(image, size, mode=mode, count=count)
    return boxes, time.process_time() - begin


def work():
    """A child's work: jobs come in, answers go out, until the parent ends."""
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.suppress(EOFError):
        while True:
            pickle.dump(search(*pickle.load(jobs)), answers)
            answers.flush()
