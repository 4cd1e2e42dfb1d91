"""What the student of the prosody model is taught, and how it hears, on made-up clips."""

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from recipe_modules import recipe_of

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def shared():
    return recipe_of("_voice")


@pytest.fixture(scope="module")
def functionals():
    return recipe_of("_functionals")


@pytest.fixture(scope="module")
def tiny():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    return recipe_of("voice_tiny")


@pytest.fixture(scope="module")
def clips(shared):
    rng = np.random.default_rng(0)
    n = 20                                   # of ten people: two of each fold
    waves = [0.1 * rng.normal(size=24_000).astype(np.float32) for _ in range(n)]
    group = np.array([f"ravdess-{1 + i // 2:02d}" for i in range(n)])
    return shared.Clips(
        np.arange(n).astype(str), waves, [shared.log_mel(w) for w in waves], np.eye(8, dtype=np.float32)[rng.integers(0, 8, n)], group,
        np.full(n, "ravdess"), np.full(n, "train"), np.full(n, "F"), np.full(n, ""), np.full(n, np.nan))


def teacher(hidden: int = 3, heard: int = 6):
    """With as many hidden units as said, in two members."""
    return SimpleNamespace(hidden=[torch.nn.Linear(heard, hidden) for _ in range(2)], deviation=torch.ones(heard))


def test_a_varied_clip_says_where_its_frames_were(shared, clips):
    bank = shared.Bank(clips.decibels)
    x, at = shared.varied_at(bank, np.arange(8), 40, np.random.default_rng(1))
    np.testing.assert_array_equal(x, shared.varied(bank, np.arange(8), 40, np.random.default_rng(1)))
    assert at.shape == (8, 40)
    assert at.min() >= 0
    assert at.max() < min(len(d) for d in clips.decibels)
    never = shared.Odds(**dict.fromkeys(("tempo", "throat", "microphone", "room", "noise", "line", "hidden"), 0.0))
    x, at = shared.varied_at(bank, np.arange(8), 40, np.random.default_rng(1), never)
    steps = np.diff(at, axis=1)
    assert (np.isclose(steps, 1) | (steps < 0)).all()          # one frame after another, or again from the first


def test_hints_keep_no_trace_of_the_place(tiny):
    rng, count = np.random.default_rng(0), np.array([5, 9, 9, 7])
    place = np.concatenate([np.arange(c) for c in count])
    content = rng.normal(size=(len(place), 6))
    of_place = 100 * rng.normal(size=(9, 6))[place]
    made = tiny.Hints(teacher(), (content + of_place).astype(np.float16), count)
    for p in range(3):                                 # places that all clips reach
        np.testing.assert_allclose(made.all[place == p].astype(float).mean(0), 0, atol=0.05)
    assert made.spread > 0


def test_a_hint_stands_beside_the_frames_it_is_of(tiny):
    count = np.array([30, 40])
    made = tiny.Hints(teacher(), np.random.default_rng(0).normal(size=(70, 6)).astype(np.float16), count)
    at = 8.0 + np.arange(24)[None].repeat(2, 0)        # frames of 20 ms: the third of 80 ms and those after it
    got = made.of(np.array([0, 1]), at, 6)
    assert got.shape == (2, 6, 6)
    wanted = made.all.astype(np.float32)
    between = 0.3125                                   # 25 ms of 80: the middles of the two grids are so far apart
    for row, start in enumerate((0, 30)):
        expected = wanted[start + 2 : start + 8] * (1 - between) + wanted[start + 3 : start + 9] * between
        np.testing.assert_allclose(got[row], expected, atol=1e-5)
    beyond = made.of(np.array([1]), np.full((1, 24), 1e4), 6)
    np.testing.assert_allclose(beyond[0], wanted[[69] * 6], atol=0.01)


