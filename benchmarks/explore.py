"""How long a corpus takes to be explored, and how much memory: made-up conversations of half an hour, two people, three modalities.

    python benchmarks/explore.py make FOLDER --conversations 100
    python benchmarks/explore.py FOLDER --conversations 10 100 1656

The second makes each corpus below FOLDER, explores it in a process of its own, and deletes it again. Peak memory is that of the process
(ru_maxrss). The people are made up: each has a mood that drifts, which face, voice and words show with noise of their own; in every other
conversation the second person's mood follows the first one's by a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from attune.taxonomy import Taxonomy, crosswalk, taxonomy

SECONDS, FPS, PEOPLE = 1800.0, 3.0, ("person 1", "person 2")
FACE, VOICE, TEXT = taxonomy("ferplus8"), taxonomy("ravdess8"), taxonomy("goemotions28")
WORDS = ("well", "so", "the", "thing", "about", "that", "was", "never", "quite", "what", "we", "said", "it", "would", "be", "but", "then", "again")


def conversation(folder: Path, seed: int) -> None:
    """One recording's folder, as `attune measure` writes it, in few bytes: values are rounded to 1/256."""
    rng = np.random.default_rng(seed)
    n = int(SECONDS * FPS)
    mood = np.stack([_drift(rng, n) for _ in PEOPLE])
    if seed % 2:
        mood[1] = 0.6 * np.roll(mood[0], int(FPS)) + 0.8 * mood[1]
    turns = np.concatenate([[0.0], np.cumsum(rng.gamma(2.0, 2.25, int(SECONDS / 4.5 * 1.2)))])
    turns = turns[turns < SECONDS]
    start, end = turns[:-1], turns[1:] - 0.1
    speaker = (np.cumsum(rng.random(len(start)) < 0.7) % 2).astype(int)
    who, kinds = np.concatenate([speaker, 1 - speaker]), np.repeat(["speech", "seen"], len(start))
    begin, finish = np.tile(start, 2), np.tile(end, 2)
    at = ((begin + finish) / 2 * FPS).astype(int)
    v = mood[who, at]
    speech = kinds == "speech"
    face, voice, text = (_said(rng, t, v + 0.6 * rng.standard_normal(len(v)), sharp) for t, sharp in ((FACE, 2.0), (VOICE, 1.5), (TEXT, 1.5)))
    unseen = rng.random(len(v)) < 0.04
    face[unseen], voice[~speech], text[~speech] = np.nan, np.nan, np.nan
    columns = {
        "start": np.round(begin, 2), "end": np.round(finish, 2), "kind": pa.array(kinds.tolist()), "person": pa.array([PEOPLE[w] for w in who]),
        "text": pa.array([" ".join(rng.choice(WORDS, 6)) if s else "" for s in speech]),
    }
    measured = (("face", face, FACE, unseen, "no face"), ("voice", voice, VOICE, ~speech, "no speech"), ("text", text, TEXT, ~speech, "no words"))
    for name, values, of, missing, why in measured:
        columns |= {f"{name}.{of.name}.{label}": values[:, j] for j, label in enumerate(of.labels)}
        columns |= {f"{name}.quality": np.where(missing, 0, _few(0.6 + 0.4 * rng.random(len(v)))).astype(np.float32),
                    f"{name}.reason": pa.array(np.where(missing, why, "").tolist())}
        place = _few(np.tanh(np.stack([v, 0.5 * np.abs(v), 0.3 * v], axis=1) + 0.4 * rng.standard_normal((len(v), 3))))
        place[missing] = np.nan
        columns |= {f"{name}.vad.{label}{'' if name == 'text' else '_projected'}": place[:, j] for j, label in enumerate(taxonomy("vad").labels)}
    columns |= {f"fused.vad.{label}_projected": _few(np.tanh(v * w)) for label, w in (("valence", 1.0), ("arousal", 0.3), ("dominance", 0.3))}
    columns["fused.pool.discord_projected"] = _few(np.abs(rng.standard_normal(len(v))) / 4)
    rows = np.lexsort((who, begin))
    (folder / "estimates").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).take(rows), folder / "table.parquet", compression="zstd")
    times = np.tile(np.arange(n) / FPS, 2)
    frames = {"start": times, "end": times, "person": pa.array(np.repeat(PEOPLE, n).tolist())}
    seen = np.tanh(mood.ravel() + 0.3 * rng.standard_normal(2 * n))
    frames |= {f"{label}_projected": _few(seen * w) for label, w in (("valence", 1.0), ("arousal", 0.3), ("dominance", 0.3))}
    facts = {"taxonomy": "vad", "labels": taxonomy("vad").labels, "kind": "dimensional", "range": [-1, 1], "modality": "face", "model": "made up",
             "projected": "made up"}
    pq.write_table(pa.table(frames).replace_schema_metadata({"attune": json.dumps(facts)}), folder / "estimates" / "face.vad.parquet", compression="zstd")
    (folder / "recording.json").write_text(json.dumps({"attune_recording": 1, "source": f"{folder.name}.mp4", "duration": SECONDS}), encoding="utf-8")


