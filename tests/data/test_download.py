"""tfvision.data.download against a server on 127.0.0.1 that behaves well, badly, or not at all."""

import gzip
import hashlib
import http.server
import socket
import threading

import pytest

from tfvision.data import download, mnist
from tfvision.data.files import DataError

CONTENT = bytes(range(256)) * 3000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's `files`; of those under /broken/ half, and then hangs up."""

    def do_GET(self):
        self.server.asked.append(self.path)
        name = self.path.rpartition("/")[2]
        if name not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2 if self.path.startswith("/broken/") else len(content)
        self.wfile.write(content[:half])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("TFVISION_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked = {"file": CONTENT, "file.gz": gzip.compress(CONTENT)}, []
        server.address = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_a_file_arrives_whole_and_alone_and_is_announced(server, tmp_path, capsys):
    file = tmp_path / "new" / "file"
    sha = hashlib.sha256(CONTENT).hexdigest()
    download.fetch([server.address + "file"], file, md5=md5(CONTENT), sha256=sha)
    assert file.read_bytes() == CONTENT and list(file.parent.iterdir()) == [file]
    told = capsys.readouterr().err
    assert server.address + "file" in told and "0.8 of 0.8 MB" in told


def test_the_checksum_may_be_that_of_the_unpacked_content(server, tmp_path):
    address = [server.address + "file.gz"]
    download.fetch(address, tmp_path / "file.gz", md5=md5(CONTENT), unpacked=True)
    assert gzip.decompress((tmp_path / "file.gz").read_bytes()) == CONTENT
    with pytest.raises(DataError, match="its md5 is"):
        download.fetch(address, tmp_path / "other.gz", md5=md5(CONTENT))


def test_a_wrong_checksum_leaves_no_file_and_keeps_the_old_one(server, tmp_path):
    file = tmp_path / "file"
    with pytest.raises(DataError, match=f"{file}: cannot be downloaded.*md5.*expected 123"):
        download.fetch([server.address + "file"], file, md5="123")
    assert list(tmp_path.iterdir()) == []
    file.write_bytes(b"old")
    with pytest.raises(DataError):
        download.fetch([server.address + "file"], file, sha256="123")
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_broken_connection_leaves_no_file(server, tmp_path):
    with pytest.raises(DataError, match="broke after 384000 of 768000 bytes"):
        download.fetch([server.address + "broken/file"], tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_damaged_content_leaves_no_file(server, tmp_path):
    server.files["file.gz"] = gzip.compress(CONTENT)[:-20]
    with pytest.raises(DataError, match="damaged gzip"):
        download.fetch([server.address + "file.gz"], tmp_path / "f.gz", md5="1", unpacked=True)
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_asked_where_one_fails(server, tmp_path):
    mirrors = [server.address + path for path in ("absent", "broken/file", "file")]
    download.fetch(mirrors, tmp_path / "file", md5=md5(CONTENT))
    assert server.asked == ["/absent", "/broken/file", "/file"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_being_offline_is_told_in_one_line_with_every_address(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(DataError) as error:
            download.fetch([address, server.address + "absent"], tmp_path / "file")
    told = str(error.value)
    assert address in told and "refused" in told and "404" in told and "\n" not in told


def test_a_condition_of_the_reader_decides_too(server, tmp_path):
    def refuse(file):
        raise DataError(f"{file}: not what I want")

    with pytest.raises(DataError, match="not what I want"):
        download.fetch([server.address + "file"], tmp_path / "file", check=refuse)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_fetched_where_the_user_forbids_it(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TFVISION_OFFLINE", "1")
    with pytest.raises(DataError, match="TFVISION_OFFLINE"):
        download.fetch([server.address + "file"], tmp_path / "file")
    with pytest.raises(DataError, match="file missing.*TFVISION_OFFLINE"):
        sources = {"file": {"addresses": [server.address + "file"]}}
        download.ensure(tmp_path, sources, publisher="them")
    assert server.asked == []


def test_files_that_are_there_packed_or_not_are_not_fetched(server, tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    sources = {"file.gz": {"addresses": [server.address + "file.gz"]}}
    download.ensure(tmp_path, sources, publisher="them")
    assert server.asked == []


def test_mnist_comes_from_a_mirror_into_the_default_folder(
    server, small_mnist, tmp_path_factory, monkeypatch
):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TFVISION_DATA", str(home))
    monkeypatch.setattr(mnist, "MIRRORS", [server.address])
    server.files = {file.name: file.read_bytes() for file in small_mnist.glob("*.gz")}
    sums = {name: md5(gzip.decompress(data)) for name, data in server.files.items()}
    monkeypatch.setattr(mnist, "MD5", sums)
    with pytest.raises(DataError, match="missing"):
        mnist.load(split="test", download=False)
    assert server.asked == []
    assert len(mnist.load(split="test")["label"]) == 12
    assert sorted(file.name for file in (home / "mnist").iterdir()) == sorted(
        name for name in server.files if name.startswith("t10k")
    )
    asked = len(server.asked)
    mnist.load(split="test")
    assert len(server.asked) == asked == 2, "what is there is not fetched again"