@pytest.mark.parametrize("fold", [1, None])
def test_teachers_of_strangers_have_heard_neither_them_nor_the_fold(tiny, clips, monkeypatch, fold):
    asked = []

    def trained(_clips, rows, _versions, folder):
        asked.append((folder.name, rows))
        return folder.name, rows

    monkeypatch.setattr(tiny, "teacher_of", trained)
    # each teacher says 1 of those it heard, and 0 of the others; one clip is its own number
    monkeypatch.setattr(tiny, "said_by", lambda net, x: (np.repeat(net[1][x[:, 0].astype(int)].astype(float)[:, None], 8, 1), None))
    taught = object.__new__(tiny.Taught)
    taught.clips, taught.teachers, taught.out, taught.factor = clips, Path("teachers"), Path("out"), 1.0
    taught.versions = [np.arange(len(clips))[:, None].astype(float)]
    says = taught.says(fold)
    known = tiny.teachable(clips, fold)
    assert (says[known] == 1 - tiny.STRANGER).all()    # all of it by the one who knows them, nothing by those who don't
    if fold is not None:
        held = tiny.held_out(clips, fold)
        assert held.any()
        assert all(not rows[held].any() for _, rows in asked)


@pytest.fixture(scope="module")
def student(tiny):
    torch.manual_seed(0)
    return tiny.Student(tiny.small()).eval()


