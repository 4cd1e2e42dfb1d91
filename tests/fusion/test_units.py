"""Action units and a voice beside a person's own rows: in `fuse`, in `attune.measure` with a model of one's own, and in imported tables."""

import csv
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import attune
from attune import baseline, exports
from attune.cache import Cache
from attune.cli import app
from attune.errors import ShapeError
from attune.fusion import OWN, fuse, intensities, told, units
from attune.metrics import jsd
from attune.taxonomy import crosswalk, taxonomy
from attune.types import PRESENCE, Estimates, Faces, Recording, Segment

FACS, RAVDESS, EKMAN = taxonomy("facs"), taxonomy("ravdess8"), taxonomy("ekman7")
COLUMNS = [FACS.index(u) for u in units.facts()["units"]]
SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
MEANS = {side: np.array(units.facts()["usual"][side]["means"]) for side in ("face", "voice")}


def one(modality, values, name, people="", **more):
    values = np.atleast_2d(values)
    rows = [Segment(i, i + 1, who) for i, who in enumerate([people] * len(values) if isinstance(people, str) else people)]
    return Estimates.of(rows, values, taxonomy=taxonomy(name), modality=modality, model="made up", **more)


def clips(labels, seed=0, face=0.15, voice=0.8):
    """Intensities (n, 16) and probabilities (n, 8) of a person without habits: what clips of these emotions are like in the mean, and some noise."""
    rng, at = np.random.default_rng(seed), [RAVDESS.index(label) for label in labels]
    logs = MEANS["voice"][at] + voice * rng.normal(size=(len(at), 8))
    return np.maximum(MEANS["face"][at] + face * rng.normal(size=(len(at), 16)), 0) ** 2, np.exp(logs) / np.exp(logs).sum(1, keepdims=True)


def rows_of(seen, heard, people):
    whole = np.full((len(seen), len(FACS)), np.nan)
    whole[:, COLUMNS] = seen
    return one("face", whole, "facs", people), one("voice", heard, "ravdess8", people)


def named(sets, name):
    return next(e for e in sets if e.name == name)


def right(p, label):
    return p[:, RAVDESS.index(label)].mean()


# ---- Habits ------------------------------------------------------------------------------------------------------------------

def test_somebody_angry_in_every_row_stays_angry():
    for count in (4, 8, 60):
        seen, heard = clips(["angry"] * count)
        habits = units.habits(seen, heard, np.array(["Ada"] * count, object), OWN)
        plain, beside = units.pool(seen, heard), units.pool(seen, heard, habits)
        assert habits.known.all()
        assert right(plain, "angry") > 0.9
        assert right(beside, "angry") > right(plain, "angry") - 0.05


def test_a_habit_in_a_fair_sample_is_taken_out():
    seen, heard = clips(RAVDESS.labels * 2)
    habit = np.zeros(16)
    habit[[units.facts()["units"].index(u) for u in ("AU06", "AU12")]] = 0.9                   # a face that always smiles a little
    smiling = (np.sqrt(seen) + habit) ** 2
    truth = np.arange(16) % 8
    people = np.array(["Ada"] * 16, object)
    plain, beside = units.pool(smiling, heard), units.pool(smiling, heard, units.habits(smiling, heard, people, OWN))
    missed, still = (1 - p[np.arange(16), truth].mean() for p in (plain, beside))
    assert still < missed / 2
    found = units.habits(smiling, heard, people, OWN).face[0] - units.habits(seen, heard, people, OWN).face[0]
    assert 0.3 < found @ habit / (habit @ habit) < 1


