"""Personal calibration: what no moment changes, what many reveal, and what a file keeps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune import baseline
from attune.baseline import FLOOR, Baseline, Population, adapt, adapted, load, save
from attune.errors import ShapeError, UnknownName
from attune.taxonomy import taxonomy
from attune.types import Estimates, Segment

LABELS = ("angry", "calm", "happy")
KINDS = ("exclusive", "multilabel", "dimensional", "embedding")


def softmax(z: np.ndarray) -> np.ndarray:
    z = np.exp(z - z.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


def people(count: int = 24, each: int = 30, *, habit: float = 0.8, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logits (n, 3) that show a label, plus a habit per person and noise; what is shown, whose they are, the habits (count, 3)."""
    rng = np.random.default_rng(seed)
    who, shown = np.repeat(np.arange(count), each), np.tile(np.arange(each) % 3, count)
    habits = rng.normal(0, habit, (count, 3))
    return 2 * np.eye(3)[shown] + habits[who] + rng.normal(0, 0.6, (len(who), 3)), shown, who, habits


def shaped(logits: np.ndarray, kind: str) -> np.ndarray:
    return {"exclusive": softmax(logits), "multilabel": 1 / (1 + np.exp(-logits))}.get(kind, logits)


def everyone(kind: str = "exclusive", *, labelled: bool = True) -> Population:
    logits, shown, who, _ = people()
    return Population.fit(shaped(logits, kind), who, model="toy", labels=LABELS, kind=kind, shown=np.array(LABELS)[shown] if labelled else None)


EVERYONE = {kind: everyone(kind) for kind in KINDS}
BY_KIND = pytest.mark.parametrize("kind", KINDS)


def moments(kind: str, n: int = 12, seed: int = 1) -> np.ndarray:
    """Of one person, each label as often."""
    rng = np.random.default_rng(seed)
    return shaped(2 * np.eye(3)[np.arange(n) % 3] + rng.normal(0, 0.6, (n, 3)) + np.array([0.9, -0.6, 0.2]), kind)


@BY_KIND
def test_without_moments_nothing_changes(kind: str) -> None:
    values = moments(kind)
    np.testing.assert_array_equal(Baseline("Ada", EVERYONE[kind]).adapt(values), values)
    np.testing.assert_array_equal(Baseline("Ada", EVERYONE[kind]).push(np.full((3, 3), np.nan)).adapt(values), values)


@BY_KIND
@pytest.mark.parametrize("fair", [True, False])
def test_rows_of_nan_say_nothing_and_stay_nan(kind: str, fair: bool) -> None:
    values = moments(kind)
    gaps = np.insert(values, [0, 4, 9], np.nan, axis=0)
    clean, holed = (Baseline("Ada", EVERYONE[kind], fair=fair).push(x) for x in (values, gaps))
    assert clean.moments == holed.moments == len(values)
    np.testing.assert_array_equal(clean.shift, holed.shift)
    out = holed.adapt(gaps)
    assert np.isnan(out[[0, 5, 11]]).all() and np.isfinite(np.delete(out, [0, 5, 11], 0)).all()


@BY_KIND
@given(order=st.permutations(range(12)), cut=st.integers(0, 12))
def test_the_order_of_moments_and_how_they_come_does_not_matter(kind: str, order: list[int], cut: int) -> None:
    values = moments(kind)
    at_once = Baseline("Ada", EVERYONE[kind]).push(values)
    bit_by_bit = Baseline("Ada", EVERYONE[kind]).push(values[order[:cut]])
    for i in order[cut:]:
        bit_by_bit.push(values[i])
    np.testing.assert_allclose(bit_by_bit.shift, at_once.shift, atol=1e-12)
    np.testing.assert_allclose(bit_by_bit.adapt(values), at_once.adapt(values), atol=1e-12)


@BY_KIND
@pytest.mark.parametrize("fair", [True, False])
def test_the_more_moments_the_more_they_count(kind: str, fair: bool) -> None:
    moment = moments(kind)[0]
    baseline, trust, size = Baseline("Ada", EVERYONE[kind], fair=fair, scale=False), [0.0], [0.0]
    for _ in range(50):
        baseline.push(moment)
        trust.append(baseline.trust)
        size.append(float(np.abs(baseline.shift).sum()))
    assert (np.diff(trust) > 0).all() and trust[-1] < 1
    assert (np.diff(size) > 0).all()


