"""What every module in attune/datasets must state and keep; a new one is found by itself. Mini trees are in tests/datasets."""

from typing import get_args

import pytest

from attune import registry
from attune.errors import AttuneError
from attune.taxonomy import names as taxonomies
from attune.weights import LicenceClass

FOLDER = "attune.datasets"
every_corpus = pytest.mark.parametrize("name", registry.names(FOLDER))


@every_corpus
@pytest.mark.parametrize("fact", ["title", "citation", "license", "obtain", "speakers"])
def test_every_fact_is_stated(name, fact):
    stated = registry.load(FOLDER, name).FACTS[fact]
    assert isinstance(stated, str)
    assert stated.strip()


@every_corpus
def test_licence_and_taxonomy_are_known_ones(name):
    facts = registry.load(FOLDER, name).FACTS
    assert facts["license_class"] in get_args(LicenceClass)
    assert facts["taxonomy"] in taxonomies()


@every_corpus
def test_splits_and_traps_are_written_down(name):
    facts = registry.load(FOLDER, name).FACTS
    assert "train" in facts["splits"]
    assert all(isinstance(what, str) and what for what in facts["splits"].values())
    assert all(isinstance(trap, str) and trap for trap in facts["traps"])
    assert facts["traps"]


@every_corpus
def test_the_citation_has_a_year(name):
    facts = registry.load(FOLDER, name).FACTS
    assert any(f"({year})" in facts["citation"] for year in range(1970, 2030))


@every_corpus
def test_an_item_says_its_split_and_what_must_not_cross_it(name):
    assert {"id", "split", "group", "values"} <= set(registry.load(FOLDER, name).Item._fields)


@every_corpus
def test_an_empty_folder_is_an_error_that_says_what_is_missing(name, tmp_path):
    with pytest.raises((AttuneError, FileNotFoundError)) as error:
        list(registry.load(FOLDER, name).items(tmp_path))
    assert tmp_path.name in str(error.value)


@every_corpus
def test_the_folder_may_be_given_as_text(name, tmp_path):
    with pytest.raises((AttuneError, FileNotFoundError)):
        list(registry.load(FOLDER, name).items(str(tmp_path / "not there")))
