"""What every module in attune/datasets must state and keep; a new one is found by itself.

`tests/datasets/test_<name>.py` has a function `mini(root)`: it writes a made-up, smallest possible tree in the official layout (files
may be empty, `trees_made` has helpers; nothing is opened). Here every corpus is read from its tree; what is special about it is tested in its own file.
"""

import importlib.util
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from attune import datasets
from attune.errors import AttuneError
from attune.taxonomy import names as taxonomies
from attune.taxonomy import taxonomy
from attune.weights import LicenceClass

MINI = Path(__file__).parents[1] / "datasets"
MODALITIES = {"face", "voice", "text", "features"}
every_corpus = pytest.mark.parametrize("name", datasets.names())


@pytest.fixture
def tree(name, tmp_path):
    """The folder that `mini` of the corpus's own test fills."""
    path = MINI / f"test_{name}.py"
    assert path.is_file(), f"no tests/datasets/{path.name}; write one with a function mini(root)"
    spec = importlib.util.spec_from_file_location(f"mini_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.mini(tmp_path)
    return tmp_path


@every_corpus
@pytest.mark.parametrize("fact", ["title", "citation", "license", "obtain", "speakers"])
def test_every_fact_is_stated(name, fact):
    stated = datasets.load(name).FACTS[fact]
    assert isinstance(stated, str)
    assert stated.strip()


@every_corpus
def test_licence_and_taxonomies_are_known_ones(name):
    facts = datasets.load(name).FACTS
    assert facts["license_class"] in get_args(LicenceClass)
    assert {facts["taxonomy"], *facts.get("more", ())} <= set(taxonomies())
    assert isinstance(facts.get("more", ()), tuple)


@every_corpus
def test_modalities_languages_and_files_are_stated(name):
    facts = datasets.load(name).FACTS
    assert facts["modalities"]
    assert set(facts["modalities"]) <= MODALITIES
    assert isinstance(facts["modalities"], tuple) and isinstance(facts["languages"], tuple)
    assert all(re.fullmatch("[a-z]{2}", code) for code in facts["languages"])          # none where nobody says a word
    assert facts["files"]
    assert all(count is None or count > 0 for count in facts["files"].values())


@every_corpus
def test_splits_and_traps_are_written_down(name):
    facts = datasets.load(name).FACTS
    assert facts["splits"] and set(facts["splits"]) <= set(datasets.SPLITS)
    assert all(isinstance(what, str) and what for what in facts["splits"].values())
    assert isinstance(facts["traps"], tuple) and facts["traps"]
    assert all(isinstance(trap, str) and trap for trap in facts["traps"])


@every_corpus
def test_the_citation_has_a_year(name):
    facts = datasets.load(name).FACTS
    assert any(f"({year})" in facts["citation"] for year in range(1970, 2030))


@every_corpus
def test_an_empty_folder_is_an_error_that_says_what_is_missing(name, tmp_path):
    with pytest.raises((AttuneError, FileNotFoundError)) as error:
        list(datasets.load(name).items(tmp_path))
    assert tmp_path.name in str(error.value)


@every_corpus
def test_the_folder_may_be_given_as_text(name, tmp_path):
    with pytest.raises((AttuneError, FileNotFoundError)):
        list(datasets.load(name).items(str(tmp_path / "not there")))


@every_corpus
def test_its_mini_tree_is_read_as_items(name, tree):
    module = datasets.load(name)
    facts, found = module.FACTS, list(module.items(tree))
    assert found
    assert len({item.id for item in found}) == len(found)
    for item in found:
        assert isinstance(item, datasets.Item)
        assert item.split in facts["splits"]
        assert item.path is not None or item.text or item.pixels is not None or item.features, f"{item.id} has nothing to look at"
        assert item.path is None or isinstance(item.path, Path)
        assert item.start >= 0 and (item.end is None or item.end > item.start)
        assert set(item.more) <= set(facts.get("more", ()))
        for of, values in {facts["taxonomy"]: item.values, **item.more}.items():
            assert_values(of, values)
        for rows in item.features.values():
            assert rows.dtype == np.float32 and rows.ndim in (1, 2)
        if item.pixels is not None:
            assert item.pixels.dtype == np.uint8
        if item.trace is not None:
            assert item.trace.dtype == np.float32 and item.trace.shape[1] == 1 + len(item.values)
            assert (np.diff(item.trace[:, 0]) > 0).all()
            for values in item.trace[:, 1:]:
                assert_values(facts["taxonomy"], values)
        assert item.about.get("sex") in (None, "F", "M")


def assert_values(of, values):
    assert values.dtype == np.float32 and values.shape == (len(taxonomy(of)),)
    known = values[~np.isnan(values)]
    low, high = taxonomy(of).range
    assert ((known >= low - 1e-6) & (known <= high + 1e-6)).all(), f"{values} isn't in {low}..{high}"
    if taxonomy(of).kind == "exclusive" and len(known):
        assert known.sum() == pytest.approx(1, abs=1e-5)


@every_corpus
def test_nothing_is_odd_about_its_mini_tree_but_that_it_is_small(name, tree):
    checked = datasets.check(name, tree)
    assert all(found for found, _ in checked.files.values()), f"nothing matches {[p for p, (n, _) in checked.files.items() if not n]}"
    assert [problem for problem in checked.problems if not re.search(r": \d+ files, \d+ in the official release$", problem)] == []