def test_trust_is_n_over_n_and_n0() -> None:
    people_ = EVERYONE["dimensional"]
    baseline = Baseline("Ada", people_).push(moments("dimensional", 6))
    assert baseline.trust == pytest.approx(6 / (6 + people_.ways["fair"].n0))
    np.testing.assert_allclose(baseline.shift, baseline.trust * (moments("dimensional", 6).mean(0) - people_.mean))


def test_n0_is_the_variance_within_people_over_that_between_them() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(400), 10)
    values = rng.normal(0, 0.5, (400, 2))[who] + rng.normal(0, 1.0, (4000, 2))
    found = Population.fit(values, who, model="toy", labels=("a", "b"), kind="dimensional").ways["fair"]
    assert found.n0 == pytest.approx(4, rel=0.15)
    np.testing.assert_allclose(found.spread, 1, rtol=0.05)


@pytest.mark.parametrize("way", ["fair", "labelled", "guessed"])
def test_a_planted_habit_is_recovered(way: str) -> None:
    logits, shown, who, habits = people(seed=5)
    everybody = EVERYONE["exclusive"]
    errors, plain = [], []
    for person in range(24):
        own, baseline = who == person, Baseline("Ada", everybody, fair=way == "fair", scale=False)
        for value, label in zip(softmax(logits)[own], shown[own], strict=True):
            baseline.push(value, LABELS[label] if way == "labelled" else None)
        habit = habits[person] - habits[person].mean()
        errors.append(np.abs(baseline.shift - baseline.shift.mean() - habit).mean())
        plain.append(np.abs(habit).mean())
    assert np.mean(errors) < (0.6 if way == "guessed" else 0.3) * np.mean(plain)            # a guess finds half of it


@pytest.mark.parametrize("fair", [True, False])
def test_taking_habits_out_makes_more_right_of_new_people(fair: bool) -> None:
    logits, shown, who, _ = people(seed=7, habit=1.5)
    p = softmax(logits)
    right = {form: (adapted(p, who, EVERYONE["exclusive"], form=form, fair=fair).argmax(1) == shown).mean() for form in ("all", "others", "before")}
    plain = (p.argmax(1) == shown).mean()
    assert min(right.values()) > plain + 0.05


def test_one_emotion_alone_is_kept_by_guessing_and_taken_for_habit_by_a_fair_sample() -> None:
    logits, shown, who, _ = people(seed=9, habit=0.3)
    angry = softmax(logits[shown == 0])
    kept = {fair: (adapted(angry, who[shown == 0], EVERYONE["exclusive"], fair=fair).argmax(1) == 0).mean() for fair in (True, False)}
    assert kept[False] > 0.8 > 0.6 > kept[True]


def test_one_neutral_moment_needs_no_fair_sample() -> None:
    """Somebody who sounds like everyone, and gives a calm moment: labelled it changes little, as a fair sample it does."""
    calm = softmax(EVERYONE["exclusive"].by_label["calm"])
    labelled = Baseline("Ada", EVERYONE["exclusive"]).push(calm, "calm")
    fair = Baseline("Ada", EVERYONE["exclusive"], fair=True).push(calm)
    assert np.abs(labelled.shift).max() < 0.3 * np.abs(fair.shift).max()


def test_who_shows_little_is_stretched_if_asked() -> None:
    p, rng = EVERYONE["dimensional"], np.random.default_rng(0)
    flat = p.mean + rng.normal(0, 0.2, (200, 3)) * p.ways["fair"].spread
    stretched, left = (Baseline("Ada", p, scale=scale).push(flat) for scale in (True, False))
    np.testing.assert_array_equal(left.stretch, 1)
    np.testing.assert_allclose(stretched.stretch, np.sqrt((20 + 200 * 0.04) / 220), rtol=0.1)
    assert stretched.adapt(flat).std(0).min() > 2 * left.adapt(flat).std(0).max()


def test_probabilities_stay_probabilities() -> None:
    certain = np.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]], np.float32)
    out = Baseline("Ada", EVERYONE["exclusive"]).push(moments("exclusive")).adapt(certain)
    np.testing.assert_allclose(out.sum(1), 1, rtol=1e-6)
    assert out.dtype == np.float32 and (out > 0).all() and FLOOR > 0
    several = Baseline("Ada", EVERYONE["multilabel"]).push(moments("multilabel")).adapt(np.array([[1.0, 0.0, 0.5]]))
    assert ((several >= 0) & (several <= 1)).all()


