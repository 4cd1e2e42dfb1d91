"""ICT-MMMO on made-up arrays."""

from pathlib import Path

import numpy as np
import pytest

from attune.datasets import ict_mmmo


def mini(root: Path) -> None:
    """Train without text, as it is posted."""
    for n, name in enumerate(("train", "valid", "test"), 1):
        text = {} if name == "train" else {"text": np.ones((n, 20, 300), np.float16)}
        np.savez(root / f"{name}.npz", y=np.full(n, 4.5, np.float32), audio=np.zeros((n, 20, 74), np.float32), video=np.zeros((n, 20, 36), np.float16), **text)


def test_streams_have_our_names_and_valence_is_centred(tmp_path: Path) -> None:
    mini(tmp_path)
    train, dev, *_ = ict_mmmo.items(tmp_path)
    np.testing.assert_array_equal(train.values, np.array([0.75, np.nan, np.nan], np.float32))
    assert {name: rows.shape for name, rows in dev.features.items()} == {"voice": (20, 74), "face": (20, 36), "text": (20, 300)}
    assert set(train.features) == {"voice", "face"}
    assert (train.split, dev.split) == ("train", "dev")


def test_hdf5_as_it_is_posted_gives_the_same(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    mini(tmp_path)
    with np.load(tmp_path / "valid.npz") as arrays:
        for name, file in (("y", "y_valid"), ("audio", "audio_valid"), ("video", "video_valid"), ("text", "text_valid_emb")):
            with h5py.File(tmp_path / f"{file}.h5", "w") as out:
                out["d1"] = arrays[name]
    npz = [i for i in ict_mmmo.items(tmp_path) if i.split == "dev"]
    for file in tmp_path.glob("*.npz"):
        file.unlink()
    for a, b in zip(npz, ict_mmmo.items(tmp_path), strict=True):
        assert set(a.features) == set(b.features)
        np.testing.assert_array_equal(a.values, b.values)