def test_a_habit_is_what_it_says():
    """n / (n + n0) of the mean difference from what is usual for the guess; rows of one side count by the n0 of that side alone."""
    seen, heard = clips(["happy", "sad", "calm", "angry", "happy"])
    heard[3:] = np.nan
    habits = units.habits(seen, heard, np.array(["Ada"] * 5, object), 4)
    guess, usual = units.pool(seen, heard), units.facts()["usual"]
    weight = 1 / np.array([usual["face"]["n0"]["both"]] * 3 + [usual["face"]["n0"]["alone"]] * 2)
    wanted = weight @ (np.sqrt(seen) - guess @ MEANS["face"]) / (1 + weight.sum())
    assert habits.face == pytest.approx(np.tile(wanted, (5, 1)))
    wanted = 3 / (3 + usual["voice"]["n0"]["both"]) * (np.log(heard[:3]) - guess[:3] @ MEANS["voice"]).mean(0)
    assert habits.voice == pytest.approx(np.tile(wanted, (5, 1)))
    assert habits.rows.tolist() == [5] * 5
    assert habits.shown == pytest.approx(np.tile(guess.mean(0), (5, 1)))


def test_nobody_known_by_name_and_whoever_has_too_few_rows_stay_plain():
    seen, heard = clips(RAVDESS.labels * 2)
    people = np.array([""] * 6 + ["Ada"] * 3 + ["Bo"] * 7, object)
    heard[-1], seen[-1] = np.nan, np.nan                                                       # neither seen nor heard: no row to learn from
    habits = units.habits(seen, heard, people, 4)
    assert habits.known.tolist() == [False] * 9 + [True] * 7
    assert habits.rows.tolist() == [6] * 6 + [3] * 3 + [6] * 7
    out, plain = units.pool(seen, heard, habits), units.pool(seen, heard)
    np.testing.assert_array_equal(out[:9], plain[:9])
    assert not np.allclose(out[9:15], plain[9:15], atol=1e-3)
    assert np.isnan(out[15]).all()


def test_one_persons_habit_does_not_touch_anothers_rows():
    seen, heard = clips(RAVDESS.labels)
    twice = np.concatenate([seen, seen * 0.1]), np.concatenate([heard, heard])
    people = np.array(["Ada"] * 8 + ["Bo"] * 8, object)
    habits = units.habits(*twice, people, OWN)
    alone = units.habits(seen, heard, people[:8], OWN)
    assert habits.face[:8] == pytest.approx(alone.face)
    assert np.abs(habits.face[8:] - alone.face).max() > 0.1


def test_habits_of_another_number_of_people_or_columns_are_refused():
    seen, heard = clips(["happy"] * 5)
    with pytest.raises(ShapeError, match="4 people for 5 rows"):
        units.habits(seen, heard, np.array(["Ada"] * 4, object), OWN)
    with pytest.raises(ShapeError, match="expected"):
        units.habits(seen[:, :3], heard, np.array(["Ada"] * 5, object), OWN)


def test_the_card_keeps_its_promises():
    """Held out: no recording is worse than without habits by more than a point and a half, and what is fair gains."""
    facts = units.facts()
    assert facts["held_out_shared"]["single"]["both"]["value"] >= 0.8
    recordings = facts["recordings"]
    assert all(r["gain"]["value"] > -0.015 for r in recordings.values() if "gain" in r)
    assert all(recordings[f"balanced, {n}"][f"{side}gain"]["low"] > 0 for n in (OWN, 8, 16) for side in ("", "face ", "voice "))
    assert recordings["balanced, 2"]["voice gain"]["low"] <= 0                                  # why OWN isn't 2


# ---- fuse --------------------------------------------------------------------------------------------------------------------

def test_own_rows_go_through_the_fuser_for_rows_less_habits():
    seen, heard = clips(RAVDESS.labels)
    face, voice = rows_of(seen, heard, "Ada")
    adapted = named(fuse([face, voice], [face, voice]), "fused.ekman7")
    x, z = face.values[:, COLUMNS].astype(float), voice.values.astype(float)
    wanted = units.pool(x, z, units.habits(x, z, face.person, OWN))
    assert adapted.values == pytest.approx(crosswalk("ravdess8", "ekman7")(wanted), abs=1e-5)
    assert not np.allclose(adapted.values, named(fuse([face, voice]), "fused.ekman7").values, atol=1e-3)


def test_unnamed_rows_are_fused_as_they_came_though_a_baseline_was_asked_for():
    face, voice = rows_of(*clips(RAVDESS.labels), "")
    for asked, plain in zip(fuse([face, voice], [face, voice]), fuse([face, voice]), strict=True):
        np.testing.assert_array_equal(asked.values, plain.values)


