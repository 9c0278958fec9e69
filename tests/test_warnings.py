"""Warnings are errors, but for those of third parties that are listed one by one."""

import configparser
import warnings
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / "setup.cfg"


def filters():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(SETUP)
    return [line for line in setup["tool:pytest"]["filterwarnings"].splitlines() if line]


def test_every_warning_is_an_error_unless_it_is_listed():
    assert filters()[0] == "error"


@pytest.mark.parametrize("line", filters()[1:])
def test_an_exception_names_one_message_and_its_category(line):
    action, message, category = line.split(":")[:3]
    assert action == "ignore"
    assert len(message.replace(r"[\s\S]*", "")) >= 20, "a message, not a whole category"
    assert category.endswith("Warning")


@pytest.mark.parametrize("category", [UserWarning, DeprecationWarning, RuntimeWarning])
def test_a_warning_of_ours_ends_a_test(category):
    with pytest.raises(category):
        warnings.warn("tfvision says so", category, stacklevel=1)
