"""engine.ties: neighbours at one distance may change places, others may not."""

import numpy as np
import pytest

from tfvision.engine import proof
from tfvision.engine.ties import forgiven

TRUTH = {
    "neighbours": np.int32([[7, 3, 9, 4]]),
    "class_ids": np.int32([[1, 0, 1, 0]]),
    "distances": np.float32([[0.1, 0.2, 0.20001, 0.5]]),
}


def answer(*neighbours, class_ids=(5, 5, 5, 5)):
    return TRUTH | {"neighbours": np.int32([neighbours]), "class_ids": np.int32([class_ids])}


def same(given):
    found = forgiven(TRUTH, given, 1e-4)
    return (found["neighbours"] == TRUTH["neighbours"]).tolist()[0]


@pytest.mark.parametrize("neighbours, equal", [
    ((7, 3, 9, 4), [True] * 4),
    ((7, 9, 3, 4), [True] * 4),  # 3 and 9 are equally far.
    ((3, 7, 9, 4), [False, False, True, True]),
    ((7, 3, 9, 88), [True] * 4),  # Behind the last there may be others as far as that.
    ((88, 3, 9, 4), [False, True, True, True]),
    ((7, 3, 4, 9), [True, True, False, False]),
])
def test_only_ties_are_forgiven(neighbours, equal):
    assert same(answer(*neighbours)) == equal


def test_classes_are_forgiven_where_their_neighbours_are():
    given = answer(3, 9, 3, 4, class_ids=(0, 1, 0, 0))
    found = forgiven(TRUTH, given, 1e-4)
    np.testing.assert_array_equal(found["class_ids"], [[0, 0, 1, 0]])
    np.testing.assert_array_equal(found["distances"], TRUTH["distances"])


def test_all_else_is_left_alone():
    for truth in ({"embedding": np.ones([1, 3])}, {"neighbours": np.ones([1, 3], int)}):
        other = {name: value + 1 for name, value in truth.items()}
        assert forgiven(truth, other, 1e-4) is other
    short = {name: value[:, :2] for name, value in TRUTH.items()}
    assert forgiven(TRUTH, short, 1e-4) is short


def test_the_proof_takes_a_tie_and_refuses_another_neighbour():
    def deviations(given):
        outputs = {f"tflite|search|0|{name}": value for name, value in given.items()}
        found = proof.compare("tflite", None, {"search": (None, [TRUTH])}, outputs)["search"]
        return {name: how["within"] for name, how in found.items()}

    assert all(deviations(answer(7, 9, 3, 4, class_ids=(1, 1, 0, 0))).values())
    wrong = deviations(answer(9, 7, 3, 4, class_ids=(1, 1, 0, 0)))
    assert not wrong["neighbours"] and wrong["distances"]
