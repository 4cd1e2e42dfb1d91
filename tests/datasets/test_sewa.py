"""SEWA (AVEC 2017) on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import sewa
from attune.errors import MediaError

LABELS = "'Train_01';0.0;0.2;-0.4;0.1\n'Train_01';0.1;0.4;-0.2;0.3\n"


def mini(root: Path) -> None:
    """One recording with a film, one with sound only and a header in its labels."""
    write(root, "labels/Train_01.csv", LABELS)
    write(root, "labels/Devel_02.csv", "name;time;arousal;valence;liking\n" + LABELS.replace("Train_01", "Devel_02"))
    write(root, "transcriptions/Train_01.csv", "0.05;0.9;Schnee.\n1.0;1.4;Und Eis; viel.\n")
    write(root, "turns/Devel_02.csv", "0.3;0.8\n")
    touch(root, "video/Train_01.avi", "audio/Train_01.wav", "audio/Devel_02.wav")


def test_the_trace_has_valence_before_arousal_and_no_dominance(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second = sewa.items(tmp_path)
    nan = np.nan
    for item in (first, second):
        np.testing.assert_allclose(item.trace, [[0, -0.4, 0.2, nan], [0.1, -0.2, 0.4, nan]], rtol=1e-6)
        np.testing.assert_allclose(item.values, [-0.3, 0.3, nan], rtol=1e-6)
        np.testing.assert_allclose(item.about["liking"], [0.1, 0.3], rtol=1e-6)
    assert (first.split, second.split) == ("train", "dev")


def test_the_film_is_taken_before_the_sound(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [item.path.suffix for item in sewa.items(tmp_path)] == [".avi", ".wav"]


def test_turns_come_with_their_text_if_it_was_written_down(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second = sewa.items(tmp_path)
    assert first.about["turns"] == [(0.05, 0.9, "Schnee."), (1.0, 1.4, "Und Eis; viel.")]
    assert first.text == "Schnee. Und Eis; viel."
    assert second.about["turns"] == [(0.3, 0.8, "")]


def test_a_table_that_is_no_table_says_what_was_expected(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "labels/Train_01.csv", "a,b\nc,d\n")
    with pytest.raises(MediaError, match="name;second;arousal;valence;liking"):
        list(sewa.items(tmp_path))
