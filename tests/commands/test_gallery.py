"""tfvision export --gallery: a folder of images becomes part of the model, or is refused."""

import dataclasses
import importlib
import json

import cv2
import numpy as np
import pytest

from tfvision import engine, runtime
from tfvision.commands import flags, gallery
from tfvision.commands.errors import UsageError

cli = importlib.import_module("tfvision.apps.__main__")
app = importlib.import_module("tfvision.apps.siamese")
SMALL = ["--batch-size", "16", "--per-class", "2", "--alphabet", "2", "--size", "15",
         "--widths", "4", "4", "--dimensions", "5"]


def drawing(seed, shape=(40, 50)):
    random = np.random.default_rng(seed)
    image = np.full(shape, 255, np.uint8)
    cv2.polylines(image, [random.integers(4, 36, [5, 2], np.int32)], False, 0, 2)
    return image


@pytest.fixture
def folder(tmp_path):
    """Two classes: three drawings of cats, one of them in a folder below, and two of owls."""
    names = ("cat/a.png", "cat/b.png", "cat/more/c.png", "owl/d.png", "owl/e.png")
    for seed, name in enumerate(names):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "pets" / name), drawing(seed))
    (tmp_path / "pets" / "owl" / "notes.txt").write_text("no picture")
    return tmp_path / "pets"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of an untrained network."""
    config = dataclasses.replace(app.TINY, run=tmp_path_factory.mktemp("run"))
    engine.save(engine.build(app, config), config.run / "checkpoints", 1)
    flags.write_config(app, config, SMALL)
    return config.run


def test_folders_are_classes_and_items_are_in_the_order_of_their_names(folder):
    items = gallery.find(folder)
    assert items.classes == ["cat", "owl"]
    assert items.files == ["cat/a.png", "cat/b.png", "cat/more/c.png", "owl/d.png", "owl/e.png"]
    np.testing.assert_array_equal(items.class_ids, [0, 0, 0, 1, 1])


def test_images_alone_are_classes_by_their_names(folder):
    items = gallery.find(folder / "owl")
    assert items.classes == ["d", "e"] and items.files == ["d.png", "e.png"]
    np.testing.assert_array_equal(items.class_ids, [0, 1])


def test_images_of_any_sizes_are_embedded_in_their_order(folder):
    cv2.imwrite(str(folder / "cat" / "b.png"), drawing(9, (30, 31)))
    seen = []

    def embed(image):
        seen.append(image.shape)
        return gallery.tf.reduce_mean(gallery.tf.cast(image, "float32"), [1, 2])

    items = gallery.find(folder)
    found = gallery.embedded(items, embed, 1)
    expected = [runtime.read(folder / name, channels=1).mean() for name in items.files]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
    assert len(seen) == 1, "traced once"


def test_the_exported_model_finds_the_items_and_predict_names_them(folder, run, capsys, tmp_path):
    to = tmp_path / "models"
    status = cli.main(["export", "siamese", "--run", str(run), "--gallery", str(folder),
                       "--k", "2", "--to", str(to)])
    assert status == 0 and f"--model {to / 'siamese'}" in capsys.readouterr().out.replace("\n", "")
    card = json.loads((to / "siamese" / "card.json").read_text())
    assert list(card["signatures"]) == ["serving_default", "search", "embed"]
    assert card["classes"] == ["cat", "owl"] and card["gallery"]["items"] == 5
    assert {"model.tflite", "gallery.json"} <= set(card["files"])
    image = str(folder / "owl" / "e.png")
    out = tmp_path / "out"
    assert cli.main(["predict", "siamese", image, "--model", str(to), "--out", str(out)]) == 0
    assert "nearest: owl" in capsys.readouterr().out
    told = json.loads((out / "e.json").read_text())["neighbours"]
    assert len(told) == 2 and told[0]["file"] == "owl/e.png" and told[0]["item"] == 4
    assert told[0]["class"] == "owl" and told[0]["distance"] < 0.1
    (to / "siamese" / "gallery.json").unlink()
    with pytest.raises(FileNotFoundError, match="gallery.json"):
        runtime.load(to / "siamese")


def refusal(capsys, *args):
    """The one line with which `tfvision export` ends."""
    assert cli.main(["export", *map(str, args)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_broken_image_is_named_and_nothing_is_written(folder, run, capsys, tmp_path):
    (folder / "cat" / "b.png").write_bytes(b"no png")
    to = tmp_path / "models"
    line = refusal(capsys, "siamese", "--run", run, "--gallery", folder, "--to", to)
    assert "cat/b.png" in line and not to.exists()


def test_more_neighbours_than_items_are_refused(folder, run, capsys):
    line = refusal(capsys, "siamese", "--run", run, "--gallery", folder, "--k", 6)
    assert "--k 6" in line and "5 images" in line


def test_an_app_without_embeddings_refuses_a_gallery(folder, capsys, tmp_path):
    unet = importlib.import_module("tfvision.apps.unet")
    flags.write_config(unet, dataclasses.replace(unet.TINY, run=tmp_path / "u"), [])
    line = refusal(capsys, "unet", "--run", tmp_path / "u", "--gallery", folder)
    assert "unet makes no embeddings" in line


def test_koch_s_head_is_no_distance_to_search_by():
    model = engine.build(app, dataclasses.replace(app.TINY, loss="cross_entropy"))
    with pytest.raises(ValueError, match="without a head"):
        app.gallery(model)


@pytest.mark.parametrize("change, told", [
    (lambda folder: (folder / "empty").mkdir(), "pets/empty: holds no image"),
    (lambda folder: cv2.imwrite(str(folder / "z.png"), drawing(0)), "z.png: lies beside folders"),
    (lambda folder: folder.rename(folder.with_name("gone")), "pets: no such folder"),
])
def test_a_folder_that_is_no_gallery_is_refused_by_name(folder, change, told):
    change(folder)
    with pytest.raises(UsageError, match=told):
        gallery.find(folder)
