"""A tiny teacher's student comes near to it on what it never heard, saw or read, and is a model like any other."""

import json
import wave
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from recipe_modules import recipe_of

torch = pytest.importorskip("torch")

from attune import registry  # noqa: E402 (torch may be missing)
from attune.checkpoints import probe  # noqa: E402
from attune.errors import SettingError, UnknownName  # noqa: E402
from attune.taxonomy import taxonomy  # noqa: E402
from attune.types import PRESENCE  # noqa: E402
from attune.voice.features import SAMPLE_RATE, features  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::torch.jit.TracerWarning")      # of torch's exporter


@pytest.fixture(scope="module")
def recipe():
    return recipe_of("distil")


def facts(kind, name, taxonomies, load, **own):
    made = ModuleType(f"attune.{kind}.models.{name}")
    made.__dict__.update(MODALITY=kind, TITLE="A tiny teacher", TAXONOMIES=taxonomies, LICENSE="ours", LICENSE_CLASS="non-commercial", REFERENCE="made up",
                         LIMITS="none", WEIGHTS=(), load=lambda: load, **own)
    return made


def bright(sounds):
    """How bright a sound is, as arousal and valence, without dominance; and as one of four classes."""
    rows = []
    for samples in sounds:
        where = (features(samples).mean(0) * np.arange(64)).sum() / features(samples).mean(0).sum() / 64      # about .3 to .6
        at = np.clip((where - 0.45) * 8, -1, 1)
        rows.append([-at, at, np.nan, *(np.exp(3 * np.array([at, -at, 0, -3])) / np.exp(3 * np.array([at, -at, 0, -3])).sum())])
    return np.array(rows, np.float32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Sixteen files of two seconds, dull to bright."""
    root = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for i in range(16):
        t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
        pitch, fall = 100 + 12 * i, 0.4 + 0.1 * (i % 8)
        sound = sum(np.sin(2 * np.pi * pitch * k * t + k) / k**fall for k in range(1, 20)) * (1.2 + np.sin(2 * np.pi * 4 * t)) + 0.01 * rng.normal(size=len(t))
        with wave.open(str(root / f"{i:02d}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((sound / np.abs(sound).max() * 20_000).astype("<i2").tobytes())
    return root


def test_a_voice_s_student_comes_near_its_teacher_and_is_a_model_like_any_other(recipe, clips, tmp_path, monkeypatch):
    teacher = facts("voice", "bright", ("vad", "iemocap4"), bright, SAMPLE_RATE=SAMPLE_RATE, MIN_SECONDS=0.2)
    monkeypatch.setattr(recipe, "_teacher", lambda name, kind: ("voice", teacher))
    monkeypatch.setattr(recipe, "BATCH", 12)
    monkeypatch.setattr(recipe, "spoken", lambda samples: [(0.0, 1.0), (1.0, 2.0)])      # tones aren't speech
    figures = recipe.distil("bright", clips, tmp_path, steps=60, command="a test")
    assert sum(figures["n"].values()) == 32 and figures["groups"]["test"] == 3
    assert figures["near"]["vad"]["r"][0] > 0.7
    m = registry.load("attune.voice.models", f"onnx:{tmp_path / 'student.toml'}")
    assert (m.TAXONOMIES, m.LICENSE_CLASS) == (("vad", "iemocap4"), "non-commercial")
    assert not [f.what for f in probe.check(m, "voice", "student") if f.holds is False]
    sound = probe.sounds(m)["high voice"]
    assert np.isnan(m.load()([sound])[0][taxonomy("vad").index("dominance")])
    assert "Held-out: n = 6 of 3 files or people" in (tmp_path / "student.md").read_text()
    assert json.loads((tmp_path / "metrics.json").read_text())["command"] == "a test"


def words(texts):
    """Whether a text speaks of joy or of sorrow, as one of ekman7."""
    return np.array([np.eye(7)[3 if "happy" in t else 4] * 0.9 + 0.1 / 7 for t in texts], np.float32)


def test_a_text_s_student_is_the_packaged_encoder_with_other_heads(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "_teacher", lambda name, kind: ("text", facts("text", "words", ("ekman7",), words)))
    for i, who in enumerate(["mother", "father", "sister", "brother", "friend", "neighbour", "teacher", "doctor"]):
        mood = [f"My {who} is so happy today.", f"My {who} is in deep sorrow and cries.", f"What happy news for my {who}!", f"Such sorrow for my {who}."]
        (tmp_path / f"{i}.txt").write_text("\n".join(mood))
    figures = recipe.distil("words", tmp_path, tmp_path / "out", steps=80)
    assert figures["near"]["ekman7"]["same"][0] == 1.0
    m = registry.load("attune.text.models", f"onnx:{tmp_path / 'out' / 'student.toml'}")
    rows = m.load()(["My aunt is so happy today.", "My uncle is in sorrow."])
    assert [taxonomy("ekman7").labels[int(r.argmax())] for r in rows] == ["joy", "sadness"]
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-5)


def test_a_face_s_student_sees_as_the_packaged_net_does(recipe, tmp_path):
    packaged = registry.load("attune.face.models", "ferplus_resnet")
    values = np.random.default_rng(0).dirichlet(np.ones(4), 3).astype(np.float32)
    heads = recipe.heads_of(("iemocap4",), values)
    torch.manual_seed(0)
    said = recipe.Said(192, heads).eval()
    beside = Path(packaged.__file__).parent
    recipe.on_top(beside / packaged.WEIGHTS[0], "features", said, tmp_path / "student.onnx")
    (tmp_path / "student.toml").write_text(recipe.facts("face", "it", facts("face", "it", ("iemocap4",), None), heads))
    m = registry.load("attune.face.models", f"onnx:{tmp_path / 'student.toml'}")
    crops = np.stack(list(probe.pictures(m).values()))
    with torch.no_grad():
        expected = said(torch.from_numpy(np.array([np.asarray(packaged.session(beside / packaged.WEIGHTS[0]).run(["features"], {"face": face[None, None]})[0][0])
                                                   for face in packaged.standardised(crops)]))).numpy()
    np.testing.assert_allclose(m.load()(crops), expected, atol=2e-4)
    np.testing.assert_allclose(m.TEMPLATE, packaged.TEMPLATE, atol=1e-9)


def test_a_teacher_that_says_the_same_of_everything_is_told(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "_teacher", lambda name, kind: ("text", facts("text", "same", ("ekman7",), lambda texts: np.full((len(texts), 7), 1 / 7, np.float32))))
    for i in range(6):
        (tmp_path / f"{i}.txt").write_text(f"Sentence {i}.\nAnother of {i}.")
    with pytest.raises(SettingError, match="same says the same of all 2 items"):
        recipe.distil("same", tmp_path, tmp_path / "out", steps=10)


def test_a_student_of_presences_says_so(recipe, tmp_path):
    heads = recipe.heads_of(("facs",), np.random.default_rng(0).random((3, len(taxonomy("facs")))).astype(np.float32))
    teacher = facts("face", "units", ("facs",), None, PROJECTED=PRESENCE)
    (tmp_path / "student.onnx").touch()
    (tmp_path / "student.toml").write_text(recipe.facts("face", "units", teacher, heads))
    assert registry.load("attune.face.models", f"onnx:{tmp_path / 'student.toml'}").PROJECTED == PRESENCE


def test_people_are_kept_apart(recipe):
    groups = [f"p{i % 10}" for i in range(200)]
    part = recipe.parted(groups)
    where = {g: {p for p, who in zip(part, groups, strict=True) if who == g} for g in set(groups)}
    assert all(len(parts) == 1 for parts in where.values())
    assert [int((part == p).sum()) for p in ("train", "dev", "test")] == [140, 20, 40]
    with pytest.raises(SettingError, match="at least four are needed"):
        recipe.parted(["a", "b", "c"])


def test_a_folder_without_anything_and_a_teacher_that_is_none_are_told(recipe, tmp_path):
    with pytest.raises(SettingError, match=r"nothing to read in .*; expected .txt"):
        recipe.found("text", tmp_path)
    with pytest.raises(UnknownName, match="no teacher 'audeering'"):
        recipe.distil("audeering", tmp_path, tmp_path)
    with pytest.raises(SettingError, match="add --kind"):
        recipe.distil("huggingface:a/b:ekman7", tmp_path, tmp_path)
