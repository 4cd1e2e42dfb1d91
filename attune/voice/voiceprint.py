"""Whose voice it is: a vector for a stretch of speech, near those of the same speaker and far from others'.

The network (three LSTM layers on 40 mel bands, generalized end-to-end loss) and its weights are those that the package `resemblyzer` carries
(Apache-2.0; trained on LibriSpeech, VoxCeleb 1 and 2). Neither its code nor torch is imported: the file is read here by a reader that makes numbers and
nothing else of it, turned into an ONNX graph at the first use, and kept in the cache.

    Wan, Wang, Papir & Lopez Moreno (2018), Generalized end-to-end loss for speaker verification, ICASSP, arXiv:1710.10467.

A voice's vector can tell people apart like a fingerprint. Nothing here is computed or kept unless speakers are asked for.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from attune import weights
from attune.errors import WeightsError
from attune.voice.whisper_mel import filters

if TYPE_CHECKING:
    import onnx

INSTALL = "pip install --no-deps resemblyzer"
FILE = "pretrained.pt"
LICENSE, LICENSE_CLASS = "Apache-2.0 (the package's); LibriSpeech: CC BY 4.0, VoxCeleb: CC BY 4.0", "permissive"

SAMPLE_RATE = 16_000                     # Hz
WINDOW, HOP = 400, 160                   # samples: 25 ms every 10 ms
N_MELS = 40
LAYERS, HIDDEN = 3, 256
LENGTH = 1.6                             # s that the network was trained on
LEVEL = 10 ** (-30 / 20)                 # rms that softer sound is brought to
QUIET, STANDS = 0.05, 2.0                # share of the frames that is softer; times their power is what stands (chosen in benchmarks/speakers.py)
LEAST = 0.1                              # of a band's power is left, however much of it stands
EVERY = 4                                # frames from one that `standing` looks at to the next
GRAPH = "1"                              # raise when the graph built here changes


def available() -> bool:
    """Whether the package that carries the weights is installed."""
    try:
        weights.carried("resemblyzer", FILE, install=INSTALL)
    except WeightsError:
        return False
    return True


def voiceprints(waves: Sequence[np.ndarray], noise: np.ndarray | None = None) -> np.ndarray:
    """Vectors (n, 256) float32 of length 1; the cosine of two is high for one speaker.

    Parameters
    ----------
    waves
        n stretches of speech, float (samples,) at 16 kHz, best of about 1.6 s; at least 0.1 s.
    noise
        (40,) what `standing` says of the sound around them: is taken away.

    Raises
    ------
    WeightsError
        If the package `resemblyzer`, which carries the network, isn't installed.
    """
    graph = weights.session(_path())
    found = [graph.run(None, {"mel": mel(wave, noise)[:, None]})[0][0] for wave in waves]     # one by one: what stands beside must not matter
    return np.array(found, np.float32).reshape(-1, HIDDEN)


def mel(wave: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
    """(samples,) -> (t, 40) float32: power in mel bands, not its logarithm, less `noise` (40,); softer sound is made louder first."""
    wave = np.asarray(wave, np.float64)
    rms = float(np.sqrt(np.mean(wave**2))) if len(wave) else 0.0
    gain = LEVEL / rms if 0 < rms < LEVEL else 1.0
    found = _power(wave * gain, HOP)
    return np.asarray(found if noise is None else np.maximum(found - noise * gain**2, LEAST * found), np.float32)


def standing(wave: np.ndarray) -> np.ndarray:
    """(samples,) -> (40,): the power in mel bands of noise that doesn't cease, from the softest frames of some seconds up to half a minute.

    The network was taught on power, in which noise adds to a voice: without it, voices far from a microphone are told apart better.

    >>> standing(np.zeros(16_000)).shape
    (40,)
    """
    return np.asarray(np.quantile(_power(np.asarray(wave, np.float64), EVERY * HOP), QUIET, axis=0) * STANDS)


def _power(wave: np.ndarray, hop: int) -> np.ndarray:
    """(t, 40) float64, every `hop` samples."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, WINDOW // 2), WINDOW)[::hop]
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], axis=1)) ** 2 @ filters(N_MELS), np.float64)


# The network