def test_positions_stay_in_their_range() -> None:
    logits, _, who, _ = people()
    p = Population.fit(np.tanh(logits), who, model="toy", labels=LABELS, kind="dimensional", range=(-1.0, 1.0))
    out = Baseline("Ada", p).push(np.full((20, 3), 0.8)).adapt(np.array([-1.0, 0.0, 1.0]))
    assert out.shape == (3,) and out.min() >= -1 and out.max() <= 1


@BY_KIND
def test_a_file_keeps_all_of_it(kind: str, tmp_path: Path) -> None:
    ada = Baseline("Ada", EVERYONE[kind], fair=True).push(moments(kind)).push(moments(kind, 2), "calm")
    back, other = load(save([ada, Baseline("Bob", EVERYONE[kind], scale=False)], tmp_path / "people.json"))
    assert (back.person, back.moments, back.fair, back.scale, str(back)) == ("Ada", 14, True, True, str(ada))
    np.testing.assert_array_equal(back.adapt(moments(kind)), ada.adapt(moments(kind)))
    np.testing.assert_array_equal(back.push(moments(kind)).shift, ada.push(moments(kind)).shift)
    assert (other.person, other.moments, other.scale) == ("Bob", 0, False)


def test_a_file_holds_sums_and_no_moment() -> None:
    plain = json.dumps(Baseline("Ada", EVERYONE["exclusive"]).push(moments("exclusive", 9)).to_json())
    longer = json.dumps(Baseline("Ada", EVERYONE["exclusive"]).push(moments("exclusive", 900)).to_json())
    assert abs(len(longer) - len(plain)) < 100


def test_what_it_knows_can_be_read() -> None:
    assert str(Baseline("Ada", EVERYONE["exclusive"])).startswith("Ada, 0 moments (counting 0 %) of toy:")
    said = str(Baseline("Ada", EVERYONE["exclusive"], fair=True).push(moments("exclusive", 60)))
    assert said.startswith("Ada, 60 moments") and "calm x 0." in said
    assert "spreads from everyone" in str(Baseline("Ada", EVERYONE["embedding"]).push(moments("embedding")))


def estimates(values: np.ndarray, persons: list[str]) -> Estimates:
    segments = [Segment(i, i + 1, person) for i, person in enumerate(persons)]
    return Estimates.of(segments, values, taxonomy=taxonomy("vad"), modality="voice", model="toy")


