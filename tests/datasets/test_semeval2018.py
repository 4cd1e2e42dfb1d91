"""SemEval-2018 on a made-up tree: the same tweet in three tasks."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from trees_made import write

from attune.datasets import semeval2018
from attune.taxonomy import taxonomy

LABELS = taxonomy("semeval11").labels


def mini(root: Path) -> None:
    write(root, "E-c/2018-E-c-En-train.txt", "\t".join(["ID", "Tweet", *LABELS]) + '\n2017-En-1\tSo "glad" &amp; free\t' + "\t".join("00001010000") + "\n")
    for emotion in ("anger", "fear", "joy", "sadness"):
        line = "2017-En-1\tSo \"glad\" &amp; free\tjoy\t0.75\n" if emotion == "joy" else ""
        write(root, f"EI-reg/EI-reg-En-{emotion}-train.txt", f"ID\tTweet\tAffect Dimension\tIntensity Score\n{line}")
    write(root, "V-reg/2018-Valence-reg-En-train.txt", "ID\tTweet\tAffect Dimension\tIntensity Score\n2017-En-1\tSo\tvalence\t0.875\n2017-En-2\tmeh\tvalence\t0.25\n")


def test_what_the_tasks_say_of_one_tweet_is_joined(tmp_path: Path) -> None:
    mini(tmp_path)
    glad, meh = semeval2018.items(tmp_path)
    assert [label for label, value in zip(LABELS, glad.values, strict=True) if value] == ["joy", "optimism"]
    assert glad.more["vad"][0] == 0.75 and meh.more["vad"][0] == -0.5
    assert np.isnan(meh.values).all() and np.isnan(meh.more["vad"][1:]).all()


def test_an_intensity_that_nobody_was_asked_for_is_unknown(tmp_path: Path) -> None:
    mini(tmp_path)
    glad, meh = semeval2018.items(tmp_path)
    assert dict(zip(taxonomy("basic6").labels, glad.more["basic6"].tolist(), strict=True))["joy"] == 0.75
    assert np.isnan(glad.more["basic6"]).sum() == 5
    assert "basic6" not in meh.more


def test_parquet_of_two_folders_gives_the_same(tmp_path: Path) -> None:
    mini(tmp_path / "official")
    for folder, rows in {
        "semeval2018_task1_ec": [{"id": "2017-En-1", "text": 'So "glad" &amp; free'} | {label: int(label in ("joy", "optimism")) for label in LABELS}],
        "semeval2018_task1_reg": [{"id": f"2017-En-{n}", "text": text, "dimension": what, "score": score}
                                  for n, text, what, score in ((1, "So", "joy", 0.75), (1, "So", "valence", 0.875), (2, "meh", "valence", 0.25))],
    }.items():
        (tmp_path / folder).mkdir()
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / folder / "train.parquet")
    for a, b in zip(semeval2018.items(tmp_path / "official"), semeval2018.items(tmp_path), strict=True):
        assert (a.id, a.split) == (b.id, b.split)
        np.testing.assert_array_equal(a.values, b.values)
        for name in ("vad", "basic6"):
            np.testing.assert_array_equal(a.more.get(name, np.nan), b.more.get(name, np.nan))
