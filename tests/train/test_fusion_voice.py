"""Which clips the packaged voice's nets of each fold may speak of."""

import sys

import numpy as np
import pytest
from recipe_modules import recipe_of

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def recipe():
    return recipe_of("fusion_voice")


def test_a_clip_has_the_fold_that_left_it_out_whatever_the_order(recipe, tmp_path):
    np.savez(tmp_path / "oof_ravdess.npz", clip=["a", "b", "c"], fold=[2, 0, 1])
    assert recipe.folds_of(["c", "a"], tmp_path).tolist() == [1, 2]


def test_clips_that_no_fold_left_out_are_refused(recipe, tmp_path):
    np.savez(tmp_path / "oof_ravdess.npz", clip=["a", "b"], fold=[0, 1])
    with pytest.raises(ValueError, match="never left out 1 of 2 clips, such as d"):
        recipe.folds_of(["a", "d"], tmp_path)


def test_a_folds_net_says_what_it_said_when_it_was_kept(recipe, tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    net = sys.modules["voice_prosody"].Net(x.mean(0), x.std(0)).eval()
    torch.save({"model": net.state_dict()}, tmp_path / "best.pt")
    torch.save(net.lines + 1.0, tmp_path / "lines.pt")
    said, kept = recipe.said(net, x)[0], recipe.said(recipe.net_in(tmp_path), x)[0]
    assert np.allclose(kept, said + net.standard(torch.from_numpy(x)).sum(1, keepdim=True).numpy(), atol=1e-5)