def test_shares_and_discord_are_of_one_habit_though_one_side_has_few_rows():
    """Heard in two rows of eight: together, alone and without must be less the same habit, so that leaving out a voice that says nothing moves nothing."""
    seen, heard = clips(RAVDESS.labels)
    heard[2:] = np.nan
    face, voice = rows_of(seen, heard, "Ada")
    out = fuse([face, voice], [face, voice])
    x, z = face.values[:, COLUMNS].astype(float), voice.values.astype(float)
    habits = units.habits(x, z, face.person, OWN)
    walk, none = crosswalk("ravdess8", "ekman7"), np.full_like(z, np.nan)
    together, without = walk(units.pool(x, z, habits)), walk(units.pool(x, none, habits))
    assert named(out, "fused.ekman7").values == pytest.approx(together, abs=1e-5)
    pool = named(out, "fused.pool").values
    np.testing.assert_allclose(pool[2:, :2], [[1, 0]] * 6, atol=1e-6)
    heard_alone = walk(units.pool(np.full_like(x, np.nan), z, habits))
    moved = jsd(together[:2], heard_alone[:2]), jsd(together[:2], without[:2])
    assert pool[:2, 0] == pytest.approx(moved[0] / (moved[0] + moved[1]), abs=1e-3)
    assert pool[:2, 3] == pytest.approx(jsd(without[:2], heard_alone[:2]), abs=1e-4)


def test_a_voice_of_other_labels_is_a_part_of_its_own_beside_action_units():
    seen, _ = clips(["happy"] * 2)
    angry = np.full((2, 4), 0.02)
    angry[:, taxonomy("iemocap4").index("angry")] = 0.94
    face, _ = rows_of(seen, np.full((2, 8), np.nan), "Ada")
    voice = one("voice", angry, "iemocap4", "Ada")
    out, alone = fuse([face, voice]), fuse([face])
    anger = EKMAN.index("anger")
    assert (named(out, "fused.ekman7").values[:, anger] > named(alone, "fused.ekman7").values[:, anger] + 0.05).all()
    pool = named(out, "fused.pool").values
    assert (pool[:, :2] > 0.01).all() and pool[:, :3].sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (pool[:, 3] > 0.3).all()                                                             # a glad face, an angry voice
    beside = [np.tile(v, (4, 1)) for v in (face.values, voice.values)]
    own = [one("face", beside[0], "facs", "Ada"), one("voice", beside[1], "iemocap4", "Ada")]
    assert (named(fuse(own, own), "fused.pool").values[:, 1] > 0.01).all()


def test_before_and_after_habits_must_have_the_same_rows():
    face, voice = rows_of(*clips(RAVDESS.labels), "Ada")
    shorter = [e.where(np.arange(5)) for e in (face, voice)]
    with pytest.raises(ShapeError, match=r"\[8\] rows, and \[5\] rows before habits were taken out; align them"):
        fuse([face, voice], shorter)
    with pytest.raises(ShapeError, match=r"\[5, 8\] rows; align them"):
        fuse([face, shorter[1]])


def test_presences_and_units_beside_measured_labels_are_not_for_the_units_fuser():
    face, voice = rows_of(*clips(RAVDESS.labels), "Ada")
    presence = replace(face, projected=PRESENCE)
    labels = one("face", np.full((8, 7), 1 / 7), "ekman7", "Ada")
    assert intensities([face, voice]) is face
    assert intensities([presence, voice]) is None
    assert intensities([face, labels]) is None
    assert intensities([one("face", np.full((8, len(FACS)), np.nan), "facs", "Ada")]) is None
    only_voice = named(fuse([voice]), "fused.ekman7")
    np.testing.assert_array_equal(named(fuse([presence, voice]), "fused.ekman7").values, only_voice.values)
    np.testing.assert_array_equal(named(fuse([face, labels, voice]), "fused.ekman7").values, named(fuse([labels, voice]), "fused.ekman7").values)


