"""Errors say what came, what was expected and what to do; each is a built-in kind too."""

import inspect
import re

import pytest

from attune import errors
from attune.errors import AttuneError, unknown

TREE = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, AttuneError)}


@pytest.mark.parametrize("name", sorted(TREE))
def test_every_error_is_drawn_in_the_tree(name):
    assert re.search(rf"\b{name}\b", errors.__doc__ or "")


@pytest.mark.parametrize("name", re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
def test_everything_in_the_tree_exists(name):
    assert name in TREE


@pytest.mark.parametrize(("name", "builtin"), re.findall(r"[├└]── (\w+) +\((\w+)\)", errors.__doc__ or ""))
def test_an_error_is_the_builtin_kind_that_the_tree_says(name, builtin):
    kinds = {"ValueError": ValueError, "LookupError": LookupError, "OSError": OSError, "ImportError": ImportError}
    assert issubclass(TREE[name], kinds[builtin])


def test_no_stream_is_a_media_error():
    assert issubclass(errors.NoStream, errors.MediaError)


def test_an_unknown_name_is_answered_with_the_nearest():
    assert str(unknown("label", "Arousel", ["valence", "arousal"])) == "no label 'Arousel'; did you mean 'arousal'?"


def test_the_nearest_name_keeps_its_own_case():
    assert "did you mean 'Joy'?" in str(unknown("label", "JOYY", ["Anger", "Joy"]))


def test_a_name_that_resembles_nothing_lists_all_there_are():
    assert str(unknown("label", "qqqq", ["valence", "arousal"])) == "no label 'qqqq'; there are: arousal, valence"


def test_a_name_where_there_is_nothing_says_none():
    assert str(unknown("model", "mine", [])) == "no model 'mine'; there are: none"
