"""Diarizers of other people: pyannote's classes as its documentation has them, and segmentation nets as tiny ONNX graphs of the same shape."""

import sys
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from attune import registry
from attune.checkpoints import write_lock
from attune.errors import MissingExtra, SettingError, UnknownName, WeightsError
from attune.settings import Settings
from attune.types import Segment
from attune.voice import diarizers, voiceprint
from attune.voice.diarizers import _onnx, _whole, pyannote

onnx = pytest.importorskip("onnx")
SR = 16_000


# ---- the registry ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", registry.names(diarizers.FOLDER))
def test_every_diarizer_says_what_it_is(name):
    module = registry.load(diarizers.FOLDER, name)
    assert all(getattr(module, fact) for fact in ("TITLE", "LICENSE", "LICENSE_CLASS", "REFERENCE", "DATA", "LIMITS", "INSTALL"))
    assert module.available() in (True, False)


def test_what_isnt_here_says_how_it_comes():
    if not pyannote.available():
        with pytest.raises(MissingExtra, match="attune models add pyannote"):
            diarizers.chosen(Settings(speakers="auto", diarizer="pyannote"))
    with pytest.raises(UnknownName, match="diarizer"):
        diarizers.chosen(Settings(speakers="auto", diarizer="pianote"))


# ---- pyannote -------------------------------------------------------------------------------------------------------------------

CONFIG = f"""
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: {pyannote.PIPELINE}
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    embedding: $model/embedding
    plda: $model/plda
params:
  clustering: {{threshold: 0.6, Fa: 0.07, Fb: 0.8}}
"""


class Annotation:
    """As pyannote.core has it: itertracks(yield_label=True) gives (segment, track, label)."""

    def __init__(self, turns):
        self.turns = turns

    def itertracks(self, yield_label=False):
        assert yield_label
        for i, (start, end, who) in enumerate(self.turns):
            yield SimpleNamespace(start=start, end=end), f"track {i}", who


