"""The recipe of Zhang, Wang and Du's network on made-up clips: one loop, labels in the checkpoint, contrast without labels."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))
import fusion_bilinear as recipe  # noqa: E402

from attune.train import Schedule  # noqa: E402
from attune.train.losses import pairwise_info_nce  # noqa: E402


@pytest.fixture
def clips(monkeypatch):
    """Ten people, every label four times; voice and face each know a half of the label, with a habit of the person's own."""
    monkeypatch.setattr(recipe, "SCHEDULE", Schedule(steps=60, lr=5e-3, evaluate_every=20))
    monkeypatch.setattr(recipe, "CONTRAST", Schedule(steps=60, lr=3e-3, evaluate_every=20))
    rng = np.random.default_rng(0)
    y, actor = np.tile(np.arange(8), 40), np.repeat(np.arange(10), 32)
    voice = np.eye(4)[y // 2][:, None] + 0.4 * rng.normal(size=(320, 3, 4))
    face = np.eye(2)[y % 2][:, None] + 0.3 * rng.normal(size=(320, 1, 2))
    known = torch.ones(320, 3, dtype=torch.bool)
    known[::2, 2] = False
    batch = recipe.Batch(torch.tensor(voice).float(), known, torch.tensor(face).float(), torch.tensor(y))
    return recipe.Clips(batch, actor.astype(str), actor // 2, np.arange(320).astype(str))


def learned(how, clips, out, **more):
    rows = [np.flatnonzero(clips.fold == f) for f in range(5)]
    net = recipe.trained(recipe.Way(how, **more), clips, np.concatenate(rows[:3]), rows[3], out, 0)
    with torch.no_grad():
        return net, float((net(clips.rows(rows[4])).argmax(1) == clips.all.y[rows[4]]).float().mean())


def test_both_streams_say_what_neither_says_alone(clips, tmp_path):
    right = {how: learned(how, clips, tmp_path / how)[1] for how in ("voice", "face", "side by side", "bilinear")}
    assert right["voice"] < 0.6 and right["face"] < 0.4
    assert right["bilinear"] > 0.65 and right["side by side"] > 0.65


def test_the_checkpoint_knows_the_order_of_labels(clips, tmp_path):
    learned("bilinear", clips, tmp_path)
    kept = torch.load(tmp_path / "best.pt", weights_only=False)
    assert kept["labels"] == {"ravdess8": list(recipe.LABELS)}


def test_contrast_brings_a_clips_voice_to_its_own_face(clips, tmp_path):
    rows = np.flatnonzero(clips.fold < 4)
    torch.manual_seed(0)
    net = recipe.Fused("bilinear", clips.rows(rows)).eval()
    held = clips.rows(np.flatnonzero(clips.fold == 4)[:16])
    with torch.no_grad():
        before = float(pairwise_info_nce(net.views(held)))
    net = recipe.contrasted(net, clips.rows(rows), held, tmp_path, 0)
    with torch.no_grad():
        assert float(pairwise_info_nce(net.views(held))) < before - 0.1


def test_labelled_rows_are_a_share_of_every_class_and_the_same_twice(clips):
    rows = np.arange(320)
    some = recipe.labelled(clips, rows, 0.1, 0)
    assert np.bincount(clips.all.y[some]).tolist() == [4] * 8
    assert np.array_equal(some, recipe.labelled(clips, rows, 0.1, 0))


class Ears:
    """Hears how loud something is, in all columns; nothing in silence."""

    def heard(self, inputs):
        return np.stack([np.full(1536, np.nan if not x.any() else np.abs(x).max(), np.float32) for x in inputs])


def test_a_clip_is_heard_whole_then_by_windows_without_the_silent_ones():
    second = np.ones(recipe.SAMPLE_RATE, np.float32)
    heard = recipe.windows(np.concatenate([0 * second, 0.2 * second, 0.4 * second]), Ears())
    assert heard.shape == (5, recipe.COLUMNS)                                    # windows begin at 0 (silent), .5, 1, 1.5 and 2 s
    assert heard[:, 0] == pytest.approx([0.4, 0.2, 0.2, 0.4, 0.4])
    assert len(recipe.windows(0.3 * second[:8000], Ears())) == 2
