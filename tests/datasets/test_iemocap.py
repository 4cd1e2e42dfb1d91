"""IEMOCAP on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import iemocap
from attune.errors import AttuneError
from attune.taxonomy import taxonomy

LABELS = taxonomy("iemocap9").labels
HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
TURNS = """[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 1.0000, 5.0000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Sadness;\t()
C-E4:\tOther;\t(weary (a bit))
C-F1:\tFrustration;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\txxx\t[3.0000, 3.0000, 3.0000]
C-E2:\tOther;\t(odd)
C-M1:\tAnger;\t()
"""


def mini(root: Path) -> None:
    """Two turns of a dialogue, and a dialogue of the last session without words."""
    for session, dialogue, turns in ((1, "Ses01F_impro01", TURNS), (5, "Ses05M_impro02", TURNS.replace("Ses01F_impro01", "Ses05M_impro02"))):
        folder = f"Session{session}"
        write(root, f"{folder}/dialog/EmoEvaluation/{dialogue}.txt", HEADER + turns)
        touch(root, *(f"{folder}/sentences/wav/{dialogue}/{dialogue}_{who}000.wav" for who in "FM"), f"{folder}/dialog/avi/DivX/{dialogue}.avi",
              f"{folder}/dialog/EmoEvaluation/Categorical/{dialogue}_e2_cat.txt")
    write(root, "Session1/dialog/transcriptions/Ses01F_impro01.txt", "Ses01F_impro01_F000 [006.2901-008.2357]: The bus.\nM: aside\n")


def test_values_are_shares_of_outsiders_votes_divided_where_they_chose_two(tmp_path: Path) -> None:
    mini(tmp_path)
    first = next(iter(iemocap.items(tmp_path)))
    assert {label: round(float(v), 3) for label, v in zip(LABELS, first.values, strict=True) if v} == {"neutral": 0.75, "sadness": 0.25}
    assert first.about["votes"] == {"neutral": 1.5, "sadness": 0.5, "other": 1.0}
    assert first.about["self"] == {"frustration": 1.0}
    assert (first.text, first.about["consensus"], first.about["sex"]) == ("The bus.", "neu", "F")


def test_ratings_are_laid_around_zero_in_the_order_of_the_taxonomy(tmp_path: Path) -> None:
    mini(tmp_path)
    np.testing.assert_allclose(next(iter(iemocap.items(tmp_path))).more["vad"], [-0.25, -1, 1])


def test_a_turn_that_only_is_other_has_no_values(tmp_path: Path) -> None:
    mini(tmp_path)
    second = list(iemocap.items(tmp_path))[1]
    assert np.isnan(second.values).all()
    assert second.about["votes"] == {"other": 1.0}


def test_a_film_is_a_stretch_of_the_dialogue(tmp_path: Path) -> None:
    mini(tmp_path)
    first = next(iter(iemocap.items(tmp_path, modality="both")))
    assert (first.path.name, first.start, first.end) == ("Ses01F_impro01.avi", 6.2901, 8.2357)


def test_sessions_are_split_and_a_speaker_is_a_session_and_a_sex(tmp_path: Path) -> None:
    mini(tmp_path)
    assert {item.group: item.split for item in iemocap.items(tmp_path)} == {
        "iemocap-1F": "train", "iemocap-1M": "train", "iemocap-5F": "test", "iemocap-5M": "test"
    }


def test_a_category_it_does_not_know_is_refused(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", TURNS.replace("Sadness", "Sadnes"))
    with pytest.raises(AttuneError, match="did you mean 'sadness'"):
        list(iemocap.items(tmp_path))
