"""FER+: both layouts of a made-up mini tree, and the rules that turn votes into targets."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from attune.datasets import ferplus
from attune.errors import MediaError
from attune.taxonomy import taxonomy

HEADER = ["Usage", "Image name", *ferplus.VOTES]


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)


def mini(root: Path, last: int = 4) -> None:
    """Five pictures; the fourth shows no face and has no name; `last` is the seed of the last one's pixels."""
    rows = [
        ("Training", "a.png", 0, [8, 2, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("Training", "b.png", 1, [0, 9, 1, 0, 0, 0, 0, 0, 0, 0]),
        ("PublicTest", "c.png", 2, [0, 0, 5, 0, 0, 0, 5, 0, 0, 0]),
        ("PublicTest", "", 3, [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]),
        ("PrivateTest", "d.png", last, [7, 0, 0, 0, 0, 0, 0, 1, 2, 0]),
    ]
    with (root / "fer2013.csv").open("w", newline="") as f, (root / "fer2013new.csv").open("w", newline="") as g:
        pictures, judged = csv.writer(f), csv.writer(g)
        pictures.writerow(["emotion", "pixels", "Usage"])
        judged.writerow(HEADER)
        for usage, name, seed, votes in rows:
            pictures.writerow([3, " ".join(str(p) for p in pixels(seed).ravel()), usage])
            judged.writerow([usage, name, *votes])


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """The last picture is the first again, in another split."""
    mini(tmp_path, last=0)
    return tmp_path


def test_official_layout_gives_pictures_votes_and_splits(official: Path) -> None:
    read = list(ferplus.items(official))
    assert [p.id for p in read] == ["a.png", "b.png", "c.png", "d.png"]
    assert [p.split for p in read] == ["train", "train", "dev", "test"]
    np.testing.assert_array_equal(read[1].pixels, pixels(1))
    assert read[1].about["votes"].tolist() == [0, 9, 1, 0, 0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(read[0].values, [0.8, 0.2, 0, 0, 0, 0, 0, 0])
    assert taxonomy("ekman7").labels[read[0].more["ekman7"].argmax()] == "joy"                 # what FER2013 itself said: code 3


def test_identical_picture_in_two_splits_is_marked_on_both_sides(official: Path) -> None:
    read = {p.id: p for p in ferplus.items(official)}
    assert {n for n, p in read.items() if p.about["duplicate"]} == {"a.png", "d.png"}
    assert read["a.png"].group == read["d.png"].group != read["b.png"].group


def test_parquet_layout_gives_the_same_pixels(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    try:
        encoder = av.CodecContext.create("libwebp", "w")
    except Exception:
        pytest.skip("this build of PyAV writes no WebP")
    encoder.width = encoder.height = 48
    encoder.pix_fmt, encoder.time_base, encoder.options = "bgra", Fraction(1), {"lossless": "1"}
    grey = pixels(5)
    frame = av.VideoFrame.from_ndarray(np.dstack([grey, grey, grey, np.full_like(grey, 255)]), format="bgra")
    data = b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)])
    votes = {f"votes_{v}": pa.array([i], pa.int8()) for i, v in enumerate(ferplus.VOTES)}
    table = pa.table({"name": ["x.png"], "image_webp": [data], "exact_dup_group": [7], "near_dup_across_split": [True], "fer_label": ["happy"], **votes})
    pq.write_table(table, tmp_path / "ferplus_valid_publictest.parquet")

    (read,) = ferplus.items(tmp_path)
    np.testing.assert_array_equal(read.pixels, grey)
    assert (read.split, read.group, read.about["duplicate"], read.about["listed"]) == ("dev", "7", True, True)
    assert read.about["votes"].tolist() == list(range(10))
    assert read.more["ekman7"].argmax() == taxonomy("ekman7").index("joy")


def test_folder_without_the_corpus_says_how_to_obtain_it(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="Kaggle"):
        list(ferplus.items(tmp_path))


def test_picture_of_another_size_is_refused(official: Path) -> None:
    table = official / "fer2013.csv"
    table.write_text(table.read_text().replace(" ".join(str(p) for p in pixels(1).ravel()), "1 2 3"))
    with pytest.raises(MediaError, match="has 3 pixels"):
        list(ferplus.items(official))


def test_votes_become_shares_without_single_votes() -> None:
    shares = ferplus.distribution(np.array([[6, 3, 1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1, 2, 0]]))
    np.testing.assert_allclose(shares[0], [2 / 3, 1 / 3, 0, 0, 0, 0, 0, 0])
    assert np.isnan(shares[1]).all()


def test_majority_needs_more_than_half_of_what_is_left() -> None:
    """Barsoum et al. (2016): single votes are dropped first, then more than half must agree, on an emotion."""
    votes = np.array([
        [5, 4, 1, 0, 0, 0, 0, 0, 0, 0],      # 5 of 9
        [4, 2, 2, 1, 1, 0, 0, 0, 0, 0],      # 4 of 8 is no more than half
        [0, 0, 0, 0, 2, 0, 0, 0, 8, 0],      # unknown
        [0, 0, 0, 0, 0, 0, 0, 10, 0, 0],
    ])
    assert ferplus.majority(votes).tolist() == [0, -1, -1, 7]
    assert ferplus.plurality(votes).tolist() == [0, 0, -1, 7]


def test_majority_implies_plurality() -> None:
    votes = np.random.default_rng(0).multinomial(10, np.ones(10) / 10, 2000)
    votes = np.concatenate([votes, np.random.default_rng(1).multinomial(10, [0.6, 0.2, *[0.025] * 8], 2000)])
    strict, loose = ferplus.majority(votes), ferplus.plurality(votes)
    assert (strict >= 0).sum() > 100
    np.testing.assert_array_equal(strict[strict >= 0], loose[strict >= 0])


def test_emotions_stand_in_the_order_of_the_taxonomy() -> None:
    assert taxonomy(ferplus.FACTS["taxonomy"]).labels == ferplus.EMOTIONS