def test_what_was_decided_is_told():
    seen, heard = clips([*RAVDESS.labels, *["angry"] * 5, "sad", "sad", "sad"])
    people = ["Ada"] * 8 + ["Bo"] * 5 + ["Cy"] * 2 + [""]
    sets = rows_of(seen, heard, people)
    notes = told(sets, "own")
    assert notes[0].endswith("the person's own rows: Ada (8 rows), Bo (5 rows)")
    assert "at least 4" in notes[1] and notes[1].endswith("Cy (2)")
    assert notes[2] == "rows of nobody known by name: 1; their action units and voice were fused as they came"
    shown = units.habits(seen, heard, sets[0].person, OWN).shown[8].max()
    assert notes[3].startswith(f"Bo is taken to look or sound angry with a probability of {shown:.2f} in the mean of the rows") and len(notes) == 4
    assert told(sets) == []
    assert "no habits of action units are in a baseline file" in told(sets, "ada.json")[0]
    assert told(sets[1:], "own") == []
    presence = replace(sets[0], projected=PRESENCE)
    assert told([presence, sets[1]]) == ["the face's action units are probabilities of presence, not intensities: they aren't fused"]
    walked = replace(sets[0], projected="not stated in the table")
    assert told([walked, sets[1]]) == ["the face's action units are projected (not stated in the table), not measured: they aren't fused"]
    assert told([presence, one("face", np.full((16, 7), 1 / 7), "ekman7", people)]) == []
    lacking = sets[0].values.copy()
    lacking[:, FACS.index("AU05")] = np.nan
    assert "AU05 weren't measured, of 16" in told([replace(sets[0], values=lacking)], "own")[0]


def test_a_face_that_lacks_a_unit_leaves_the_voice_as_it_is_fused_alone():
    face, voice = rows_of(*clips(RAVDESS.labels), "Ada")
    values = face.values.copy()
    values[:, FACS.index("AU05")] = np.nan
    lacking = replace(face, values=values)
    for plain in ((), (lacking, voice)):
        for with_face, alone in zip(fuse([lacking, voice], plain), fuse([voice], plain[1:]), strict=True):
            np.testing.assert_array_equal(with_face.values, alone.values)
            np.testing.assert_array_equal(with_face.quality, alone.quality)
    assert named(fuse([lacking, voice]), "fused.pool").values[:, 0].tolist() == [0.0] * 8       # nothing under the face's name


def test_likeness_to_landmarks_is_the_distance_written_out_and_needs_little_memory():
    rng = np.random.default_rng(0)
    for part in ("single", "baseline"):
        for member in (m for m in units.facts()[part]["members"].values() if "landmarks" in m):
            marks = np.array(member["landmarks"])
            x = np.concatenate([rng.normal(size=(50, marks.shape[1])), marks[:5] * member["deviation"] + member["mean"]])         # some on a landmark
            z = (x - np.array(member["mean"])) / np.array(member["deviation"])
            near = np.exp(-member["gamma"] * ((z[:, None] - marks) ** 2).sum(axis=2))
            wanted = units._normal(near @ np.array(member["matrix"]).T + np.array(member["offset"]))
            np.testing.assert_allclose(units._logs(x, member), wanted, rtol=0, atol=1e-9)
    tracemalloc.start()
    units._logs(np.zeros((20_000, 24)), units.facts()["baseline"]["members"]["alike"])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200e6


# ---- attune.measure ----------------------------------------------------------------------------------------------------------

MODEL = '''
import numpy as np
TITLE, LICENSE, LICENSE_CLASS, REFERENCE, WEIGHTS = "made up", "MIT", "permissive", "nobody", ()
TAXONOMIES, SIZE = ("facs",), (48, 48)
PROJECTED = {projected!r}

def load():
    def said(crops):
        parts = crops.reshape(len(crops), 6, 8, 6, 8, 3).mean(axis=(2, 4, 5)).reshape(len(crops), 36)[:, :20]
        return (np.abs(parts - parts.mean(axis=1, keepdims=True)) / 255 * {high}).astype(np.float32)
    return said
'''


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The sample measured with a face model of one's own, by settings; faces and voices are measured once."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "intensities_of_the_test.py").write_text(MODEL.format(projected="", high=9.0))
    (folder / "presences_of_the_test.py").write_text(MODEL.format(projected=PRESENCE, high=1.0))
    info = folder / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[attune.face.models]\nintensities = intensities_of_the_test\npresences = presences_of_the_test\n")
    known, kept = Cache(folder / "kept"), {}

    def of(face, **settings):
        key = (face, *sorted(settings.items()))
        if key not in kept:
            kept[key] = attune.measure(SAMPLE, cache=known, face=face, text=None, **settings)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield of


