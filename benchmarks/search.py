"""Exact search of a gallery inside a TFLite file, on one thread, against NumPy and libraries.

One query at a time, the five nearest. Libraries take part where they are installed.
"""

import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfvision import engine
from tfvision.commands.bench import INPUTS, Case
from tfvision.engine import formats
from tfvision.models.index import Index

K = 5


def cases():
    """Yields every comparison."""
    for n, d, store in (
        (10_000, 32, "float32"), (10_000, 64, "float32"), (10_000, 128, "float32"),
        (10_000, 128, "int8"), (100_000, 128, "float32"), (100_000, 128, "int8"),
    ):
        yield search(n, d, store)


def search(n, d, store):
    """One gallery of n vectors of length 1 with d numbers each."""
    random = np.random.default_rng(0)
    gallery = unit(random.normal(size=[n, d]))
    queries = unit(random.normal(size=[INPUTS, 1, d]))
    peers = {"NumPy": partial(numpy_search, gallery, queries)}
    peers |= faiss_peer(gallery, queries) | sklearn_peer(gallery, queries)
    size = {"float32": 4, "int8": 1}[store]
    return Case(f"search {n} x {d} {store}", lite(gallery, queries, store), peers, n * d * size)


def unit(vectors):
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def lite(gallery, queries, store):
    """The search part of an exported model in LiteRT: (number of the query) -> outputs."""
    n, d = gallery.shape
    index = Index(tf.identity, gallery, np.zeros(n, int), k=K, store=store)
    spec = {"query": tf.TensorSpec([None, d], tf.float32, name="query")}
    signature = engine.Signature(
        lambda query: index.nearest(query), spec, fixed={"query": [1, d]}
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.tflite")
        formats.write_tflite({"serving_default": signature}, file)
        print(f"search {n} x {d} {store}: model.tflite has {os.path.getsize(file) / 1e6:.1f} MB")
        content = file.read_bytes()
    model = Interpreter(model_content=content, num_threads=1)
    run = model.get_signature_runner("serving_default")

    def call(i):
        return run(query=queries[i])

    call.kept = model, content  # The interpreter reads them where they are.
    return call


def numpy_search(gallery, queries, i):
    """A product with all rows, the five best sorted."""
    likeness = (queries[i] @ gallery.T)[0]
    best = np.argpartition(-likeness, K)[:K]
    return best[np.argsort(-likeness[best])]


def faiss_peer(gallery, queries):
    """faiss' exact index, on one thread, where it is installed."""
    try:
        import faiss
    except ImportError:
        return {}
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(gallery.shape[1])
    index.add(gallery)
    return {"faiss.IndexFlatL2": lambda i: index.search(queries[i], K)}


def sklearn_peer(gallery, queries):
    """scikit-learn's search without a tree, where it is installed."""
    try:
        from sklearn.neighbors import NearestNeighbors
    except ImportError:
        return {}
    index = NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=1).fit(gallery)
    return {"sklearn.NearestNeighbors": lambda i: index.kneighbors(queries[i])}
