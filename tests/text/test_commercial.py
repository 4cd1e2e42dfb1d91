"""Words for those who may use only what allows commercial use: the open model by itself, said in the notes; nothing that forbids it by a side door."""

import numpy as np
import pytest

import attune
from attune import registry
from attune.settings import COMMERCIAL, Settings
from attune.text import choose
from attune.text.language import reader
from attune.types import Segment
from attune.weights import COMMERCIAL as ALLOWED

SAMPLE = "samples/hello.mp4"


def test_the_default_gives_way_to_a_model_that_may_be_used() -> None:
    assert Settings(commercial_safe=True).text == "minilm_open"
    assert Settings().text == "minilm_emotions"
    assert Settings(commercial_safe=True, text=None).text is None
    assert Settings(commercial_safe=True, text="e5_german").text == "e5_german"           # asked for by name: refused when it is loaded


@pytest.mark.parametrize(("modality", "name"), COMMERCIAL.items())
def test_what_stands_in_may_be_used_is_packaged_and_reads_what_the_default_reads(modality: str, name: str) -> None:
    stands_in, default = (registry.load(f"attune.{modality}.models", n) for n in (name, getattr(Settings(), modality)))
    assert stands_in.LICENSE_CLASS in ALLOWED
    assert not hasattr(stands_in, "CHECKPOINTS")
    assert stands_in.LANGUAGES == default.LANGUAGES


def test_words_are_measured_with_no_other_option_and_the_notes_say_by_what() -> None:
    recording = attune.measure(SAMPLE, commercial_safe=True, face=None, voice=None)
    read = [e for e in recording if e.modality == "text"]
    assert {e.model for e in read} == {"minilm_open"}
    assert np.isfinite(read[0].values).any()
    assert "commercial_safe: text by minilm_open, share-alike" in recording.notes
    assert recording.versions["models"]["text"]["license_class"] == "share-alike"
    assert recording.settings["text"] == "minilm_open"


def test_without_it_nothing_of_it_is_said() -> None:
    assert not any("commercial" in note for note in attune.measure(SAMPLE, face=None, voice=None).notes)


def test_words_of_a_language_that_no_such_model_reads_have_no_values_and_a_reason() -> None:
    assert reader("de", "minilm_open", commercial=True) == "minilm_open"
    assert reader("de", "minilm_open") == "e5_german"
    assert choose([Segment(0, 1, text="Das ist doch nicht dein Ernst!")], "minilm_open", commercial=True) == ("minilm_open", "de")
    recording = attune.measure(SAMPLE, commercial_safe=True, face=None, voice=None, language="de")
    read = [e for e in recording if e.modality == "text"]
    assert np.isnan(read[0].values).all()
    assert "the model reads en, not de" in set(read[0].reason)
