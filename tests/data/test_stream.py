"""tfvision.data.stream: batches are a function of the step, whoever asks and whenever."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfvision.data.stream import stream

COUNT = 23
EXAMPLES = {
    "row": np.arange(COUNT),
    "image": np.random.default_rng(0).random([COUNT, 3, 2], np.float32),
}


def noisy(example, seed):
    noise = tf.random.stateless_normal([3, 2], seed)
    return {"row": example["row"], "image": example["image"] + noise}


AUGMENT = pytest.mark.parametrize("augment", [None, noisy], ids=["plain", "augmented"])


def batches(count, **options):
    options = {"batch_size": 6, "seed": 3} | options
    data = stream(EXAMPLES, **options)
    return [{k: v.numpy() for k, v in b.items()} for b in itertools.islice(data, count)]


def assert_equal(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@AUGMENT
@pytest.mark.parametrize("start", [1, 4, 7])
def test_a_later_start_yields_what_the_run_from_0_yields(augment, start):
    whole = batches(10, augment=augment)
    assert_equal(whole[start:], batches(10 - start, augment=augment, start_step=start))


@AUGMENT
@pytest.mark.parametrize("workers", [2, 3])
def test_the_workers_parts_are_the_batch_of_a_single_one(augment, workers):
    parts = [batches(8, augment=augment, worker=w, workers=workers) for w in range(workers)]
    steps = zip(*parts, strict=True)
    joined = [{k: np.concatenate([p[k] for p in step]) for k in step[0]} for step in steps]
    assert_equal(batches(8, augment=augment), joined)


@AUGMENT
def test_a_worker_resumes_as_it_would_have_gone_on(augment):
    options = {"augment": augment, "worker": 1, "workers": 2}
    assert_equal(batches(9, **options)[5:], batches(4, start_step=5, **options))


@AUGMENT
def test_the_number_of_parallel_calls_changes_nothing(augment):
    alone = batches(8, augment=augment, parallel=1)
    for parallel in (3, tf.data.AUTOTUNE):
        assert_equal(alone, batches(8, augment=augment, parallel=parallel))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 23])
def test_every_epoch_is_a_permutation_and_epochs_differ(count):
    data = stream({"row": np.arange(count)}, batch_size=count, seed=1)
    epochs = [b["row"].numpy() for b in itertools.islice(data, 12)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(count))
    assert count < 3 or len({tuple(epoch) for epoch in epochs}) > 1


def test_rows_stay_together_and_every_one_comes_as_often_as_any():
    found = batches(COUNT)  # 6 epochs in batches of 6, which do not divide an epoch
    rows = np.concatenate([b["row"] for b in found])
    assert (np.bincount(rows) == 6).all()
    images = np.concatenate([b["image"] for b in found])
    np.testing.assert_array_equal(images, EXAMPLES["image"][rows])
    np.testing.assert_array_equal(np.concatenate([b["index"] for b in found]), np.arange(6 * COUNT))


def test_augmentation_changes_no_order_and_differs_from_epoch_to_epoch():
    plain, changed = batches(COUNT), batches(COUNT, augment=noisy)
    rows = np.concatenate([b["row"] for b in changed])
    np.testing.assert_array_equal(np.concatenate([b["row"] for b in plain]), rows)
    noise = np.concatenate([b["image"] for b in changed]) - EXAMPLES["image"][rows]
    assert len({one.tobytes() for one in noise}) == len(noise)


@AUGMENT
def test_another_seed_makes_other_batches(augment):
    one, other = (batches(4, augment=augment, seed=seed) for seed in (3, 4))
    assert any((a["row"] != b["row"]).any() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", [0, 3, 2**31 - 1])
def test_every_row_comes_at_every_place_equally_often(seed):
    n, epochs = 20, 1000
    data = stream({"row": np.arange(n)}, batch_size=n * epochs, seed=seed)
    orders = next(iter(data))["row"].numpy().reshape(epochs, n)
    counts = np.stack([np.bincount(orders[:, place], minlength=n) for place in range(n)])
    freedom, expected = (n - 1) ** 2, epochs / n
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)
    assert len({tuple(order) for order in orders}) > epochs - 5, "hardly an order comes twice"
    neighbours = (np.diff(orders, axis=1) == 1).mean()
    assert abs(neighbours - 1 / n) < 0.01


def test_the_stream_is_the_same_at_a_step_that_no_training_reaches():
    late = batches(2, start_step=10**12)
    assert late[0]["index"].tolist() == list(range(6 * 10**12, 6 * 10**12 + 6))


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 5, "workers": 2},
        {"batch_size": 0},
        {"worker": 2, "workers": 2},
        {"worker": -1},
        {"workers": 0},
        {"seed": -1},
        {"seed": 2**31},
        {"start_step": -1},
    ],
)
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        stream(EXAMPLES, **({"batch_size": 6, "seed": 0} | options))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_number_that_is_none_is_found_with_its_row_before_training(bad, kind):
    depth = np.zeros([5, 4, 4], kind)
    depth[3, 2, 1] = bad
    with pytest.raises(ValueError, match=r"depth\[3\] has NaN or infinity"):
        stream({"row": np.arange(5), "depth": depth}, batch_size=2, seed=0)


def test_large_but_finite_numbers_are_no_fault():
    large = np.full([4, 100], 6e4, np.float16)  # Their sum is beyond the type's range.
    assert next(iter(stream({"x": large}, batch_size=4, seed=0)))["x"].shape == [4, 100]


@pytest.mark.parametrize(
    "examples",
    [
        {},
        {"x": np.zeros([0, 3])},
        {"x": np.zeros(3), "y": np.zeros(4)},
        {"x": np.float32(1)},
        {"index": np.zeros(3)},
    ],
)
def test_examples_that_are_no_rows_are_refused(examples):
    with pytest.raises(ValueError, match="Received: "):
        stream(examples, batch_size=2, seed=0)
