"""Discord: the largest distance that is there, and a threshold that 2.5 in a hundred unrelated moments pass."""

import numpy as np
import pytest

from attune.explore.discord import Threshold, between, chance, change, distance, divergence


def test_the_pair_furthest_apart_counts():
    parts = np.array([[[0.0]], [[1.0]], [[3.0]]])
    assert between(parts, distance).tolist() == [3.0]


def test_one_modality_alone_has_no_discord():
    parts = np.stack([np.zeros((2, 3)), np.full((2, 3), np.nan)])
    assert np.isnan(between(parts, distance)).all() and np.isnan(between(parts, divergence)).all()


def test_distributions_without_a_common_label_are_one_bit_apart():
    assert divergence(np.array([[1.0, 0]]), np.array([[0, 1.0]])) == pytest.approx([1.0])


def test_chance_pairs_only_moments_of_the_same_person_and_keeps_what_is_missing():
    parts = np.stack([np.zeros((6, 1)), np.array([[1.0], [2], [np.nan], [10], [20], [30]])])
    drawn = chance(parts, np.array(["a"] * 3 + ["b"] * 3), distance, np.random.default_rng(0), draws=4).reshape(4, 6)
    assert np.isnan(drawn[:, 2]).all()
    assert (np.sort(drawn[:, :2]) == [1, 2]).all() and (np.sort(drawn[:, 3:]) == [10, 20, 30]).all()
    assert (drawn[:, 0] == 2).all()


def test_one_in_forty_unrelated_moments_is_discordant_by_one_distance():
    rng = np.random.default_rng(1)
    parts, who = rng.standard_normal((2, 4_000, 3)), np.repeat(np.arange(40), 100)
    threshold = Threshold(20.0)
    threshold.add(chance(parts, who, distance, rng))
    found = between(parts, distance)
    assert np.mean(found > threshold.value) == pytest.approx(0.025, abs=0.01)
    assert np.mean(threshold.p(found) <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_modalities_that_agree_are_discordant_where_they_were_set_apart():
    rng = np.random.default_rng(2)
    face = rng.standard_normal((500, 3))
    voice = face + 0.2 * rng.standard_normal((500, 3))
    voice[[40, 300]] = -3 * face[[40, 300]] / np.linalg.norm(face[[40, 300]], axis=1, keepdims=True) * np.sqrt(3)
    face[[40, 300]] *= 3 * np.sqrt(3) / np.linalg.norm(face[[40, 300]], axis=1, keepdims=True)
    threshold = Threshold(20.0)
    threshold.add(chance(np.stack([face, voice]), np.zeros(500), distance, rng))
    assert np.flatnonzero(between(np.stack([face, voice]), distance) > threshold.value).tolist() == [40, 300]


def test_without_pairs_nothing_is_discordant():
    assert Threshold(1.0).value == np.inf


def test_change_is_the_distance_from_the_same_persons_row_before():
    assert change(np.array([[0.0], [5], [1], [7]]), np.array(["a", "b", "a", "b"])).tolist()[2:] == [1.0, 2.0]
