"""A segmentation net as an ONNX file, such as those that sherpa-onnx publishes of pyannote's: `--diarizer onnx:segmentation.onnx`, or a TOML of facts.

The net takes some seconds of sound, (1, 1, n) at 16 kHz, and says for each frame which of a few local speakers talk, as one of the sets of them ("powerset"):
nobody, each alone, each two. Windows overlap by half. Each window's speakers get a voiceprint from where they talk alone, all are put together
by likeness as in `attune.voice.speakers`, and a frame belongs to those who talk in it in most of its windows: turns overlap where people speak at once.

    Plaquet & Bredin (2023), Powerset multi-class cross entropy loss for neural speaker diarization, Interspeech.

Facts of a TOML: onnx, the file beside it; title, license, license_class, reference, data, limits.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attune.checkpoints import families
from attune.errors import SettingError, WeightsError
from attune.settings import Settings
from attune.types import Segment
from attune.voice import voiceprint
from attune.voice.activity import SAMPLE_RATE
from attune.voice.diarizers._whole import Whole, alone
from attune.voice.speakers import together
from attune.weights import session

if TYPE_CHECKING:
    import onnxruntime

FACTS = ("onnx", "title", "license", "license_class", "reference", "data", "limits")
SHORTEST = 0.4                           # s of a local speaker, from which there is a voiceprint


class Shape(NamedTuple):
    """What a net's metadata say, by their names in sherpa-onnx's files; without them pyannote's segmentation-3.0."""

    window_size: int = 160_000           # samples
    receptive_field_size: int = 991      # samples that a frame sees
    receptive_field_shift: int = 270     # samples from frame to frame
    num_speakers: int = 3                # local ones
    powerset_max_classes: int = 2        # who talk at once, at most
    sample_rate: int = SAMPLE_RATE


def of(given: str) -> ModuleType:
    """The diarizer of a file."""
    stated: dict[str, Any] = families.facts(given, FACTS) if given.endswith(".toml") else {"onnx": given, "file": Path(given), "folder": Path()}
    if "onnx" not in stated:
        raise SettingError(f"{given} has no onnx; expected the file, as in onnx = \"segmentation.onnx\"")
    path = stated["folder"] / Path(stated["onnx"]).expanduser()
    if not path.is_file():
        raise SettingError(f"no file {path}; expected an ONNX file of a segmentation net, or a TOML that names one")
    made = families.model("attune.voice.diarizers", f"onnx:{given}", stated, (), (), lambda m: None)
    del made.__dict__["CHECKPOINTS"], made.__dict__["load"], made.__dict__["TAXONOMIES"]
    made.__dict__.update(__file__=str(path.resolve()), WEIGHTS=(path.name,), INSTALL=voiceprint.INSTALL, available=voiceprint.available,
                         stream=partial(stream, path))
    return made


def stream(path: Path, settings: Settings) -> Whole:
    """Sound in, turns out."""
    graph = session(path)
    return Whole(partial(told, graph, shape(graph, path.name)))


def shape(graph: onnxruntime.InferenceSession, name: str) -> Shape:
    """What the net says of itself.

    Raises
    ------
    WeightsError
        If it isn't such a net.
    """
    stated = graph.get_modelmeta().custom_metadata_map
    try:
        found = Shape(**{field: int(stated[field]) for field in Shape._fields if field in stated})
    except ValueError as error:
        raise WeightsError(f"{name}: its metadata aren't whole numbers ({error})") from error
    classes = len(sets(found))
    out = graph.get_outputs()[0].shape
    if len(graph.get_inputs()) != 1 or len(out) != 3 or (isinstance(out[2], int) and out[2] != classes) or found.sample_rate != SAMPLE_RATE or min(found) < 1:
        raise WeightsError(f"{name} gives {out} of {len(graph.get_inputs())} inputs at {found.sample_rate} Hz; expected (n, frames, {classes}) of one sound at "
                           f"{SAMPLE_RATE} Hz: nobody, each of {found.num_speakers} alone, up to {found.powerset_max_classes} at once")
    return found


def sets(shape: Shape) -> np.ndarray:
    """(classes, speakers) bool: who talks, in the order of the outputs.

    >>> sets(Shape()).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    who = [c for k in range(shape.powerset_max_classes + 1) for c in combinations(range(shape.num_speakers), k)]
    return np.array([[i in c for i in range(shape.num_speakers)] for c in who])


def told(graph: onnxruntime.InferenceSession, shape: Shape, wave: np.ndarray, count: int | None) -> list[Segment]:
    """Turns of (n,) samples."""
    local = [(at, _active(graph, shape, wave[at : at + shape.window_size])) for at in _starts(len(wave), shape)]
    step, middle = shape.receptive_field_shift / SAMPLE_RATE, shape.receptive_field_size / 2 / SAMPLE_RATE
    found, vectors, seconds = [], [], []
    for w, (at, active) in enumerate(local):
        turns = [t for k in range(shape.num_speakers) for t in _turns(active[:, k], at / SAMPLE_RATE + middle, step, f"{w} {k}")]
        for k in range(shape.num_speakers):
            if active[:, k].sum() * step >= SHORTEST and (vector := alone(wave, turns, f"{w} {k}")).any():
                found.append((w, k))
                vectors.append(vector)
                seconds.append(float(active[:, k].sum() * step))
    if not found:
        return []
    who = together(np.array(vectors), np.array(seconds), count)
    frames = int(np.ceil((len(wave) / SAMPLE_RATE - middle) / step)) + 1
    active, looked = np.zeros((frames, int(who.max()) + 1)), np.zeros(frames)
    for w, (at, said) in enumerate(local):
        first = round(at / shape.receptive_field_shift)
        n = min(len(said), frames - first)
        looked[first : first + n] += 1
        for g in range(active.shape[1]):
            mine = [k for (v, k), of in zip(found, who.tolist(), strict=True) if v == w and of == g]
            if mine:
                active[first : first + n, g] += said[:n, mine].any(axis=1)
    heard = active > 0.5 * looked[:, None] - 1e-9
    heard &= active > 0
    return [t for g in range(active.shape[1]) for t in _turns(heard[:, g], middle, step, str(g))]


def _starts(n: int, shape: Shape) -> list[int]:
    """Where windows begin, samples: by half a window, on the grid of frames; a short sound is one window, filled up with silence."""
    hop = max(1, shape.window_size // 2 // shape.receptive_field_shift) * shape.receptive_field_shift
    return list(range(0, max(1, n - shape.window_size + hop), hop))


def _active(graph: onnxruntime.InferenceSession, shape: Shape, wave: np.ndarray) -> np.ndarray:
    """(frames, speakers) bool of a window; frames after the end of the sound are quiet."""
    filled = np.pad(wave, (0, shape.window_size - len(wave)))[None, None]
    said = graph.run(None, {graph.get_inputs()[0].name: np.asarray(filled, np.float32)})[0][0]
    who = sets(shape)
    if said.ndim != 2 or said.shape[1] != len(who):
        raise WeightsError(f"the segmentation net gives {said.shape} for a window, expected (frames, {len(who)})")
    active = who[said.argmax(axis=1)]
    active[max(0, (len(wave) - shape.receptive_field_size) // shape.receptive_field_shift + 1) :] = False
    return np.asarray(active)


def _turns(active: np.ndarray, start: float, step: float, who: str) -> list[Segment]:
    """Turns of one speaker from frames (t,) bool whose first has its middle at `start`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [Segment(max(0.0, start + (a - 0.5) * step), start + (b - 0.5) * step, who) for a, b in edges.reshape(-1, 2).tolist()]
