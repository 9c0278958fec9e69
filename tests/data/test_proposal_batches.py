"""Proposals follow their images, as objects do."""

import itertools

import numpy as np
import pytest

from tfvision.data.proposal_batches import in_order_with, in_view, proposal_batches
from tfvision.data.synthetic import scenes

SCENES = scenes.load("train", size=48, count=7)
OWN = [one.boxes for one in SCENES]  # The objects' own boxes as proposals.


def batches(count, **options):
    options = {"size": (40, 64), "count": 9, "batch_size": 4, "seed": 3} | options
    data = proposal_batches(SCENES, OWN, **options)
    return [{k: v.numpy() for k, v in b.items()} for b in itertools.islice(data, count)]


def assert_follow(batch):
    n = batch["boxes"].shape[1]
    np.testing.assert_allclose(batch["proposals"][:, :n], batch["boxes"], atol=1e-4)
    assert not batch["proposals"][:, n:].any()


def test_proposals_stay_on_their_objects_whatever_happens_to_the_image():
    for flip in (0.0, 1.0, 0.5):
        for batch in batches(3, flip=flip, colour=0.3):
            assert_follow(batch)
    for batch in in_order_with(SCENES, OWN, size=(40, 64), count=9, batch_size=4):
        real = batch["row"] >= 0
        assert_follow({name: batch[name][real] for name in ("boxes", "proposals")})
        assert not batch["proposals"][~real].any()


def test_a_mirrored_image_is_the_mirror_of_the_plain_one():
    plain, mirrored = (batches(1, flip=flip)[0] for flip in (0.0, 1.0))
    np.testing.assert_array_equal(mirrored["image"], plain["image"][:, :, ::-1])
    here = plain["classes"] >= 0
    np.testing.assert_allclose(mirrored["boxes"][here][:, 0], 64 - plain["boxes"][here][:, 2])


def test_a_batch_is_a_function_of_its_step():
    whole, later = batches(4, colour=0.2), batches(2, colour=0.2, start_step=2)
    for one, other in zip(whole[2:], later, strict=True):
        for name, value in one.items():
            np.testing.assert_array_equal(other[name], value)
    halves = [batches(1, worker=i, workers=2)[0] for i in range(2)]
    for name, value in batches(1)[0].items():
        np.testing.assert_array_equal(np.concatenate([half[name] for half in halves]), value)


def test_memory_changes_no_result():
    for one, other in zip(batches(3), batches(3, memory=0), strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])


def test_only_the_first_proposals_are_taken_and_cut_at_the_canvas():
    boxes = np.float32([[0, 0, 10, 10], [5, 5, 99, 99], [1, 1, 2, 2]])
    found = in_view(boxes, np.float32([2, 2, 0, 4]), (40, 40), 2)
    np.testing.assert_array_equal(found, [[0, 4, 20, 24], [10, 14, 40, 40]])
    assert in_view([], np.float32([1, 1, 0, 0]), (40, 40), 2).shape == (2, 4)


def test_images_without_proposals_are_refused():
    with pytest.raises(ValueError, match="Expected proposals for every image"):
        proposal_batches(SCENES, OWN[:3], size=32, count=4, batch_size=2, seed=0)
