"""apps.rcnn and apps.fast_rcnn: what is not done twice, and what is refused."""

import dataclasses
import importlib

import pytest

from tfvision import engine

rcnn = importlib.import_module("tfvision.apps.rcnn")
fast_rcnn = importlib.import_module("tfvision.apps.fast_rcnn")


def test_machines_are_fitted_once_and_again_where_that_was_missing(tmp_path, monkeypatch):
    config = dataclasses.replace(rcnn.TINY, run=tmp_path, steps=2, images=4)
    fits, plain = [], rcnn.rcnn_fitting.fit
    monkeypatch.setattr(rcnn.rcnn_fitting, "fit", lambda *a, **k: fits.append(plain(*a, **k)))
    model = engine.build(rcnn, config)
    rcnn.train(model, config)
    again = engine.build(rcnn, config)
    rcnn.train(again, config)
    assert len(fits) == 1 and again.is_fitted()
    model.fitted.assign(0)
    engine.save(model, tmp_path / "checkpoints", 2)  # As if it had been killed before.
    rcnn.train(engine.build(rcnn, config), config)
    assert len(fits) == 2


def test_a_network_without_its_machines_is_neither_measured_nor_served():
    model = engine.build(rcnn, rcnn.TINY)
    with pytest.raises(ValueError, match="Expected a whole training"):
        rcnn.evaluate(model, rcnn.TINY)
    with pytest.raises(ValueError, match="Expected a whole training"):
        rcnn.serve(model)


def test_both_apps_can_share_proposals(tmp_path):
    shared = {"proposals": tmp_path, "images": 2}
    for app in (rcnn, fast_rcnn):
        config = dataclasses.replace(app.TINY, **shared)
        app.searched(app.load(config, "train"), config)
    assert [path.name for path in tmp_path.iterdir()] == ["embedded_fast_32x32_20.npz"]


@pytest.mark.parametrize("app", [rcnn, fast_rcnn])
def test_more_regions_than_proposals_are_refused(app):
    with pytest.raises(ValueError, match="as many --proposed as --regions"):
        app.build(dataclasses.replace(app.TINY, proposed=4))


def test_a_size_that_the_map_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        fast_rcnn.build(dataclasses.replace(fast_rcnn.TINY, size=(30, 32)))