@cache
def _path() -> Path:
    """The ONNX file, built on the first use."""
    source = weights.carried("resemblyzer", FILE, install=INSTALL)
    return weights.derived(f"ge2e-{weights.digest(source)}-{GRAPH}.onnx", lambda: _graph(tensors(source)).SerializeToString())


def _graph(found: dict[str, np.ndarray]) -> onnx.ModelProto:
    """mel (t, n, 40) -> voiceprint (n, 256): three LSTM layers, the last state, a rectified linear layer, length 1."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def gates(name: str) -> np.ndarray:
        """torch has input, forget, cell, output; ONNX input, output, forget, cell."""
        i, f, c, o = np.split(_part(found, name), 4)
        return np.concatenate([i, o, f, c])[None]

    x = "mel"
    for k in range(LAYERS):
        inputs = [constant(f"{kind}{k}", value) for kind, value in (
            ("W", gates(f"lstm.weight_ih_l{k}")), ("R", gates(f"lstm.weight_hh_l{k}")),
            ("B", np.concatenate([gates(f"lstm.bias_ih_l{k}"), gates(f"lstm.bias_hh_l{k}")], axis=1)))]
        nodes.append(helper.make_node("LSTM", [x, *inputs], [f"y{k}", f"h{k}"], hidden_size=HIDDEN))
        nodes.append(helper.make_node("Squeeze", [f"y{k}", constant(f"direction{k}", np.array([1]))], [f"x{k}"]))
        x = f"x{k}"
    nodes += [
        helper.make_node("Squeeze", [f"h{LAYERS - 1}", constant("last", np.array([0]))], ["state"]),
        helper.make_node("Gemm", ["state", *(constant(name, _part(found, f"linear.{name}")) for name in ("weight", "bias"))], ["linear"], transB=1),
        helper.make_node("Relu", ["linear"], ["positive"]), helper.make_node("LpNormalization", ["positive"], ["voiceprint"], axis=1, p=2),
    ]
    model: onnx.ModelProto = helper.make_model(helper.make_graph(
        nodes, "ge2e", [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["t", "n", N_MELS])],
        [helper.make_tensor_value_info("voiceprint", TensorProto.FLOAT, ["n", HIDDEN])], constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _part(found: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in found:
        raise WeightsError(f"{FILE} of the package 'resemblyzer' holds no {name}; reinstall by: {INSTALL}")
    return found[name]


# Reading torch's older files without torch: five pickles, then for each storage its length and its numbers


def tensors(path: Path) -> dict[str, np.ndarray]:
    """The named tensors of `model_state` in a file that torch wrote before its version 1.6.

    Raises
    ------
    WeightsError
        If it is anything else, or names anything but tensors and plain containers.
    """
    try:
        with path.open("rb") as file:
            for _ in range(3):                                       # magic number, protocol, sizes of numbers
                _Plain(file).load()
            content = _Plain(file).load()["model_state"]
            keys = _Plain(file).load()
            stored = {key: np.fromfile(file, "<f4", int(np.fromfile(file, "<i8", 1)[0])) for key in keys}
        return {name: np.lib.stride_tricks.as_strided(stored[t.key][t.offset :], t.shape, [4 * s for s in t.stride]).copy() for name, t in content.items()}
    except (pickle.UnpicklingError, KeyError, ValueError, IndexError, EOFError, AttributeError, TypeError) as error:
        raise WeightsError(f"{path.name} of the package 'resemblyzer' can't be read ({error}); reinstall by: {INSTALL}") from error


class _Tensor:
    """Where a tensor's numbers lie: `key` of its storage, `offset`, `shape` and `stride` in numbers."""

    def __init__(self, key: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> None:
        self.key, self.offset, self.shape, self.stride = key, int(offset), tuple(shape), tuple(stride)


class _Plain(pickle.Unpickler):
    """Makes dictionaries, numbers and `_Tensor`s, and refuses everything else."""

    KNOWN = (("collections", "OrderedDict", OrderedDict), ("torch._utils", "_rebuild_tensor_v2", _Tensor), ("torch", "FloatStorage", "float"))

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)

    def find_class(self, module: str, name: str) -> Any:
        for known in self.KNOWN:
            if (module, name) == known[:2]:
                return known[2]
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        if not (isinstance(pid, tuple) and len(pid) >= 3 and pid[0] == "storage" and pid[1] == "float"):
            raise pickle.UnpicklingError("it names something that is no storage of floats")
        return pid[2]
