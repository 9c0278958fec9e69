"""models.index: a gallery that is searched exactly, in the model and in its exported file."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfvision import engine
from tfvision.engine import formats
from tfvision.models.index import Index, packed

RANDOM = np.random.default_rng(0)
MIXING = RANDOM.normal(size=[16, 12]).astype(np.float32)
SIGNATURE = {"image": tf.TensorSpec([None, 4, 4, 1], tf.uint8, name="image")}


def embed(image):
    """Twelve numbers of an image, far from the origin."""
    flat = tf.reshape(tf.cast(image, tf.float32) / 255, [-1, 16])
    return tf.matmul(flat, MIXING) + 50.0


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, [n, 4, 4, 1], np.uint8)


def made(n=500, **options):
    gallery = images(n)
    return Index(embed, embed(gallery), np.arange(n) % 7, **options), gallery


def brute_force(index, queries, gallery):
    """Numbers and distances of the k nearest by differences in float64; of equals the lower."""
    a, b = (embed(x).numpy().astype(np.float64) for x in (queries, gallery))
    apart = np.sqrt(((a[:, None] - b) ** 2).sum(-1))
    order = np.argsort(apart, 1, kind="stable")[:, : index.k]
    return order, np.take_along_axis(apart, order, 1)


def test_a_search_finds_what_brute_force_finds():
    index, gallery = made(k=9)
    queries = images(20, seed=1)
    found, (order, apart) = index.search(queries), brute_force(index, queries, gallery)
    np.testing.assert_array_equal(found["neighbours"], order)
    np.testing.assert_array_equal(found["class_ids"], order % 7)
    np.testing.assert_allclose(found["distances"], apart, atol=2e-5)
    np.testing.assert_array_equal(found["embedding"], embed(queries))


def test_an_item_finds_itself_and_of_doubles_the_first():
    gallery = np.concatenate([images(50), images(50)])
    index = Index(embed, embed(gallery), np.zeros(100, int), k=2)
    found = index.search(gallery[50:])
    order = np.stack([np.arange(50), np.arange(50, 100)], 1)
    np.testing.assert_array_equal(found["neighbours"], order)
    np.testing.assert_allclose(found["distances"], np.zeros([50, 2]), atol=1e-5)


@pytest.fixture(scope="module", params=["float32", "int8"])
def exported(request, tmp_path_factory):
    """An index of 10,000 items with its TFLite file."""
    index, gallery = made(10_000, k=5, store=request.param)
    file = tmp_path_factory.mktemp("index") / "model.tflite"
    signature = engine.Signature(index.search, SIGNATURE, fixed={"image": [1, 4, 4, 1]})
    formats.write_tflite({"serving_default": signature, "search": signature}, file)
    return index, gallery, file


def test_the_file_holds_the_gallery_once(exported):
    index, _, file = exported
    bytes_each = {"float32": 12 * 4 + 4 + 4, "int8": 12 + 4 + 4 + 4}[index.vectors.dtype.name]
    assert 10_000 * bytes_each <= file.stat().st_size < 10_000 * bytes_each * 1.1 + 40_000


def test_the_exported_search_is_brute_force(exported):
    index, gallery, file = exported
    search = Interpreter(str(file)).get_signature_runner("search")
    queries = images(30, seed=2)
    order, apart = brute_force(index, queries, gallery)
    found = [search(image=query[None]) for query in queries]
    neighbours, distances = (
        np.concatenate([one[name] for one in found]) for name in ("neighbours", "distances")
    )
    if index.vectors.dtype == tf.float32:
        np.testing.assert_array_equal(neighbours, order)
        np.testing.assert_allclose(distances, apart, atol=2e-5)
    else:
        kept = [len(set(a) & set(b)) for a, b in zip(neighbours, order, strict=True)]
        assert np.mean(kept) / 5 >= 0.95
        np.testing.assert_allclose(distances, apart, rtol=0.02)


def test_int8_is_the_nearest_of_255_steps_of_each_row():
    rows = RANDOM.normal(size=[40, 9]).astype(np.float32) * np.logspace(-6, 6, 40)[:, None]
    rows[3] = 0
    numbers, scales = packed(rows)
    assert numbers.dtype == np.int8 and (np.abs(numbers).max(1)[np.arange(40) != 3] == 127).all()
    off = np.abs(numbers * scales[:, None].astype(np.float64) - rows)
    assert (off <= 0.5001 * scales[:, None]).all()


def test_items_that_are_all_one_are_at_distance_0():
    index = Index(embed, embed(np.zeros([4, 4, 4, 1], np.uint8)), [0, 1, 2, 3], k=4, store="int8")
    found = index.search(np.zeros([1, 4, 4, 1], np.uint8))
    np.testing.assert_array_equal(found["neighbours"], [[0, 1, 2, 3]])
    np.testing.assert_array_equal(found["distances"], np.zeros([1, 4]))


@pytest.mark.parametrize("vectors, class_ids, options", [
    (np.zeros([3, 2]), [0, 1], {}), (np.zeros(3), [0, 1, 2], {}), (np.zeros([3, 2]), [0] * 3, {}),
    (np.zeros([3, 2]), [0] * 3, {"k": 0}), (np.zeros([3, 2]), [0] * 3, {"store": "int4"}),
    (np.float32([[1], [np.nan]]), [0, 1], {"k": 1}),
])
def test_what_makes_no_gallery_is_refused(vectors, class_ids, options):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        Index(embed, vectors, class_ids, **options)
