"""What a user named to be run: files, folders and patterns, each with a name for its results."""

import dataclasses
import glob
from pathlib import Path

from tfvision.runtime import pictures, points, save


@dataclasses.dataclass(frozen=True)
class Source:
    """One picture or set of arrays.

    file  where it lies
    page  of a TIFF file with several, from 0
    stem  the name that its results begin with
    """

    file: Path
    page: int
    stem: str

    def __str__(self):
        return str(self.file) if not self.page else f"{self.file} (page {self.page + 1})"


def sources(words, out, *, arrays=False):
    """The files that words name, in their order, with stems that keep their results apart.

    words   paths of files and folders, and patterns such as "*.jpg"
    out     folder of the results; no stem is chosen that would overwrite one of the files
    arrays  whether folders are searched for files of arrays instead of pictures
    raises  FileNotFoundError where a folder or pattern holds nothing
    """
    endings = points.ENDINGS if arrays else pictures.ENDINGS
    files = [file for word in words for file in expand(word, endings)]
    count = (lambda file: 1) if arrays else pictures.pages
    pages = [(file, page) for file in files for page in range(count(file))]
    taken = {file.resolve() for file in files}
    many = {file for file, page in pages if page}
    named = []
    for file, page in pages:
        wanted = f"{file.stem}-{page + 1:03d}" if file in many else file.stem
        stem = free(wanted, Path(out), taken)
        taken |= results(stem, Path(out))
        named.append(Source(file, page, stem))
    return named


def expand(word, endings):
    """The files that a word names; a single one need not exist, which is told when it is read."""
    path = Path(word)
    if path.is_dir():
        there = sorted(path.iterdir())
        files = [f for f in there if f.suffix.lower() in endings and not f.name.startswith(".")]
        if not files:
            raise FileNotFoundError(
                f"{path}: holds no file ending in {', '.join(sorted(endings))}"
            )
        return files
    if path.exists() or not glob.has_magic(str(word)):
        return [path]
    files = sorted(Path(f) for f in glob.glob(str(word), recursive=True) if Path(f).is_file())
    if not files:
        raise FileNotFoundError(f"{word}: no file is named like this")
    return files


def free(wanted, out, taken):
    """The name, or the first of name-2, name-3, ... whose results would overwrite nothing."""
    lower = {str(file).lower() for file in taken}  # Some file systems do not tell A from a.
    stem, number = wanted, 1
    while any(str(file).lower() in lower for file in results(stem, out)):
        number += 1
        stem = f"{wanted}-{number}"
    return stem


def results(stem, out):
    """All files that a stem's results may have."""
    return {(out / f"{stem}{ending}").resolve() for ending in save.ENDINGS}