def test_a_sound_is_heard_at_five_heights_and_the_mean_is_taken(tiny, student):
    net, x = student.net, torch.rand(1, 41, 64)
    with torch.no_grad():
        moved = [x[:, :, (torch.arange(64) + shift).clamp(0, 63)] for shift in tiny.SHIFTS]
        wanted = torch.stack([net.embed(m[:, None]) for m in moved]).mean(0)
        torch.testing.assert_close(student(x), wanted, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(wanted, net.embed(x[:, None]), atol=1e-6)
        np.testing.assert_allclose(student.says([x[0].numpy()] * 2), net.out(wanted).repeat(2, 1), atol=1e-5)


def test_functionals_are_what_they_say(functionals):
    x = np.random.default_rng(0).uniform(0, 4, (30, 64)).astype(np.float32)
    got = functionals.Functionals()(torch.from_numpy(x)[None])[0].numpy()
    assert got.shape == (528,)
    loud = np.exp(2 * (x.mean(1) - x.mean(1).max()))
    np.testing.assert_allclose(got[:64], x.mean(0), atol=1e-4)
    np.testing.assert_allclose(got[64:128], x.std(0), atol=1e-4)
    np.testing.assert_allclose(got[128:192], np.average(x, axis=0, weights=loud), atol=1e-4)
    np.testing.assert_allclose(got[192:256], np.abs(np.diff(x, axis=0)).sum(0) / 30, atol=1e-4)
    c = x @ functionals.Functionals().cosines.numpy()
    upper = np.triu_indices(16)
    np.testing.assert_allclose(got[256:392], np.cov(c.T, bias=True)[upper], atol=1e-3)
    change = c[2:] - c[:-2]
    change = np.vstack([change, c[1] - c[0]])
    np.testing.assert_allclose(got[392:], (change.T @ change / 30)[upper], atol=1e-3)


def test_cosines_are_the_orthonormal_ones(functionals):
    cosines = functionals.Functionals().cosines
    assert cosines.shape == (64, 16)
    torch.testing.assert_close(cosines.T @ cosines, torch.eye(16), atol=1e-3, rtol=0)          # kept in half precision
    torch.testing.assert_close(cosines[:, 0], torch.full((64,), 1 / 8))


@pytest.mark.parametrize("frames", [1, 2, 3, 500])
def test_the_shortest_pictures_have_finite_functionals(functionals, frames):
    of = functionals.Functionals()
    for x in (torch.rand(1, frames, 64), torch.zeros(1, frames, 64)):
        assert torch.isfinite(of(x)).all()
    if frames == 1:
        assert (of(x)[:, 64:128] == 0).all()
        assert (of(x)[:, 192:] == 0).all()


def test_a_difference_is_of_the_same_clips_and_of_the_labels_that_a_corpus_has(tiny):
    truth, corpus = np.array([0, 2, 0, 2, 0, 2] * 2), np.repeat(["ravdess", "nemo_pl"], 6)
    values = np.eye(8)[truth]
    values[6:, 1] = np.nan                               # which nEMO doesn't know
    right, wrong = np.eye(8)[truth], np.eye(8)[(truth + 2) % 4]
    right[6:, 1] = 9                                     # so that this changes nothing
    sex = np.array(["F", "M", "F", "M", "F", "M", *[""] * 6])
    a, b = ({"clip": np.arange(12), "truth": truth, "values": values, "corpus": corpus, "sex": sex, "group": np.arange(12) // 2, "plain": z}
            for z in (right, wrong))
    found = tiny.compared(a, b)
    assert {name: i["value"] for name, i in found.items()} == {"ravdess": 1, "F": 1, "M": 1, "nemo_pl": 1}
    assert tiny.improved(found).count("1.000 [") == 4
    assert tiny.improved({}) == ""
    with pytest.raises(SystemExit, match="different clips"):
        tiny.compared(a, b | {"clip": np.arange(12) + 1})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")      # torch's, of its exporter
@pytest.mark.filterwarnings("ignore:Exporting a model to ONNX with a batch_size:UserWarning")      # the heights, which are always five
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_the_packaged_graph_says_the_same_of_pictures_of_any_length(tiny, student, tmp_path):
    copied = copy.deepcopy(student)
    tiny.halved(copied)
    path = tmp_path / "student.onnx"
    pictures = [torch.rand(1, frames, 64) * 4 for frames in (90, 3, 4, 40)]               # a loud frame and two beside it: the least that a picture has
    slope = torch.randn(528, generator=torch.Generator().manual_seed(0)).numpy() / 50
    times = tiny.temperature.Temperature(np.full(528, 0.5), np.ones(528), slope, 0.1, tiny.BOUNDS)
    tiny.halved(times)
    packaged = tiny.Packaged(copied, times)
    tiny.exported(packaged, path, (["mel"], ["probabilities", "embedding"]), {"mel": {1: "t"}}, [(p,) for p in pictures[:1]])
    tiny.stored_in_half(path)
    assert tiny.difference(path, packaged, [p[0].numpy() for p in pictures]) < 1e-4
    embedding, factor = copied(pictures[0]), times(torch.from_numpy(tiny.functionals_of([pictures[0][0].numpy()])))
    torch.testing.assert_close(packaged(pictures[0])[0], (factor * copied.out(embedding)).softmax(1))
    assert embedding.shape == (1, copied.out.in_features)
    assert (factor - 1).abs().min() > 1e-3
    assert sum(p.numel() for p in (*copied.parameters(), *times.buffers())) <= 100_000


def test_calibration_errors_are_of_clips_with_one_label(tiny):
    values = np.full((6, 8), np.nan, np.float32)
    values[:, :2] = [[1, 0], [0, 1], [1, 0], [0, 1], [0.5, 0.5], [1, 0]]
    plain = np.zeros((6, 8), np.float32)
    plain[:, 0], plain[:, 2:] = np.log(3), 9                            # three quarters of the two labels that are known
    of = {"values": values, "plain": plain, "truth": np.nan_to_num(values).argmax(1), "corpus": np.array(["a"] * 2 + ["b"] * 4)}
    found = tiny.calibrations(of, np.ones((6, 1)))
    assert {name: part["ece_n"] for name, part in found.items()} == {"a": 2, "b": 3, "everybody": 5}
    assert found["a"]["ece"] == pytest.approx(0.25, abs=1e-4)
    assert found["everybody"]["ece"] == pytest.approx(0.15, abs=1e-4)


def test_the_loss_reaches_the_student_and_the_maps(shared, tiny, clips):
    torch.manual_seed(0)
    count = np.full(len(clips), 19)
    hints = tiny.Hints(teacher(256, 8), np.random.default_rng(0).normal(size=(count.sum(), 8)).astype(np.float16), count)
    learner = tiny.Learner(tiny.small())
    loss = tiny.taught_by(np.random.default_rng(0).normal(size=(len(clips), 8)), hints, np.zeros(len(clips), bool))
    value = loss(learner, next(shared.batches(clips, {"ravdess": 6}, seed=0)))
    value.backward()
    assert torch.isfinite(value)
    for part in (learner.frame, learner.mean, learner.net.out, learner.net.narrow, learner.net.blocks[0][0]):
        assert part.weight.grad.abs().max() > 0


def test_other_clips_than_the_teachers_heard_are_refused(tiny, clips, tmp_path):
    for version in range(len(tiny.VERSIONS)):
        np.savez(tmp_path / f"heard{version}.npz", id=np.array(["another"]), x=np.zeros((1, 6)))
    with pytest.raises(SystemExit, match="other clips"):
        tiny.kept_hearing(tmp_path, clips)
