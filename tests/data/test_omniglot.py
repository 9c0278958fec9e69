"""tfvision.data.omniglot: rows that mean what they say, damaged zips, the publisher's files."""

import zipfile

import numpy as np
import pytest

from tfvision.data import omniglot
from tfvision.data.files import DataError


def told(images):
    """Character and drawer as written into the first two rows of the small images."""
    ink = images[..., 0] == 0
    return ink[:, 0].sum(-1) - 1, ink[:, 1].sum(-1) - 1


def test_every_row_has_its_own_character_drawer_and_alphabet(small_omniglot):
    data = omniglot.load(small_omniglot)
    assert data["image"].dtype == np.uint8 and data["image"].shape == (240, 105, 105, 1)
    character, drawer = told(data["image"])
    np.testing.assert_array_equal(data["label"], character)
    np.testing.assert_array_equal(data["drawer"], drawer)
    np.testing.assert_array_equal(data["alphabet"], character // 2)
    assert {values.dtype.name for name, values in data.items() if name != "image"} == {"int32"}


def test_training_and_validation_alphabets_share_out_the_background(small_omniglot):
    train, held_out = (omniglot.load(small_omniglot, s) for s in ("train", "validation"))
    assert set(held_out["alphabet"]) == {2} and set(train["alphabet"]) == {0, 1, 3, 4, 5}
    assert set(train["label"]) == set(range(10)) and set(held_out["label"]) == {0, 1}
    assert set(told(held_out["image"])[0]) == {4, 5}


def test_names_say_what_the_numbers_stand_for(small_omniglot):
    found = omniglot.names(small_omniglot, "validation")
    assert found["label"] == ["Alphabet_2/character01", "Alphabet_2/character02"]
    assert found["alphabet"] == [f"Alphabet_{i}" for i in range(6)]


def test_answers_of_a_run_point_to_the_same_character(small_omniglot):
    runs = omniglot.one_shot_runs(small_omniglot)
    assert len(runs) == 2
    for run, shift in zip(runs, (1, 7), strict=True):
        assert run["answer"].tolist() == [i * shift % 20 for i in range(20)]
        np.testing.assert_array_equal(
            told(run["test"])[0], told(run["training"][run["answer"]])[0]
        )
        assert set(told(run["training"])[1]) == {1} and set(told(run["test"])[1]) == {0}


def test_a_clean_folder_has_no_faults(small_omniglot):
    assert list(omniglot.check(small_omniglot)) == []


def test_a_truncated_zip_is_named(small_omniglot):
    file = small_omniglot / "images_background.zip"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DataError, match=f"{file}: damaged zip file"):
        omniglot.load(small_omniglot)
    assert any(f"{file}: damaged zip" in fault for fault in omniglot.check(small_omniglot))


def test_a_damaged_member_is_named_with_its_zip(small_omniglot):
    file = small_omniglot / "images_evaluation.zip"
    with zipfile.ZipFile(file) as archive:
        member = archive.infolist()[9]
    content = bytearray(file.read_bytes())
    content[member.header_offset + 30 + len(member.filename) + 20] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"{file}: {member.filename}: damaged"):
        omniglot.load(small_omniglot, "evaluation")
    faults = list(omniglot.check(small_omniglot))
    assert len(faults) == 1 and member.filename in faults[0]


def rewrite(file, change):
    """The zip file anew, with its members {name: bytes} changed in place."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_members_that_are_no_drawings_are_named(small_omniglot):
    file = small_omniglot / "images_evaluation.zip"
    place = "images_evaluation/Alphabet_0/character01/"

    def change(members):
        members[place + "0001_01.png"] = b"no picture"
        members[place + "0001_21.png"] = members[place + "0001_02.png"]
        del members["images_evaluation/Alphabet_1/character02/0004_20.png"]

    rewrite(file, change)
    faults = list(omniglot.check(small_omniglot))
    assert len(faults) == 3 and all(fault.startswith(str(file)) for fault in faults)
    assert "0001_01.png: no image" in faults[0] and "0001_21.png: expected a name" in faults[1]
    assert "Alphabet_1/character02: 19 of 20 drawers" in faults[2]


def test_a_zip_without_a_character_is_a_fault(small_omniglot):
    def change(members):
        for name in [name for name in members if "Alphabet_1" in name]:
            del members[name]

    rewrite(small_omniglot / "images_evaluation.zip", change)
    assert "1 alphabets and 2 characters, expected 2 and 4" in next(omniglot.check(small_omniglot))


def test_a_run_with_a_missing_line_or_image_is_refused(small_omniglot):
    file = small_omniglot / "all_runs.zip"
    rewrite(file, lambda members: members.pop("run02/training/class05.png"))
    with pytest.raises(DataError, match="run02/training/class05.png: is not in it"):
        omniglot.one_shot_runs(small_omniglot)
    rewrite(file, lambda m: m.update({"run01/class_labels.txt": b"run01/a.png run01/b.png"}))
    with pytest.raises(DataError, match="run01/class_labels.txt: expected 20 lines"):
        omniglot.one_shot_runs(small_omniglot)


def test_another_zip_in_its_place_is_told(small_omniglot):
    rewrite(small_omniglot / "all_runs.zip", lambda members: members.clear())
    with pytest.raises(DataError, match="is it the right file"):
        omniglot.one_shot_runs(small_omniglot)
    rewrite(small_omniglot / "images_background.zip", lambda members: members.clear())
    with pytest.raises(DataError, match="is it the right file"):
        omniglot.load(small_omniglot)


def test_a_missing_zip_is_named_with_its_publisher(small_omniglot):
    (small_omniglot / "all_runs.zip").unlink()
    with pytest.raises(DataError, match=f"all_runs.zip missing.*{omniglot.PUBLISHER}"):
        omniglot.one_shot_runs(small_omniglot, download=False)


@pytest.mark.data
def test_the_publishers_characters_are_as_published(data_root):
    data = omniglot.load(data_root / "omniglot", "evaluation")
    assert data["image"].shape == (13180, 105, 105, 1) and data["label"].max() == 658
    assert (np.bincount(data["label"]) == 20).all() and len(set(data["alphabet"])) == 20
    assert set(np.unique(data["image"][::50])) == {0, 255}
    assert 0.02 < (data["image"] == 0).mean() < 0.15, "ink is 0"


@pytest.mark.data
def test_validation_alphabets_are_large_enough_for_twenty_ways(data_root):
    found = {s: omniglot.names(data_root / "omniglot", s) for s in omniglot.SPLITS}
    alphabets = {s: [name.split("/")[0] for name in found[s]["label"]] for s in found}
    assert len(found["background"]["label"]) == 964
    assert set(alphabets["train"]) | set(alphabets["validation"]) == set(alphabets["background"])
    assert not set(alphabets["train"]) & set(alphabets["validation"])
    assert not set(alphabets["background"]) & set(alphabets["evaluation"])
    counts = {name: alphabets["validation"].count(name) for name in set(alphabets["validation"])}
    assert len(counts) == 5 and min(counts.values()) >= 20


@pytest.mark.data
def test_the_publishers_runs_are_far_easier_than_chance_for_nearest_pixels(data_root):
    right = []
    for run in omniglot.one_shot_runs(data_root / "omniglot"):
        test, training = ((run[k] == 0).reshape(20, -1) for k in ("test", "training"))
        gaps = (test[:, None] != training).sum(-1)
        right.append(np.mean(gaps.argmin(1) == run["answer"]))
        assert sorted(run["answer"]) == list(range(20))
    assert len(right) >= 10 and 0.1 < np.mean(right) < 0.5  # Lake et al.: 21.7 %
