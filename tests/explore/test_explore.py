"""Exploring as a whole: known effects in a made-up corpus come out, pages are self-contained, numbers are written."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("duckdb")

from attune import figures
from attune.errors import SettingError
from attune.explore import explore, maps, page
from attune.taxonomy import taxonomy

VAD = ("valence", "arousal", "dominance")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four conversations: face and voice of one mood, words of none; three moments in which the voice says the contrary of the face."""
    root = tmp_path_factory.mktemp("talks")
    rng = np.random.default_rng(0)
    for r in range(4):
        n = 160
        mood = np.convolve(rng.standard_normal(n + 4), np.ones(5) / np.sqrt(5), mode="valid")
        table = {"start": np.arange(n) * 3.0, "end": np.arange(n) * 3.0 + 2.5, "kind": ["speech"] * n, "person": [("Ada", "Bo")[i // 3 % 2] for i in range(n)],
                 "text": [f"<line {i}>" for i in range(n)]}
        apart = (r == 0) & np.isin(np.arange(n), (20, 70, 120))
        for name, of, own in (("face", taxonomy("ferplus8"), np.where(apart, 4.0, mood)), ("voice", taxonomy("ravdess8"), np.where(apart, -4.0, mood)),
                              ("text", taxonomy("ekman7"), rng.standard_normal(n))):
            place = {"happiness": 1.5, "happy": 1.5, "joy": 1.5, "sadness": -1.5, "sad": -1.5}
            logits = np.stack([-(own - place.get(label, 0.0)) ** 2 for label in of.labels], axis=1) + 0.3 * rng.standard_normal((n, len(of)))
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            table |= {f"{name}.{of.name}.{label}": v.astype(np.float32) for label, v in zip(of.labels, (p / p.sum(axis=1, keepdims=True)).T, strict=True)}
            table |= {f"{name}.vad.{d}_projected": np.tanh(own / 3 + 0.1 * rng.standard_normal(n)).astype(np.float32) for d in VAD}
            table |= {f"{name}.quality": np.full(n, 0.9, np.float32), f"{name}.reason": [""] * n}
        for column in list(table):
            if column.startswith("face.") and column.count(".") > 1:
                table[column][:8] = np.nan
        table["face.reason"] = ["no face"] * 8 + [""] * (n - 8)
        folder = root / f"talk {r}"
        (folder / "estimates").mkdir(parents=True)
        pq.write_table(pa.table(table), folder / "table.parquet")
        frames = np.convolve(rng.standard_normal(1_448), np.ones(9) / 3, mode="valid")
        both = np.concatenate([frames, np.roll(frames, 3) if r % 2 else np.convolve(rng.standard_normal(1_448), np.ones(9) / 3, mode="valid")])
        pq.write_table(pa.table({"start": np.tile(np.arange(1_440) / 3, 2), "person": np.repeat(["Ada", "Bo"], 1_440).tolist(),
                                 **{f"{d}_projected": both.astype(np.float32) for d in VAD}}), folder / "estimates" / "face.vad.parquet")
    return root


@pytest.fixture(scope="module")
def found(corpus):
    return explore(corpus, permutations=99, sample=60, seed=1)


def rows(found, name, **of):
    return [r for r in found.tables[name].to_pylist() if all(r[k] == v for k, v in of.items())]


def test_what_goes_together_is_found_and_what_does_not_is_not(found):
    (together,), (apart,) = (rows(found, "associations", one="face", other=other, way="per_dimension") for other in ("voice", "text"))
    assert together["rho"] > 0.5 and together["p"] == 0.01 and together["null"] == "shift" and together["projected"]
    assert abs(apart["rho"]) < 0.15 and apart["n"] == 4 * 152


def test_the_moments_set_apart_lead_the_list(found):
    first = found.tables["moments"].to_pylist()[:3]
    assert {(m["recording"], m["start"]) for m in first} == {("talk 0", t * 3.0) for t in (20, 70, 120)}
    assert {(m["face_says"], m["voice_says"]) for m in first} == {("happiness", "sad")}


def test_missing_faces_are_counted_with_their_reason(found):
    assert rows(found, "missing", modality="face", reason="no face")[0]["rows"] == 32
    assert rows(found, "recordings", recording="talk 2")[0]["face_measured"] == 152


def test_the_five_strongest_are_five(found):
    for name in ("face.ferplus8", "voice.ravdess8", "text.ekman7"):
        top = sorted(rows(found, "labels", set=name, top=True), key=lambda r: r["place"])
        assert len(top) == 5 and [r["mean_rank"] for r in top] == sorted(r["mean_rank"] for r in top)


def test_intensities_count_every_row_once(found):
    assert sum(r["count"] for r in rows(found, "intensities", set="voice.ravdess8", label="sad")) == 640


def test_who_follows_whom_is_found_by_recording(found):
    p = {r["recording"]: (r["p"], r["lag"]) for r in found.tables["synchrony"].to_pylist()}
    assert p["talk 1"][0] < 0.05 and p["talk 3"][0] < 0.05 and p["talk 1"][1] == 1.0


def test_matrices_share_one_order(found):
    shared = {name: [r["row"] for r in rows(found, "correlations", set=name, column_place=0)] for name in ("face in ekman7", "voice in ekman7", "text in ekman7")}
    assert len({tuple(v) for v in shared.values()}) == 1 and {len(v) for v in shared.values()} == {7}


def test_the_same_seed_gives_the_same_numbers(found, corpus):
    again = explore(corpus, permutations=99, sample=60, seed=1)
    assert all(str(again.tables[name].to_pylist()) == str(t.to_pylist()) for name, t in found.tables.items())


def test_pieces_do_not_change_associations(found, corpus):
    one_by_one = explore(corpus, permutations=9, sample=60, at_once=1)
    for a, b in zip(found.tables["associations"].to_pylist(), one_by_one.tables["associations"].to_pylist(), strict=True):
        assert a["rho"] == pytest.approx(b["rho"])


def test_trajectories_lie_between_the_values_they_are_means_of(found):
    t = found.tables["trajectories"].to_pylist()
    assert {r["person"] for r in t} == {"Ada", "Bo"} and all(-1 <= r["valence"] <= 1 for r in t) and max(r["step"] for r in t) == 23


def test_the_page_fetches_nothing_and_is_safe_from_what_was_said(found):
    text = page.page(found)
    facts = re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.S)[1]
    assert "<" not in facts and json.loads(facts)["tables"]["moments"][0]["text"].startswith("<line")
    outside = text.replace(text[text.index("<script>"):text.index("</script>", text.index("<script>"))], "")
    assert not re.search(r'(src|href)="https?:', outside)


def test_everything_is_written_and_can_be_read(found, tmp_path):
    written = found.write(tmp_path / "out", figures=False)
    assert (tmp_path / "out" / "explore.html") in written
    assert pq.read_table(tmp_path / "out" / "numbers" / "associations.parquet").equals(found.tables["associations"])
    assert json.loads((tmp_path / "out" / "facts.json").read_text(encoding="utf-8"))["recordings"] == 4


def test_figures_are_svg_with_text_as_text_and_the_same_twice(found, tmp_path):
    pytest.importorskip("matplotlib")
    one, two = (figures.write(found.tables, tmp_path / name, dpi=50) for name in "ab")
    assert {p.stem for p in one} == set(figures.FIGURES)
    svg = (tmp_path / "a" / "associations.svg").read_text(encoding="utf-8")
    assert "by chance" in svg and "<text" in svg
    assert all(p.read_bytes() == q.read_bytes() for p, q in zip(one, two, strict=True) if p.suffix == ".svg")


def test_one_recording_is_a_corpus_of_one(corpus):
    found = explore(corpus / "talk 1", permutations=19, sample=30)
    assert found.facts["recordings"] == 1 and found.series["start"] and found.tables["recordings"]["recording"].to_pylist() == ["talk 1"]


def test_a_face_alone_has_no_discord_and_no_associations(corpus, tmp_path):
    table = pq.read_table(corpus / "talk 0" / "table.parquet")
    (tmp_path / "x").mkdir()
    pq.write_table(table.select([c for c in table.column_names if not c.startswith(("voice", "text"))]), tmp_path / "x" / "table.parquet")
    found = explore(tmp_path, permutations=9, sample=30)
    assert found.tables["associations"].num_rows == 0 and found.tables["moments"].num_rows == 0
    assert "What is there" in page.page(found)


def test_a_wrong_dimension_is_refused(corpus):
    with pytest.raises(SettingError, match="valence, arousal or dominance"):
        explore(corpus, dimension="valenz")


def test_maps_know_whether_they_can_embed(found):
    assert {r["method"] for r in found.tables["places"].to_pylist()} == ({"pca", "tsne"} if maps.can_embed() else {"pca"})