def test_measure_fuses_a_model_of_intensities_with_the_voice_and_own_takes_habits_out(measured):
    plain, own = measured("intensities"), measured("intensities", baseline="own")
    rows = [attune.align.align(e, own.segments) for e in (plain["face.facs"], plain["voice.ravdess8"])]
    wanted = named(fuse(rows, rows), "fused.ekman7")
    there = ~np.isnan(wanted.values).all(axis=1)
    assert there.sum() >= OWN and set(plain["voice.ravdess8"].person) == {"person 1"}
    np.testing.assert_allclose(own["fused.ekman7"].values, wanted.values, atol=1e-6)
    assert not np.allclose(own["fused.ekman7"].values[there], plain["fused.ekman7"].values[there], atol=1e-3)
    assert any(note.startswith("action units and voice were fused less each person's habit") and "person 1" in note for note in own.notes)
    assert not any("habit" in note for note in plain.notes)


def test_measure_does_not_take_presences_for_intensities(measured):
    recording = measured("presences", baseline="own")
    assert recording["face.facs"].projected == PRESENCE
    rows = [attune.align.align(e, recording.segments) for e in recording if e.modality == "voice" and e.taxonomy.name == "ravdess8"]
    np.testing.assert_allclose(recording["fused.ekman7"].values, named(fuse(rows), "fused.ekman7").values, atol=1e-6)
    assert any("probabilities of presence" in note for note in recording.notes)


def test_measure_with_a_file_of_baselines_says_that_it_has_no_action_units(measured, tmp_path):
    plain = measured("intensities")
    learned = baseline.own(plain["voice.ravdess8"])
    file = baseline.save([replace_person(b, "person 1") for b in learned], tmp_path / "ada.json")
    recording = measured("intensities", baseline=str(file))
    assert any("no habits of action units are in a baseline file" in note for note in recording.notes)
    assert not any("less each person's habit" in note for note in recording.notes)
    rows = [attune.align.align(e, recording.segments) for e in (recording["face.facs"], recording["voice.ravdess8"])]
    np.testing.assert_allclose(recording["fused.ekman7"].values, named(fuse(rows), "fused.ekman7").values, atol=1e-6)


def replace_person(of, name):
    of.person = name
    return of


# ---- Imported tables ---------------------------------------------------------------------------------------------------------

def openface(path, seen):
    """A table of OpenFace with a row each five seconds, so that each is a row of the recording."""
    with path.open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["frame", "face_id", "timestamp", "confidence", "success", *(f"{u}_r" for u in units.facts()["units"])])
        for i, row in enumerate(seen):
            write.writerow([i + 1, 0, i * 5.0, 0.98, 1, *row.round(6)])
    return path


def test_an_imported_table_is_fused_beside_its_own_rows_where_that_is_asked_for(tmp_path):
    file = openface(tmp_path / "talk.csv", clips(RAVDESS.labels * 2)[0])
    plain = exports.read(file)
    own = exports.beside_own(plain)
    face = attune.align.align(plain["face.facs"], plain.segments)
    assert len(face) >= 8
    np.testing.assert_allclose(plain["fused.ekman7"].values, named(fuse([face]), "fused.ekman7").values, atol=1e-6)
    np.testing.assert_allclose(own["fused.ekman7"].values, named(fuse([face], [face]), "fused.ekman7").values, atol=1e-6)
    assert not np.allclose(own["fused.ekman7"].values, plain["fused.ekman7"].values, atol=1e-3)
    np.testing.assert_array_equal(own["face.facs"].values, plain["face.facs"].values)
    assert any("less each person's habit" in note and "person 1" in note for note in own.notes)
    assert not any("habit" in note for note in plain.notes)