def _drift(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise smoothed over some ten seconds, of deviation 1."""
    width = int(10 * FPS)
    walk = np.convolve(rng.standard_normal(n + width - 1), np.ones(width) / np.sqrt(width), mode="valid")
    return np.asarray(walk)


def _said(rng: np.random.Generator, of: Taxonomy, mood: np.ndarray, sharp: float) -> np.ndarray:
    """Probabilities of labels by how far their valence, by the crosswalks, lies from the mood."""
    basic = crosswalk(of, "ekman7")(np.eye(len(of)))
    k, place = len(of), 2 * np.nan_to_num(crosswalk("ekman7", "vad")(basic)[:, 0])
    logits = -sharp * (mood[:, None] - place) ** 2 + rng.standard_normal((len(mood), k))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return _few(p / p.sum(axis=1, keepdims=True))


def _few(values: np.ndarray) -> np.ndarray:
    return (np.round(np.asarray(values) * 256) / 256).astype(np.float32)


def make(folder: Path, conversations: int) -> int:
    """Bytes of a corpus made."""
    for i in range(conversations):
        conversation(folder / f"c{i:04d}", i)
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def once(folder: Path, out: Path) -> dict[str, float]:
    """Explore one corpus; seconds of each part and peak memory of this process."""
    from attune.explore import explore

    before = time.perf_counter()
    found = explore(folder)
    explored = time.perf_counter()
    written = found.write(out)
    done = time.perf_counter()
    return {"explore_s": round(explored - before, 1), "write_s": round(done - explored, 1), "cpu_s": round(time.process_time(), 1), "rows": found.facts["rows"],
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "page_mb": round((out / "explore.html").stat().st_size / 1e6, 1),
            "files": len(written)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", help="make, once, or a folder for scratch corpora")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--conversations", type=int, nargs="+", default=[10, 100, 1656])
    given = parser.parse_args()
    if given.what == "make":
        print(f"{make(given.folder, given.conversations[0]) / 1e6:.1f} MB")
        return
    if given.what == "once":
        print(json.dumps(once(given.folder, given.folder.parent / f"{given.folder.name}-explored")))
        return
    for n in given.conversations:
        corpus = Path(given.what) / f"made-{n}"
        size = make(corpus, n)
        run = subprocess.run([sys.executable, __file__, "once", str(corpus)], capture_output=True, text=True)
        result = json.loads(run.stdout) if run.returncode == 0 else {"failed": run.stderr[-2000:]}
        print(json.dumps({"conversations": n, "corpus_mb": round(size / 1e6, 1)} | result), flush=True)
        shutil.rmtree(corpus)
        shutil.rmtree(corpus.parent / f"{corpus.name}-explored", ignore_errors=True)


if __name__ == "__main__":
    main()