def test_only_their_own_estimates_of_that_model_are_adapted() -> None:
    logits, _, who, _ = people()
    p = Population.fit(np.tanh(logits), who, model="toy", labels=taxonomy("vad").labels, kind="dimensional", range=(-1, 1))
    ada = Baseline("Ada", p).push(np.full((9, 3), 0.5))
    before = estimates(np.full((3, 3), 0.5), ["Ada", "Bob", ""])
    after = adapt(before, [ada])
    assert (after.values[0] < before.values[0]).all()
    np.testing.assert_array_equal(after.values[1:], before.values[1:])
    assert (before.model, after.model) == ("toy", "toy, personal baseline")
    assert adapt(before, []) is before
    assert adapt(before, [Baseline("Ada", EVERYONE["dimensional"]).push(moments("dimensional"))]) is before        # other labels


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: Baseline("Ada", EVERYONE["exclusive"]).push(np.ones(4)), ShapeError, r"expected \(m, 3\)"),
    (lambda: Baseline("Ada", EVERYONE["exclusive"]).push(np.ones(3), "clam"), UnknownName, "did you mean 'calm'"),
    (lambda: Baseline("Ada", everyone(labelled=False)).push(np.ones(3), "calm"), UnknownName, "there are: none"),
    (lambda: adapted(np.ones((2, 3)), np.array(["a", "b"]), EVERYONE["exclusive"], form="befor"), UnknownName, "did you mean 'before'"),
    (lambda: Population.fit(np.ones((4, 3)), np.ones(4), model="toy", labels=LABELS, kind="exclusive"), ValueError, "at least two"),
    (lambda: Population.fit(np.ones((4, 2)), np.ones(4), model="toy", labels=LABELS, kind="exclusive"), ShapeError, "3 labels"),
    (lambda: Population.fit(np.ones((4, 3)), np.arange(4), model="toy", labels=LABELS, kind="exclusiv"), UnknownName, "did you mean 'exclusive'"),
])
def test_errors_say_what_was_expected(call: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()  # type: ignore[operator]


def heard(person="ada"):
    """Somebody who shows each label once, with a little disgust in all of them."""
    from attune.taxonomy import taxonomy
    from attune.types import Estimates, Segment

    p = np.full((8, 8), 0.01) + 0.6 * np.eye(8)
    p[:, taxonomy("ravdess8").index("disgust")] += 0.32
    rows = [Segment(i, i + 1, person) for i in range(8)]
    return Estimates.of(rows, p, taxonomy=taxonomy("ravdess8"), modality="voice", model="prosody_whisper")


def test_the_packaged_voice_has_a_population_and_a_recording_its_own_people():
    estimates = heard()
    (ada,) = baseline.own(estimates)
    assert (ada.person, ada.moments) == ("ada", 8)
    adapted = baseline.adapt(estimates, [ada])
    assert adapted.label("disgust").mean() < estimates.label("disgust").mean() - 0.05
    assert (adapted.values.argmax(1) == np.arange(8)).all()
    assert adapted.model == "prosody_whisper, personal baseline"


def test_what_is_projected_fused_or_without_population_has_no_baseline():
    from dataclasses import replace

    assert baseline.own(replace(heard(), projected="a->b")) == []
    assert baseline.own(replace(heard(), model="somebody's net")) == []


def test_a_file_that_is_none_of_these_is_named(tmp_path):
    from attune.errors import SettingError

    (tmp_path / "b.json").write_text("[1, 2]")
    for name in ("b.json", "gone.json"):
        with pytest.raises(SettingError, match=r"attune baseline learn"):
            baseline.load(tmp_path / name)


def test_learned_shown_and_forgotten_by_the_command(tmp_path):
    from dataclasses import replace

    from typer.testing import CliRunner

    from attune import export
    from attune.cli import app
    from attune.types import Faces, Recording, Segment

    estimates = heard()
    rows = tuple(Segment(float(s), float(e), "ada") for s, e in zip(estimates.start, estimates.end, strict=True))
    both = Estimates.join([estimates, replace(heard("ben"), start=estimates.start + 9, end=estimates.end + 9)])
    recording = Recording("talk.wav", 16.0, rows, Faces.empty(), (both,))
    export.write(recording, tmp_path / "talk")
    run, file = CliRunner().invoke, str(tmp_path / "b.json")
    learned = run(app, ["baseline", "learn", str(tmp_path / "talk"), "--person", "ada", "-o", file])
    assert learned.exit_code == 0, learned.output
    assert "8 moments" in learned.output
    again = run(app, ["baseline", "learn", str(tmp_path / "talk"), "--person", "ada", "-o", file, "--shown", "neutral"])
    assert "8 moments" in again.output                       # learned anew
    added = run(app, ["baseline", "learn", str(tmp_path / "talk"), "--person", "ada", "-o", file, "--shown", "angry", "--more"])
    assert "16 moments" in added.output
    (known,) = baseline.load(file)
    by_hand = baseline.Baseline("ada", known.population).push(estimates.values, "neutral").push(estimates.values, "angry")
    np.testing.assert_allclose(known.shift, by_hand.shift)
    assert run(app, ["baseline", "learn", str(tmp_path / "talk"), "--person", "ada", "-o", file]).exit_code == 0
    assert "ada" in run(app, ["baseline", "show", file]).output
    assert run(app, ["baseline", "forget", file, "--person", "ada"]).exit_code == 0
    assert baseline.load(file) == []
    assert run(app, ["baseline", "learn", str(tmp_path / "talk"), "--person", "eve", "-o", file]).exit_code != 0


def test_more_of_a_fair_sample_is_one_too_unless_it_is_said_not_to_be(tmp_path):
    from typer.testing import CliRunner

    from attune import export
    from attune.cli import app
    from attune.types import Faces, Recording, Segment

    estimates, file = heard(), tmp_path / "b.json"
    rows = tuple(Segment(float(s), float(e), "ada") for s, e in zip(estimates.start, estimates.end, strict=True))
    export.write(Recording("talk.wav", 8.0, rows, Faces.empty(), (estimates,)), tmp_path / "talk")

    def learn(*options):
        done = CliRunner().invoke(app, ["baseline", "learn", str(tmp_path / "talk"), "--person", "ada", "-o", str(file), *options])
        assert done.exit_code == 0, done.output
        (known,) = baseline.load(file)
        return known.fair, {way: s.moments for way, s in known.sums.items() if s.moments}

    assert learn("--fair") == (True, {"fair": 8})
    assert learn("--more") == (True, {"fair": 16})
    assert learn("--more", "--no-fair") == (False, {"fair": 16, "guessed": 8})
    assert learn("--more") == (False, {"fair": 16, "guessed": 16})
    assert learn("--more", "--fair") == (True, {"fair": 24, "guessed": 16})
    assert learn() == (False, {"guessed": 8})                # anew