class Pipeline:
    """As pyannote.audio has it; it notes what it is called with."""

    calls: ClassVar[list] = []

    @classmethod
    def from_pretrained(cls, checkpoint, token=None):
        import os

        assert (checkpoint / "config.yaml").is_file() and token is None and os.environ["PYANNOTE_METRICS_ENABLED"] == "false"
        return cls()

    def __call__(self, file, num_speakers=None):
        self.calls.append((file["waveform"].shape, file["sample_rate"], num_speakers))
        said = Annotation([(0.0, 2.0, "SPEAKER_01"), (1.5, 3.0, "SPEAKER_00"), (2.9, 2.9, "SPEAKER_01"), (3.5, 4.0, "SPEAKER_01")])
        return SimpleNamespace(speaker_diarization=said, exclusive_speaker_diarization=Annotation([])) if num_speakers is None else said


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """pyannote.audio and its files, as far as they are used."""
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("PYANNOTE_METRICS_ENABLED", raising=False)
    (checkpoint,) = pyannote.CHECKPOINTS
    for file in checkpoint.files:
        (checkpoint.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (checkpoint.folder / file).write_text(CONFIG if file == "config.yaml" else "weights")
    write_lock(checkpoint, "0123")
    library = ModuleType("pyannote.audio")
    library.Pipeline = Pipeline
    monkeypatch.setitem(sys.modules, "pyannote.audio", library)
    monkeypatch.setitem(sys.modules, "torch", sys.modules.get("torch") or SimpleNamespace(from_numpy=lambda a: a))
    monkeypatch.setattr(pyannote, "NEEDS", ())
    Pipeline.calls.clear()
    pyannote._pipeline.cache_clear()
    yield checkpoint.folder
    pyannote._pipeline.cache_clear()


def test_pyannotes_turns_overlap_and_get_our_names(fake):
    stream = diarizers.chosen(Settings(speakers="auto", diarizer="pyannote")).stream(Settings())
    for _ in range(4):
        stream.push(np.zeros(SR, np.float32))
    stream.close()
    assert stream.duration == 4
    wanted = [Segment(0.0, 2.0, "speaker 1"), Segment(1.5, 3.0, "speaker 2"), Segment(3.5, 4.0, "speaker 1")]
    assert stream.turns("auto") == wanted == stream.turns("2")       # as version 4 gives them, and as version 3
    assert [(tuple(shape), rate, n) for shape, rate, n in Pipeline.calls] == [((1, 4 * SR), SR, None), ((1, 4 * SR), SR, 2)]


@pytest.mark.parametrize("change", [
    lambda text: text + "preprocessors:\n  key:\n    name: os.system\n    params: {command: echo}\n",
    lambda text: text.replace(pyannote.PIPELINE, "os.system"),
    lambda text: text + "x: !!python/object/apply:os.system [echo]\n",
    lambda text: text.replace("pipeline:", 'more: {"name": "subprocess.run"}\npipeline:'),
])
def test_a_pipeline_that_names_other_code_is_refused(fake, change):
    (fake / "config.yaml").write_text(change(CONFIG))
    with pytest.raises(WeightsError, match="nothing else is run"):
        pyannote.refuse_other_code(fake / "config.yaml")


# ---- segmentation nets ----------------------------------------------------------------------------------------------------------

def net(path, classes=7, window=48_000, shift=400, **metadata):
    """A graph of segmentation-3.0's shape, (n, 1, samples) -> (n, frames, classes): the class whose number the sound's level names, 0 for silence, wins."""
    from onnx import TensorProto, helper, numpy_helper

    def constant(name, value):
        return numpy_helper.from_array(np.asarray(value), name)

    nodes = [
        helper.make_node("MaxPool", ["x"], ["loud"], kernel_shape=[shift], strides=[shift]),
        helper.make_node("Transpose", ["loud"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("Sub", ["frames", "levels"], ["off"]), helper.make_node("Abs", ["off"], ["far"]), helper.make_node("Neg", ["far"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "segmentation", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, "t"])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "f", classes])],
                              [constant("levels", np.arange(classes, dtype=np.float32)[None, None] / 10)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {k: str(v) for k, v in {"window_size": window, "receptive_field_size": shift, "receptive_field_shift": shift, "num_speakers": 3,
                                                          "powerset_max_classes": 2, "num_classes": classes, "sample_rate": SR, **metadata}.items()})
    onnx.save(model, path)
    return path


@pytest.fixture
def by_sound(monkeypatch):
    """Voiceprints that name a voice by nothing but which way its level goes, so that the net alone is tried."""
    def voiceprints(waves):
        out = np.zeros((len(waves), 256), np.float32)
        for row, wave in zip(out, waves, strict=True):
            row[round(float(np.max(wave)) * 10)] = 1
        return out

    monkeypatch.setattr(voiceprint, "voiceprints", voiceprints)
    monkeypatch.setattr(voiceprint, "available", lambda: True)


def sound(*parts):
    """Seconds at levels, in tenths."""
    return np.concatenate([np.full(round(seconds * SR), level / 10, np.float32) for seconds, level in parts])


def test_a_segmentation_net_gives_turns_that_overlap(tmp_path, by_sound):
    module = diarizers.chosen(Settings(speakers="auto", diarizer=f"onnx:{net(tmp_path / 'seg.onnx')}"))
    stream = module.stream(Settings())
    wave = sound((1, 0), (2, 1), (1, 4), (2, 2), (1, 0))              # nobody, the first, the first and second, the second, nobody
    for at in range(0, len(wave), 5_000):
        stream.push(wave[at : at + 5_000])
    stream.close()
    (one, two) = stream.turns("auto")
    assert (one.person, two.person) == ("speaker 1", "speaker 2")
    assert np.allclose([one.start, one.end, two.start, two.end], [1, 4, 3, 6], atol=0.03)
    assert module.LICENSE_CLASS == "unknown"


def test_silence_and_nothing_have_no_turns(tmp_path, by_sound):
    stream = _onnx.of(str(net(tmp_path / "seg.onnx"))).stream(Settings())
    assert stream.turns() == []
    stream.push(np.zeros(3 * SR, np.float32))
    assert stream.turns() == [] and stream.turns("2") == []


def test_facts_beside_a_net(tmp_path, by_sound):
    net(tmp_path / "seg.onnx")
    (tmp_path / "seg.toml").write_text('onnx = "seg.onnx"\ntitle = "Ours"\nlicense = "MIT"\nlicense_class = "permissive"\n')
    module = diarizers.chosen(Settings(speakers="auto", diarizer=f"onnx:{tmp_path / 'seg.toml'}", commercial_safe=True))
    assert (module.TITLE, module.LICENSE) == ("Ours", "MIT")
    with pytest.raises(WeightsError, match="isn't known"):
        diarizers.chosen(Settings(speakers="auto", diarizer=f"onnx:{tmp_path / 'seg.onnx'}", commercial_safe=True))


@pytest.mark.parametrize(("made", "error", "says"), [
    (lambda d: net(d / "a.onnx", classes=4), WeightsError, "7"),
    (lambda d: net(d / "a.onnx", sample_rate=8_000), WeightsError, "8000 Hz"),
    (lambda d: net(d / "a.onnx", window_size="ten"), WeightsError, "whole numbers"),
    (lambda d: net(d / "a.onnx", receptive_field_shift=0), WeightsError, "expected"),
    (lambda d: d / "none.onnx", SettingError, "no file"),
    (lambda d: (d / "a.toml").write_text("title = 'x'") and d / "a.toml", SettingError, "no onnx"),
])
def test_a_file_that_is_no_segmentation_net_is_refused_in_a_sentence(tmp_path, by_sound, made, error, says):
    with pytest.raises(error, match=says):
        _onnx.of(str(made(tmp_path))).stream(Settings())


def test_known_voices_keep_their_names(by_sound):
    book = {"Ada": np.eye(256, dtype=np.float32)[2]}
    whole = _whole.Whole(lambda wave, count: [Segment(0, 2, "x"), Segment(2, 4, "y"), Segment(3.5, 4.5, "x")])
    whole.push(sound((2, 1), (2.5, 2)))
    assert [t.person for t in whole.turns("auto", book)] == ["speaker 1", "Ada", "speaker 1"]
