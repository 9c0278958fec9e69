"""models.pointnet: a function of a set, which its critical points decide."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.models import pointnet

RANDOM = np.random.default_rng(0)
PARTS = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
MAKERS = {
    "classes": lambda **o: pointnet.classifier(5, width=0.1, **o),
    "parts": lambda **o: pointnet.part_segmenter(PARTS, width=0.05, **o),
    "scenes": lambda **o: pointnet.semantic_segmenter(4, channels=3, width=0.1, **o),
}


def shaken(make, **options):
    """A network whose weights and running averages are anything, as after a training."""
    model = make(**options)
    for weight in model.variables:
        noise = RANDOM.normal(size=weight.shape).astype(np.float32)
        fan = max(weight.shape[0], 1) ** 0.5 if len(weight.shape) == 2 else 4
        weight.assign(np.abs(weight + noise / fan) if "variance" in weight.path
                      else weight + noise / fan)
    return model


def batch(b=8, n=40):
    random = np.random.default_rng(1)
    label = np.arange(b, dtype=np.int32) % 2
    points = random.normal(size=[b, n, 3]).astype(np.float32) * (1 + label[:, None, None])
    part = (points[..., 2] > 0).astype(np.int32) + 2 * label[:, None]
    return {"points": points, "label": label, "part": part, "index": np.arange(b)}


@pytest.fixture(scope="module")
def model():
    return shaken(MAKERS["classes"])


def cloud(n=300, b=1, seed=0):
    found = np.random.default_rng(seed).uniform(-1, 1, [b, n, 3]).astype(np.float32)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def equal(a, b):
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_the_paper_s_widths_are_the_default():
    model = pointnet.classifier(40)
    shapes = [tuple(w.shape) for w in model.trainable_weights if len(w.shape) == 2]
    tnet = [(64, 128), (128, 1024), (1024, 512), (512, 256)]
    own = [(3, 64), (64, 64), (64, 64), (64, 128), (128, 1024), (1024, 512), (512, 256), (256, 40)]
    expected = own + [(3, 64), *tnet, (256, 9)] + [(64, 64), *tnet, (256, 64 * 64)]
    assert sorted(shapes) == sorted(expected)
    half = pointnet.classifier(40, width=0.5)
    assert half.encoder.pool.dense.units == 512 and half.head.hidden[0].units == 256


@pytest.mark.parametrize("kind", MAKERS)
def test_the_order_of_points_does_not_matter_to_the_last_bit(kind):
    model, order = shaken(MAKERS[kind]), RANDOM.permutation(300)
    points, category = cloud(b=2), None if kind != "parts" else np.array([0, 1])
    logits, turned = (model.logits(p, category) for p in (points, points[:, order]))
    equal(logits if kind == "classes" else logits.numpy()[:, order], turned)


@pytest.mark.parametrize("symmetric", ["sum", "mean"])
def test_of_sums_the_order_matters_in_rounding_only(symmetric):
    model, points = shaken(MAKERS["classes"], symmetric=symmetric), cloud()
    turned = points[:, RANDOM.permutation(300)]
    np.testing.assert_allclose(model.logits(points), model.logits(turned), rtol=1e-4, atol=1e-5)


def test_the_critical_points_decide_to_the_last_bit(model):
    for seed in range(3):
        points = cloud(seed=seed)
        critical = model.critical(points).numpy()[0]
        assert 0.02 < critical.mean() < 0.9
        equal(model.logits(points[:, critical]), model.logits(points))


def test_without_one_of_them_some_maximum_is_lower(model):
    """Of nearly all: another point may give the same to the last bit."""
    points, maxima = cloud(), tf.function(model.encoder.maxima)
    whole = [f.numpy().max(1) for f in maxima(tf.constant(points))]
    rows, lower = np.flatnonzero(model.critical(points).numpy()[0])[:30], 0
    for row in rows:
        less = [f.numpy().max(1) for f in maxima(tf.constant(np.delete(points, row, 1)))]
        lower += any((b < a).any() for a, b in zip(whole, less, strict=True))
    assert lower > 0.9 * len(rows)


def test_every_set_between_the_critical_and_the_upper_bound_is_the_same_to_the_network(model):
    points = cloud()
    critical = points[0][model.critical(points).numpy()[0]]
    places = RANDOM.uniform(-1, 1, [6000, 3]).astype(np.float32)
    upper = places[model.below(tf.constant(points), tf.constant(places))[0]]
    assert 50 < len(upper) < 6000
    for count in (1, 7, len(upper)):
        between = np.concatenate([critical, upper[:count], points[0, : count % 40]])
        equal(model.logits(between[None, RANDOM.permutation(len(between))]), model.logits(points))
    others = places[~model.below(tf.constant(points), tf.constant(places))[0]]
    changed = np.concatenate([points[0], others[:200]])[None]
    assert np.any(model.logits(changed).numpy() != model.logits(points).numpy())


def test_all_points_of_a_set_lie_below_its_upper_bound(model):
    points = cloud()
    assert model.below(tf.constant(points), tf.constant(points[0])).all()


def test_repeated_points_change_nothing_wherever_the_set_lies(model):
    points = cloud()
    twice = np.concatenate([points, np.repeat(points[:, :1], 50, 1)], 1)
    for found in zip(model.classify(points), model.classify(twice), strict=True):
        equal(*found)
    moved = model.classify(points * 16 + 4)[0]
    np.testing.assert_allclose(moved, model.classify(points)[0], rtol=1e-3, atol=1e-4)


def test_the_critical_points_of_the_exported_function_give_the_set_s_features(model):
    points = tf.constant(cloud())
    critical = model.classify(points)[1].numpy()[0]
    local, _ = model.encoder.local(model.posed(points))
    features = model.encoder.pool.dense(local[-1]).numpy()[0]
    there = critical >= 0
    equal(features.max(0)[~there], np.zeros(sum(~there)))
    equal(features[critical[there], np.flatnonzero(there)], features.max(0)[there])


@pytest.mark.parametrize("kind", MAKERS)
def test_it_learns_what_tells_the_sets_apart(kind):
    keras.utils.set_random_seed(0)
    plain = {} if kind == "scenes" else {"input_transform": False, "feature_transform": False}
    model = MAKERS[kind](keep=1.0, **plain)
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    data = tf.data.Dataset.from_tensors(batch()).repeat(15)
    history = model.fit(data, epochs=3, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.5 * history["loss"][0] and history["accuracy"][-1] > 0.8


def test_parts_that_a_category_does_not_have_are_never_found():
    model = shaken(MAKERS["parts"])
    labels, probabilities = model.segment(cloud(b=2), np.array([0, 1]))
    assert set(np.unique(labels[0])) <= {0, 1} and set(np.unique(labels[1])) <= {2, 3}
    np.testing.assert_allclose(np.sum(probabilities, -1), 1, rtol=1e-5)


def test_dropout_belongs_to_examples():
    model = MAKERS["classes"]()
    index = np.arange(6)
    whole, half = model.dropout(index, 40), model.dropout(index[3:], 40)
    equal(whole[3:], half)
    assert set(np.unique(whole)) == {0, np.float32(1 / 0.7)}
    assert MAKERS["classes"](keep=1.0).dropout(index, 40) is None


@pytest.mark.parametrize("options", [{"symmetric": "min"}, {"keep": 0.0}])
def test_what_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match="Received"):
        MAKERS["classes"](**options)


@pytest.mark.parametrize("kind", MAKERS)
def test_it_is_saved_and_loaded(kind, tmp_path):
    model = shaken(MAKERS[kind])
    model.compile(optimizer=keras.optimizers.Adam())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    category = np.array([0]) if kind == "parts" else None
    equal(loaded.logits(cloud(), category), model.logits(cloud(), category))
