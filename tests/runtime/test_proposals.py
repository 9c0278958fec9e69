"""Proposals as a model sees the picture, kept in a file that survives a kill."""

import dataclasses

import numpy as np
import pytest

from tfvision.runtime import proposal_cache, proposals
from tfvision.runtime.selective_search import selective_search


@dataclasses.dataclass
class Picture:
    image: np.ndarray

    def pixels(self):
        return self.image


def pictures(count, size=(20, 24)):
    """A square each, on noise."""
    found = []
    for i in range(count):
        image = np.random.default_rng(i).integers(90, 110, [*size, 3], np.uint8)
        image[4:14, 6:16] = [200, 40, i % 256]
        found.append(Picture(image))
    return found


def test_the_search_is_done_in_what_the_model_sees_and_told_in_the_picture_s_pixels():
    image = np.random.default_rng(0).integers(90, 110, [60, 100, 3], np.uint8)
    image[20:50, 40:90] = [200, 30, 30]
    boxes = proposals.propose(image, (50, 50))
    assert boxes.dtype == np.float32 and (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes >= 0).all() and (boxes <= [100, 60, 100, 60]).all()
    assert np.abs(boxes - [40, 20, 90, 50]).max(1).min() <= 2
    assert boxes[:, 3].max() == 60, "the border of the letterbox is not searched"
    np.testing.assert_array_equal(proposals.propose(image), selective_search(image))
    np.testing.assert_array_equal(proposals.propose(image, (60, 100)), selective_search(image))


def test_what_is_found_is_kept_and_asked_for_once(tmp_path, monkeypatch):
    file, records = tmp_path / "new" / "it.npz", pictures(6)
    found, seconds = proposal_cache.cached(file, records, (20, 24), count=9)
    assert seconds > 0 and all(len(boxes) <= 9 for boxes in found)
    np.testing.assert_array_equal(found[2], proposals.propose(records[2].image, (20, 24), count=9))
    monkeypatch.setattr(proposal_cache, "propose", None)  # A call would fail.
    again, same = proposal_cache.cached(file, records[::-1], (20, 24), count=9)
    for one, other in zip(found, again[::-1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert same == pytest.approx(seconds)
    assert [path.name for path in file.parent.iterdir()] == ["it.npz"]


def test_a_search_that_was_ended_goes_on_where_it_was(tmp_path, monkeypatch):
    file, records, plain = tmp_path / "it.npz", pictures(6), proposal_cache.propose
    asked = []

    def until_the_fourth(image, *args, **options):
        asked.append(image)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return plain(image, *args, **options)

    monkeypatch.setattr(proposal_cache, "propose", until_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        proposal_cache.cached(file, records, (20, 24))
    assert len(proposal_cache.read(file)) == 3
    found, _ = proposal_cache.cached(file, records, (20, 24))
    assert len(asked) == 7 and len(found) == 6, "three of the first time were not asked for again"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "it.npz"
    proposal_cache.cached(file, pictures(2), (20, 24))
    before = file.read_bytes()

    def half(content, **arrays):
        content.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="no space"):
        proposal_cache.cached(file, pictures(3), (20, 24))
    assert file.read_bytes() == before


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "it.npz").write_bytes(b"PK nonsense")
    with pytest.raises(ValueError, match="it.npz: is damaged"):
        proposal_cache.cached(tmp_path / "it.npz", pictures(1), (20, 24))


def test_several_processes_find_the_same(tmp_path):
    records = pictures(2 * proposal_cache.SHARE)
    one, _ = proposal_cache.cached(tmp_path / "one.npz", records, (20, 24))
    two, _ = proposal_cache.cached(tmp_path / "two.npz", records, (20, 24), processes=2)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_images_are_known_by_their_content(tmp_path):
    a, b = pictures(2)
    assert proposal_cache.key_of(a.image) == proposal_cache.key_of(a.image.copy())
    assert proposal_cache.key_of(a.image) != proposal_cache.key_of(b.image)
    assert proposal_cache.key_of(a.image) != proposal_cache.key_of(a.image.reshape(24, 20, 3))
    (tmp_path / "a").write_bytes(b"a")
    assert proposal_cache.key_of(tmp_path / "a") == proposal_cache.key_of(str(tmp_path / "a"))


def test_the_line_of_progress_says_how_much_is_left(tmp_path, capsys):
    proposal_cache.cached(tmp_path / "it.npz", pictures(3), (20, 24))
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("selective search: image 3/3 100%") and line.endswith("0:00 left")
