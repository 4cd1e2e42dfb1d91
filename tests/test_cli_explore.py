"""`attune explore` and `attune find` as a user types them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("duckdb")

from attune.taxonomy import taxonomy

ROOT = Path(__file__).parent.parent


def attune(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "attune.cli", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=300,
                          env={**os.environ, "COLUMNS": "140", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("measured"), np.random.default_rng(0)
    for name in ("one", "two"):
        table = {"start": np.arange(20.0), "end": np.arange(20.0) + 0.9, "kind": ["speech"] * 20, "person": ["Ada", "Bo"] * 10, "text": ["Well [so]."] * 20}
        for modality, of in (("face", taxonomy("ferplus8")), ("voice", taxonomy("ravdess8"))):
            p = rng.dirichlet(np.ones(8) / 4, 20)
            table |= {f"{modality}.{of.name}.{label}": v.astype(np.float32) for label, v in zip(of.labels, p.T, strict=True)}
            table |= {f"{modality}.quality": np.full(20, 0.9, np.float32), f"{modality}.reason": [""] * 20}
        (root / name).mkdir()
        pq.write_table(pa.table(table), root / name / "table.parquet")
    return root


def test_explore_writes_page_numbers_and_says_what_it_found(corpus, tmp_path):
    done = attune("explore", corpus, "--out", tmp_path / "x", "--permutations", "19", "--sample", "9", "--no-figures", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 recordings" in done.stdout and "face and voice: rho" in done.stdout
    assert {"explore.html", "facts.json", "numbers"} == {p.name for p in (tmp_path / "x").iterdir()}


def test_find_lists_moments_with_their_times(corpus, tmp_path):
    done = attune("find", "sad or happy", corpus, "--limit", "3", "--calibration", "repo-2023", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0:" in done.stdout and "Well [so]." in done.stdout and "the 3 clearest" in done.stdout


def test_find_points_at_what_it_does_not_know(corpus, tmp_path):
    done = attune("find", "sad but smilling", corpus, cwd=tmp_path)
    assert done.returncode == 2 and "did you mean 'smiling'?" in done.stderr and "        ^^^^^^^^" in done.stderr


def test_find_says_when_there_is_nothing(corpus, tmp_path):
    done = attune("find", "sad > 2", corpus, cwd=tmp_path)
    assert done.returncode == 0 and "no moment" in done.stdout
