"""One frozen dataclass holds every choice, each with a reason, and a range where there is one."""

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from attune.errors import SettingError, UnknownName
from attune.settings import Granularity, Settings

RANGED = [f for f in fields(Settings) if f.metadata["low"] is not None]


@pytest.mark.parametrize("option", fields(Settings), ids=lambda f: f.name)
def test_every_setting_has_a_reason(option):
    assert option.metadata["reason"]


@pytest.mark.parametrize("option", RANGED, ids=lambda f: f.name)
def test_both_ends_of_a_range_are_allowed(option):
    for end in ("low", "high"):
        assert getattr(Settings.of(**{option.name: option.metadata[end]}), option.name) == option.metadata[end]


@pytest.mark.parametrize("option", RANGED, ids=lambda f: f.name)
@pytest.mark.parametrize("beyond", [-1e9, 1e9, float("nan")])
def test_beyond_a_range_is_an_error_that_names_it(option, beyond):
    with pytest.raises(SettingError, match=f"{option.name}=.*expected a number from"):
        Settings.of(**{option.name: beyond})


def test_a_word_where_a_number_belongs_is_an_error():
    with pytest.raises(SettingError, match="fps='fast'; expected a number from"):
        Settings.of(fps="fast")


@pytest.mark.parametrize("granularity", get_args(Granularity))
def test_every_granularity_is_allowed(granularity):
    assert Settings(granularity=granularity).granularity == granularity


def test_another_granularity_lists_those_there_are():
    with pytest.raises(SettingError, match="expected one of word, sentence, utterance, turn, window"):
        Settings.of(granularity="paragraph")


def test_an_unknown_setting_is_an_error_with_the_nearest():
    with pytest.raises(UnknownName, match="no setting 'granularty'; did you mean 'granularity'"):
        Settings.of(granularty="word")


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().fps = 5  # type: ignore[misc]


def test_settings_survive_the_way_through_a_dictionary():
    settings = Settings(fps=7, voice=None, hop=0.25)
    assert Settings.of(**settings.asdict()) == settings
