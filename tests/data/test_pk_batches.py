"""data.pk_batches: P classes, K examples of each, as a function of the step."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data.pk_batches import pk_batches

CLASSES, EACH = 14, 5
LABEL = np.repeat(np.arange(CLASSES), EACH)
FAMILY = np.array([0] * 6 + [1] * 5 + [2] * 3)[LABEL]
EXAMPLES = {"label": LABEL, "row": np.arange(len(LABEL)), "family": FAMILY}
PLAIN = {"classes": 4, "per_class": 3, "seed": 5}
FAMILIES = PLAIN | {"family": "family", "together": 2, "variants": 4}
KINDS = pytest.mark.parametrize("options", [PLAIN, FAMILIES], ids=["plain", "families"])


def noisy(batch):
    return batch | {"noise": ops.example_uniform(batch["index"], 3, seed=1)}


def batches(count, **options):
    data = pk_batches(EXAMPLES, **options)
    return [{k: v.numpy() for k, v in b.items()} for b in itertools.islice(data, count)]


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@KINDS
def test_a_batch_has_p_classes_and_k_different_examples_of_each(options):
    for step, batch in enumerate(batches(12, **options)):
        labels, rows = (batch[name].reshape(4, 3) for name in ("label", "row"))
        assert (labels == labels[:, :1]).all() and len(set(labels[:, 0])) == 4
        assert len(set(rows.ravel())) == 12
        variants = options.get("variants", 1)
        np.testing.assert_array_equal(LABEL[rows], labels // variants)
        np.testing.assert_array_equal(batch["index"], np.arange(12) + 12 * step)


def test_classes_of_a_family_come_together_in_one_variant():
    seen = set()
    for batch in batches(12, **FAMILIES):
        groups = batch["label"].reshape(2, 6) // 4
        for group, variant in zip(groups, batch["variant"].reshape(2, 6), strict=True):
            assert len(set(FAMILY[group * EACH])) == 1 and len(set(group)) == 2
            assert len(set(variant)) == 1
        np.testing.assert_array_equal(batch["label"] % 4, batch["variant"])
        seen |= set(batch["variant"])
        assert len(set(batch["label"] // 4)) == 4, "no character in two variants"
    assert seen == {0, 1, 2, 3}


def test_an_epoch_deals_every_class_at_most_once_and_epochs_differ():
    found = batches(6, **PLAIN)  # 14 classes make 3 batches of 4.
    epochs = [np.concatenate([b["label"][::3] for b in found[i : i + 3]]) for i in (0, 3)]
    for epoch in epochs:
        assert len(set(epoch)) == 12
    assert (epochs[0] != epochs[1]).any()


def test_in_the_long_run_every_example_comes_as_often_as_any():
    rows = np.concatenate([b["row"] for b in batches(900, **PLAIN)])
    counts = np.bincount(rows, minlength=len(LABEL))
    expected = 900 * 12 / len(LABEL)
    assert abs(counts / expected - 1).max() < 0.25


@KINDS
@pytest.mark.parametrize("start", [1, 3, 8])
def test_a_later_start_yields_what_the_run_from_0_yields(options, start):
    options = options | {"augment": noisy}
    assert_equal(batches(10, **options)[start:], batches(10 - start, start_step=start, **options))


@KINDS
def test_the_workers_parts_are_the_batch_of_a_single_one(options):
    options = options | {"augment": noisy}
    parts = [batches(7, worker=w, workers=2, **options) for w in range(2)]
    steps = zip(*parts, strict=True)
    joined = [{k: np.concatenate([p[k] for p in step]) for k in step[0]} for step in steps]
    assert_equal(batches(7, **options), joined)


def test_another_seed_makes_other_batches():
    a, b = batches(3, **PLAIN), batches(3, **PLAIN | {"seed": 6})
    assert any((x["row"] != y["row"]).any() for x, y in zip(a, b, strict=True))


def test_a_class_of_few_examples_repeats_them():
    data = pk_batches({"label": [7, 7, 9], "x": [1, 2, 3]}, classes=2, per_class=4, seed=0)
    batch = next(iter(data))
    assert sorted(batch["x"].numpy()) == [1, 1, 2, 2, 3, 3, 3, 3]


def test_augmentation_changes_a_batch_as_a_whole():
    def change(batch):
        return {"label": batch["label"] + 100, "x": tf.cast(batch["row"], tf.float32) / 2}

    plain, changed = batches(2, **PLAIN), batches(2, **PLAIN, augment=change)
    for one, other in zip(plain, changed, strict=True):
        np.testing.assert_array_equal(other["label"], one["label"] + 100)
        np.testing.assert_array_equal(other["x"], one["row"] / 2)


@pytest.mark.parametrize("options", [
    {"classes": 0}, {"per_class": 0}, {"classes": 15}, {"workers": 3, "worker": 0},
    {"workers": 2, "worker": 2}, {"workers": 2, "worker": -1}, {"seed": -1}, {"seed": 2**31},
    {"start_step": -1}, {"variants": 0}, {"together": 3}, {"family": "unknown"},
    {"family": "family", "together": 4}, {"together": 4, "workers": 2, "worker": 0},
])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        pk_batches(EXAMPLES, **PLAIN | options)


@pytest.mark.parametrize("examples", [
    {}, {"x": [1, 2]}, {"label": [0, 1], "x": [1]}, {"label": [0.5, 1.5]}, {"label": []},
    {"label": 3}, {"label": [0], "x": [np.nan]}, {"label": [0, 1], "index": [0, 1]},
    {"label": [0, 1], "variant": [0, 1]},
])
def test_examples_that_are_no_rows_with_labels_are_refused(examples):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        pk_batches(examples, classes=1, per_class=1, seed=0)
