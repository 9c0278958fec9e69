"""The contract of tfvision/data/__init__.py, for every reader and every embedded set there is."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import tfvision.data
from tfvision.data import files, synthetic
from tfvision.data.objects import ObjectSet

MODULES = [m.name for m in pkgutil.iter_modules(tfvision.data.__path__) if not m.ispkg]
READERS = [
    module
    for module in (importlib.import_module(f"tfvision.data.{name}") for name in MODULES)
    if hasattr(module, "FOLDER")
]
EMBEDDED = [
    module
    for module in (
        importlib.import_module(f"tfvision.data.synthetic.{m.name}")
        for m in pkgutil.iter_modules(synthetic.__path__)
    )
    if hasattr(module, "SPLITS")
]


def arrays_of(loaded):
    """What a reader returned as a dict of arrays: of an ObjectSet, its records' fields."""
    if not isinstance(loaded, ObjectSet):
        return loaded
    names = ("name", "boxes", "classes", "areas")
    rows = {name: [getattr(record, name) for record in loaded] for name in names}
    return rows | {"image": [record.pixels() for record in loaded]}


def name_of(module):
    return module.__name__.rpartition(".")[2]


every_reader = pytest.mark.parametrize("reader", READERS, ids=name_of)
every_embedded = pytest.mark.parametrize("made", EMBEDDED, ids=name_of)


def test_there_are_readers_and_embedded_sets():
    assert {"isbi2012", "mnist", "omniglot", "pairs"} <= {name_of(r) for r in READERS}
    assert {"membranes", "digits", "glyphs"} <= {name_of(m) for m in EMBEDDED}


@every_reader
def test_a_reader_says_what_where_and_whose_the_data_is(reader):
    for name in ("FOLDER", "PUBLISHER", "LAYOUT", "LICENCE"):
        text = getattr(reader, name)
        assert isinstance(text, str) and text.strip() and "\n" not in text, name
    assert reader.__doc__.splitlines()[0].endswith(".")
    assert all(isinstance(split, str) for split in reader.SPLITS) and len(reader.SPLITS) > 0
    assert all(isinstance(name, str) for name in getattr(reader, "CLASSES", ()))
    for part, whole in getattr(reader, "PARTS", {}).items():
        assert part in reader.SPLITS and whole in reader.SPLITS


@every_reader
def test_load_and_check_take_a_root_first(reader):
    load, check = (inspect.signature(f).parameters for f in (reader.load, reader.check))
    assert list(load)[:2] == ["root", "split"] and list(check)[0] == "root"
    assert load["root"].default is None and check["root"].default is None
    assert load["split"].default in reader.SPLITS
    for name in list(load)[2:] + list(check)[1:]:
        parameter = load.get(name) or check[name]
        assert parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty


@every_reader
def test_a_missing_folder_is_told_with_folder_and_publisher(reader, tmp_path, monkeypatch):
    absent = tmp_path / "absent"
    for call in (lambda: reader.load(absent), lambda: list(reader.check(absent))):
        with pytest.raises(files.DataError) as error:
            call()
        assert str(absent) in str(error.value) and reader.PUBLISHER in str(error.value)
    monkeypatch.setenv("TFVISION_DATA", str(tmp_path))
    with pytest.raises(files.DataError, match=str(tmp_path / reader.FOLDER)):
        reader.load()
    assert list(tmp_path.iterdir()) == [], "nothing is created"


@every_reader
def test_an_empty_folder_is_a_fault_that_names_it(reader, tmp_path):
    with pytest.raises(files.DataError, match=str(tmp_path)):
        reader.load(tmp_path)
    faults = []
    try:
        faults += reader.check(tmp_path)
    except files.DataError as fault:
        faults.append(str(fault))
    assert faults and all(str(tmp_path) in fault and "\n" not in fault for fault in faults)


@every_reader
def test_an_unknown_split_is_refused_by_name(reader, tmp_path):
    if name_of(reader) != "pairs":  # Its splits are files; see test_pairs.
        with pytest.raises(ValueError, match="Expected split in .*Received: split='no such'"):
            reader.load(tmp_path, "no such")


@every_embedded
def test_the_same_arguments_make_the_same_arrays_and_another_seed_makes_others(made):
    split = "validation" if "validation" in made.SPLITS else list(made.SPLITS)[-1]
    loaded = made.load(split), made.load(split, seed=0), made.load(split, seed=1)
    one, again, other = map(arrays_of, loaded)
    assert len({len(values) for values in one.values()}) == 1
    for name, values in one.items():
        for row, same in zip(values, again[name], strict=True):
            np.testing.assert_array_equal(row, same)
    pairs = (pair for name in one for pair in zip(one[name], other[name], strict=True))
    assert any(not np.array_equal(*pair) for pair in pairs)


@every_embedded
def test_an_embedded_set_refuses_an_unknown_split(made):
    parameters = inspect.signature(made.load).parameters
    assert parameters["split"].default in made.SPLITS and parameters["seed"].default == 0
    with pytest.raises(ValueError, match="Expected split in .*Received: split='no such'"):
        made.load("no such")


def test_readers_import_neither_tensorflow_nor_each_other_at_import():
    """So that `tfvision doctor` answers at once."""
    names = ", ".join(reader.__name__ for reader in READERS)
    code = f"import sys, {names}; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
