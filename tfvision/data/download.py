"""Files that publishers offer freely, fetched whole and checked, or not at all.

Nothing is fetched unless a reader's `load` finds its files missing. TFVISION_OFFLINE=1 forbids it.
"""

import gzip
import hashlib
import http.client
import os
import sys
import time
import urllib.request
import zlib
from pathlib import Path

from tfvision.data.files import DataError, locate, place

CHUNK = 1 << 18  # bytes


def home(root, folder, *, publisher, layout):
    """As files.locate; but the default folder, unlike one that `root` names, may not exist yet."""
    return locate(root, folder, publisher=publisher, layout=layout) if root else place(root, folder)


def ensure(folder, sources, *, publisher, download=True):
    """Makes sure that files are in a folder; fetches those that are missing.

    folder     where the files belong; created where something is fetched
    sources    file name -> keyword arguments of `fetch`. A name that ends in .gz is there, too,
               where the file lies unpacked
    publisher  the address to name where the files cannot be had
    download   False: missing files are a DataError at once
    """
    missing = [name for name in sources if find(folder, name) is None]
    if not missing:
        return
    if not download or offline():
        why = " (TFVISION_OFFLINE forbids to download them)" if download else ""
        raise DataError(
            f"{folder}: {', '.join(missing)} missing{why}. Get them from {publisher}, "
            "or name the folder that has them by --root"
        )
    for name in missing:
        fetch(file=Path(folder, name), **sources[name])


def find(folder, name):
    """The file of this name in the folder, or its unpacked form without .gz; else None."""
    files = [Path(folder, name), Path(folder, name.removesuffix(".gz"))]
    return next((file for file in files if file.is_file()), None)


def offline():
    """Whether the user forbids downloads."""
    return os.environ.get("TFVISION_OFFLINE", "0") not in ("", "0")


def fetch(addresses, file, *, md5=None, sha256=None, unpacked=False, check=None, timeout=30):
    """Downloads a file from the first address that delivers it whole; else DataError, no file.

    addresses  list of http(s) addresses, tried in turn
    file       where it goes; the folder is created
    md5        hexadecimal checksum; sha256 likewise
    unpacked   the checksum is that of the content of the .gz, not of the wrapper
    check      (file) -> None, raises DataError: one more condition to keep the file
    timeout    seconds without a byte before giving up
    """
    if offline():
        raise DataError(f"{file}: is not downloaded, because TFVISION_OFFLINE forbids it")
    file, failures = Path(file), []
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        for address in addresses:
            try:
                _receive(address, hidden, timeout)
                verify(hidden, md5=md5, sha256=sha256, unpacked=unpacked)
                if check is not None:
                    check(hidden)
                os.replace(hidden, file)
                return
            except (OSError, http.client.HTTPException, DataError) as failure:
                reason = str(failure).replace(f"{hidden}: ", "")
                failures.append(f"{address}: {reason or type(failure).__name__}")
    finally:
        hidden.unlink(missing_ok=True)
    raise DataError(
        f"{file}: cannot be downloaded. {'; '.join(failures)}. "
        "Go online, or get it elsewhere and put it there"
    )


def verify(file, *, md5=None, sha256=None, unpacked=False):
    """DataError where the checksum of `file` (of its content, if `unpacked`) is another."""
    for kind, expected in (("md5", md5), ("sha256", sha256)):
        found = expected and checksum(file, kind, unpacked=unpacked)
        if found != expected:
            raise DataError(f"{file}: its {kind} is {found}, expected {expected}; replace it")


def checksum(file, kind="md5", *, unpacked=False):
    """Hexadecimal checksum of a file, or of what is in it if it is packed by gzip."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(file, "rb") as stream:
        packed = unpacked and stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(file) if packed else open(file, "rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: damaged gzip file ({error}); replace it") from None
    return digest.hexdigest()


def _receive(address, file, timeout):
    """Writes what the address delivers; ConnectionError where less comes than was announced."""
    print(f"Downloading {address}", file=sys.stderr, flush=True)
    request = urllib.request.Request(address, headers={"User-Agent": "tfvision"})
    done, shown = 0, time.monotonic()
    with urllib.request.urlopen(request, timeout=timeout) as answer, open(file, "wb") as out:
        size = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK):
            out.write(chunk)
            done += len(chunk)
            if sys.stderr.isatty() and time.monotonic() - shown > 0.2:
                shown = time.monotonic()
                print(f"\r{_progress(done, size)}", end="\033[K", file=sys.stderr, flush=True)
    if done < size:
        raise ConnectionError(f"the connection broke after {done} of {size} bytes")
    begin, end = ("\r", "\033[K\n") if sys.stderr.isatty() else ("", "\n")
    print(begin + _progress(done, size), end=end, file=sys.stderr, flush=True)


def _progress(done, size):
    share = f" of {size / 1e6:.1f}" if size else ""
    return f"  {done / 1e6:.1f}{share} MB"