def test_the_command_that_imports_takes_habits_out(tmp_path):
    file = openface(tmp_path / "talk.csv", clips(RAVDESS.labels * 2)[0])
    done = CliRunner().invoke(app, ["import", str(file), "--baseline", "own", "--out", str(tmp_path / "talk")])
    assert done.exit_code == 0, done.output
    back = attune.export.read(tmp_path / "talk")
    np.testing.assert_allclose(back["fused.ekman7"].values, exports.beside_own(exports.read(file))["fused.ekman7"].values, atol=1e-6)
    refused = CliRunner().invoke(app, ["import", str(file), "--baseline", "ada.json", "--out", str(tmp_path / "no")])
    assert refused.exit_code != 0 and not (tmp_path / "no").exists()


def test_beside_own_without_anything_that_has_habits_says_so(tmp_path):
    file = tmp_path / "talk.csv"
    file.write_text("frame,FaceScore,anger,disgust,fear,happiness,sadness,surprise,neutral\n" + "".join(f"{i},0.9,0,0,0,0.8,0,0,0.2\n" for i in range(3)))
    plain = exports.read(file, "fex")
    own = exports.beside_own(plain)
    assert any(note.startswith("nothing in it has habits") for note in own.notes)
    np.testing.assert_array_equal(own["fused.ekman7"].values, plain["fused.ekman7"].values)


def test_rows_of_nobody_by_name_are_said_to_be_that():
    rows = [Segment(i, i + 1) for i in range(8)]
    face = replace(rows_of(*clips(RAVDESS.labels), "")[0], person=np.array([s.person for s in rows], object))
    own = exports.beside_own(Recording("a", 8.0, tuple(rows), Faces.empty(), (face,)))
    assert own.notes == ("rows of nobody known by name: 8; their action units and voice were fused as they came",)


def test_only_sets_that_changed_are_said_to_be_less_habits():
    rows = [Segment(i, i + 1, "Ada", "x") for i in range(8)]
    rng = np.random.default_rng(0)
    packaged = replace(rows_of(*clips(RAVDESS.labels), "Ada")[1], model="prosody_whisper")
    forty = taxonomy("emonet40")
    other = Estimates.of(rows, rng.uniform(0, 1, (8, len(forty))), taxonomy=forty, modality="voice", model="another")
    own = exports.beside_own(Recording("a", 8.0, tuple(rows), Faces.empty(), (packaged, other)))
    assert [note for note in own.notes if "less its people's habits" in note] == ["voice.ravdess8 was fused less its people's habits, found by guess"]


def test_a_voice_that_was_measured_here_is_fused_less_its_habit_in_an_import_too(measured, tmp_path):
    plain = measured("ferplus_resnet")
    file = exports.write(plain, tmp_path / "talk.eaf", "eaf")
    back = exports.read(file)
    own = exports.beside_own(back)
    assert any(note == "voice.ravdess8 was fused less its people's habits, found by guess" for note in own.notes)
    np.testing.assert_array_equal(own["voice.ravdess8"].values, back["voice.ravdess8"].values)
    for name in ("fused.ekman7", "fused.vad"):
        np.testing.assert_allclose(own[name].values, measured("ferplus_resnet", baseline="own")[name].values, atol=2e-3)


def test_presences_of_an_imported_table_have_no_part_and_the_note_says_so(tmp_path):
    file = tmp_path / "talk.csv"
    file.write_text("frame,FaceScore,AU06,AU12\n" + "".join(f"{i},0.9,0.5,0.8\n" for i in range(3)))
    back = exports.read(file, "fex")
    assert back["face.facs"].projected and not any(e.modality == "fused" for e in back)
    assert any("probabilities of presence, not intensities: they aren't fused" in note for note in back.notes)


def test_what_the_recipe_measured_and_what_ships_are_one_file():
    assert json.loads((Path(units.__file__).parent / "units.json").read_text(encoding="utf-8")).keys() >= {"single", "baseline", "usual", "recordings", "file_of_voices"}
