import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfvision.commands import predict as command
from tfvision.commands.errors import UsageError

NO_TENSORFLOW = """
import sys
from tfvision.commands import predict
status = predict.main(sys.argv[1:])
heavy = {"tensorflow", "keras", "tyro", "matplotlib", "scipy"} & set(sys.modules)
print(sorted(heavy))
sys.exit(status)
"""


@pytest.fixture(autouse=True)
def folder(models, monkeypatch, tmp_path):
    monkeypatch.setenv("TFVISION_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(name, size=(20, 30), *, shade=200):
    image = np.full([*size, 3], 40, np.uint8)
    image[size[0] // 2 :, size[1] // 2 :] = shade
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    cv2.imwrite(name, image)
    return image


def told(stem, out="out"):
    with open(f"{out}/{stem}.json") as file:
        return json.load(file)


def names(out="out"):
    return sorted(os.listdir(out))


def test_tensorflow_is_never_imported():
    picture("a.png")
    run = subprocess.run(
        [sys.executable, "-c", NO_TENSORFLOW, "threshold", "a.png"],
        capture_output=True, text=True, check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
    assert run.stderr == ""


def test_a_label_map_is_written_as_picture_numbers_and_classes(capsys):
    image = picture("a.png")
    assert command.main(["threshold", "a.png"]) == 0
    assert names() == ["a.json", "a.labels.png", "a.png"]
    labels = cv2.imread("out/a.labels.png", cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, image[..., 0] >= 128)
    content = told("a")
    assert content["classes"] == [
        {"class": "dark", "class_id": 0, "share": 0.75},
        {"class": "bright", "class_id": 1, "share": 0.25},
    ]
    assert content["size"] == [30, 20] and content["files"]["labels"] == "a.labels.png"
    assert content["app"] == "threshold" and content["input"] == "a.png"
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    for part in ("a.png", "30 x 20 px", "dark 75.0%, bright 25.0%", " ms", "out/a.png"):
        assert part in line


def test_float_maps_go_to_an_npz_file():
    image = picture("a.png", (100, 60))
    command.main(["threshold", "a.png"])
    found = np.load("out/a.npz")["probabilities"]
    assert told("a")["files"]["probabilities"] == "a.npz"
    np.testing.assert_array_equal(found[..., 1], image[..., 0] >= 128)


def test_objects_are_told_in_the_pixels_of_the_picture(capsys):
    picture("a.png", (64, 128), shade=255)
    command.main(["finder", "a.png", "--out", "found"])
    assert told("a", "found")["objects"] == [
        {"class": "square", "class_id": 0, "score": 0.875, "box": [64, 32, 128, 64]}
    ]
    assert "1 square" in capsys.readouterr().out
    assert np.load("found/a.npz")["masks"].shape == (1, 64, 128)


def test_a_translated_image_is_written_as_it_is():
    image = picture("a.png")
    command.main(["negative", "a.png"])
    np.testing.assert_array_equal(cv2.imread("out/a.translated.png"), 255 - image)
    assert cv2.imread("out/a.png").shape[1] > 2 * image.shape[1]  # Before and after.


def test_a_generator_draws_by_its_seed(capsys):
    for seed, out in ((1, "x"), (1, "y"), (2, "z")):
        assert command.main(["generator", "--count", "5", "--seed", str(seed), "--out", out]) == 0
    x, y, z = (np.load(f"{out}/generator.npz")["samples"] for out in "xyz")
    assert x.shape == (5, 4, 4, 1) and x.dtype == np.uint8
    np.testing.assert_array_equal(x, y)
    assert (x != z).any() and (x[0] != x[1]).any()
    assert told("generator", "x")["seed"] == 1
    assert "5 samples of 4 x 4 px" in capsys.readouterr().out


def test_a_generator_takes_its_noise_from_a_file_too():
    np.savez("zero.npz", z=np.zeros(16))
    command.main(["generator", "zero.npz"])
    assert (np.load("out/zero.npz")["samples"] == 128).all()


def test_a_cloud_of_points_is_classified(capsys):
    np.save("high.npy", np.array([[0, 0, 9.0], [1, 0, 9], [0, 1, 9]]))
    assert command.main(["cloud", "high.npy"]) == 0
    best = told("high")["classes"][0]
    assert best["class"] == "high" and best["probability"] > 0.999
    assert cv2.imread("out/high.png") is not None


def test_correspondences_are_weighed_without_the_slots_that_fill_up():
    points = np.random.default_rng(0).random([5, 2])
    np.savez("m.npz", points1=points, points2=points + [[0], [0], [1], [0], [1]])
    assert command.main(["matches", "m.npz"]) == 0
    content = told("m")
    assert content["weights"] == [1, 1, 0, 1, 0]
    assert content["essential"] == [[3.0] * 3] * 3


def test_broken_files_do_not_stop_the_others(capsys):
    picture("a.png")
    picture("z.png")
    Path("broken.png").write_text("no picture")
    assert command.main(["threshold", "a.png", "broken.png", "missing.png", "z.png"]) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2 and "a.png" in out and "z.png" in out
    first, second = err.splitlines()
    assert first.startswith("tfvision: broken.png: is no picture")
    assert second == "tfvision: missing.png: No such file or directory"
    assert not any("broken" in name or "missing" in name for name in names())


def test_folders_and_patterns_are_searched():
    for name in ("photos/b.png", "photos/a.png", "photos/.hidden.png", "more/c.png", "more/d.bmp"):
        picture(name)
    Path("photos/notes.txt").write_text("no picture")
    assert command.main(["negative", "photos", "more/*.png"]) == 0
    assert [name for name in names() if name.endswith(".json")] == ["a.json", "b.json", "c.json"]


def test_files_of_one_name_keep_their_results_apart():
    shades = {"x/a.png": 10, "y/a.png": 90, "y/A.bmp": 250}
    for name, shade in shades.items():
        picture(name, shade=shade)
    command.main(["negative", *shades])
    found = {told(stem)["input"]: stem for stem in ("a", "a-2", "A-3")}
    assert set(found) == set(shades)
    for name, stem in found.items():
        assert cv2.imread(f"out/{stem}.translated.png")[-1, -1, 0] == 255 - shades[name]


def test_no_input_is_overwritten():
    image = picture("a.png")
    labels = picture("a-2.labels.png", shade=90)
    assert command.main(["threshold", "a.png", "a-2.labels.png", "--out", "."]) == 0
    np.testing.assert_array_equal(cv2.imread("a.png"), image)
    np.testing.assert_array_equal(cv2.imread("a-2.labels.png"), labels)
    assert told("a-3", ".")["input"] == "a.png"


def test_every_page_of_a_stack_is_run():
    cv2.imwritemulti("stack.tif", [np.full([6, 6], v, np.uint8) for v in (0, 200, 255)])
    assert command.main(["threshold", "stack.tif"]) == 0
    shares = [told(f"stack-00{i}")["classes"][0]["class"] for i in (1, 2, 3)]
    assert shares == ["dark", "bright", "bright"]


def test_nothing_half_written_stays(monkeypatch):
    picture("a.png")

    def full(*args, **options):
        raise OSError(28, "No space left on device", "out/a.npz")

    monkeypatch.setattr(np, "savez_compressed", full)
    picture("big.png", (100, 60))
    assert command.main(["threshold", "big.png"]) == 2
    assert not [name for name in os.listdir("out") if name.endswith((".npz", ".json"))]


@pytest.mark.parametrize(
    "args, text",
    [
        ([], "APP"),
        (["threshold"], "threshold takes image: name one or more files"),
        (["thresold", "a.png"], "Did you mean threshold"),
        (["threshold", "a.png", "--signature", "encode"], "no signature 'encode'.*serving_default"),
        (["threshold", "a.png", "--threads", "0"], "--threads: expected a whole number from 1"),
        (["threshold", "a.png", "--seed", "x"], "--seed: expected a whole number"),
        (["threshold", "a.png", "--colour"], "unrecognized arguments: --colour"),
        (["threshold", "a.png", "--input", "z=3"], "NAME one of image"),
        (["threshold", "empty"], "empty: holds no file ending in"),
        (["threshold", "no*.png"], r"no\*.png: no file is named like this"),
        (["generator", "--input", "z=soup"], "--input z=soup: is no number"),
        (["generator", "--input", "z=3"], "Expected z of 1 dimensions"),
    ],
)
def test_what_the_user_did_wrong_is_told_in_one_line(args, text):
    os.makedirs("empty")
    with pytest.raises((UsageError, ValueError, OSError), match=text) as error:
        command.main(args)
    assert "\n" not in str(error.value)
    assert not os.path.exists("out")


def test_a_model_of_another_app_is_refused(models):
    with pytest.raises(UsageError, match="is a model of negative, not of threshold"):
        command.main(["threshold", "a.png", "--model", str(models / "negative")])


def test_options_may_stand_between_the_files():
    picture("a.png")
    picture("b.png")
    command.main(["negative", "a.png", "--out", "o", "b.png", "--threads", "1"])
    assert "a.png" in names("o") and "b.png" in names("o")


def test_the_help_teaches_by_examples(capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "tfvision predict unet slice.png" in text and "--model" in text
