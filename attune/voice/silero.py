"""Silero's speech detector, laid out so that many windows take less time.

The network looks at each window of sound by itself, in convolutions over four short frames, and only then remembers (LSTM). Four frames are too few for
a convolution to be quick: here the frames of all windows are the rows of one matrix, and each convolution is one product. A first frame that the
network drops isn't made. The arrays are those of the package `silero-vad` (MIT), to the bit; probabilities agree to a millionth (`tests/voice`).

A release of that package may bring another network. What is laid out here is compared with what is carried before it is kept; where it can't be built, or
says anything else, the carried network runs as it is, more slowly.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attune import weights
from attune.errors import WeightsError

if TYPE_CHECKING:
    import onnx

CARRIED, INSTALL = "data/silero_vad_16k_sequence.onnx", "pip install --no-deps silero-vad"
HEARD = 576                              # samples that the network sees: a window, and what comes before it
HOP = 128                                # samples; a frame is two of these, its spectrum has as many bands and one more
LAYOUT = "1"                             # raise when the graph built here changes
SAME = 1e-4                              # by which probabilities and what is remembered may differ from the carried network's


def carried() -> Path:
    """The network as the package carries it; `WeightsError` if that isn't installed."""
    return weights.carried("silero_vad", CARRIED, install=INSTALL)


@cache
def path() -> Path:
    """The network as it is run here, built on the first use: input (n, HEARD), h and c (1, 1, 128) -> probabilities (n,), h and c.

    Raises
    ------
    WeightsError
        If the package isn't installed, or what it carries is no such network.
    """
    source = carried()
    try:
        return weights.derived(f"silero-{weights.digest(source)}-{LAYOUT}.onnx", lambda: _compared(source))
    except _Other:
        return source


class _Other(Exception):
    """The network that is carried isn't the one that is laid out here."""


def _compared(source: Path) -> bytes:
    """The graph laid out here, once it says what the carried one says, of a buzz that comes and goes."""
    t = np.arange(8 * HEARD) / 16_000
    buzz = 0.1 * np.sin(2 * np.pi * 140 * t + 3 * np.sin(2 * np.pi * 5 * t)) * (t % 0.1 < 0.07)
    try:
        truth = _said(source.read_bytes(), buzz)
    except Exception as error:             # onnxruntime's own kinds
        raise WeightsError(f"{source.name} of the package 'silero-vad' is no network that can be run here ({error}); reinstall by: {INSTALL}") from error
    try:
        built: bytes = _laid_out(source).SerializeToString()
        ours = _said(built, buzz)
    except Exception as error:             # other names, shapes or nodes: whatever it stumbles over
        raise _Other from error
    if not all(a.size == b.size and np.abs(a.ravel() - b.ravel()).max() <= SAME for a, b in zip(ours, truth, strict=True)):
        raise _Other
    return built


def _said(graph: bytes, sound: np.ndarray) -> list[np.ndarray]:
    """Probabilities, h and c."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    nothing = np.zeros((1, 1, 128), np.float32)
    given = {"input": sound.reshape(-1, HEARD).astype(np.float32), "h": nothing, "c": nothing}
    p, h, c = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]).run(None, given)
    return [np.reshape(p, len(given["input"])), np.asarray(h), np.asarray(c)]


def _laid_out(source: Path) -> onnx.ModelProto:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    given: Any = onnx.load(str(source)).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in given.initializer}
    lstm = next(node for node in given.node if node.op_type == "LSTM")
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(array: Any) -> str:
        array = np.asarray(array)
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.int64 if array.dtype.kind == "i" else np.float32), f"w{len(constants)}"))
        return str(constants[-1].name)

    def node(kind: str, *inputs: Any, name: str | None = None, **options: Any) -> str:
        names = [x if isinstance(x, str) else constant(x) for x in inputs]
        nodes.append(helper.make_node(kind, names, [name or f"x{len(nodes)}"], **options))
        return str(nodes[-1].output[0])

    def frames(x: str, first: int, last: int) -> str:
        return node("Slice", x, np.array([first]), np.array([last]), np.array([1]))

    def layer(rows: str, name: str, taps: slice) -> str:
        """A convolution whose inputs lie side by side in each row, and what is above zero of it."""
        kernel = arrays[f"{name}.weight"][:, :, taps].transpose(2, 1, 0)
        return node("Relu", node("Gemm", rows, kernel.reshape(-1, kernel.shape[2]), arrays[f"{name}.bias"]))

    sound = node("Pad", "input", np.array([0, 0, 0, HOP // 2]), mode="reflect")
    hops = node("Reshape", sound, np.array([-1, 5, HOP]))
    both = node("Reshape", node("Concat", frames(hops, 0, 4), frames(hops, 1, 5), axis=2), np.array([-1, 2 * HOP]))
    waves = node("MatMul", both, arrays["stft.forward_basis_buffer"][:, 0].T)                       # cosines, then sines
    cosine, sine = frames(waves, 0, HOP + 1), frames(waves, HOP + 1, 2 * HOP + 2)
    spectrum = node("Sqrt", node("Add", node("Mul", cosine, cosine), node("Mul", sine, sine)))
    x = node("Pad", node("Reshape", spectrum, np.array([-1, 4, HOP + 1])), np.array([0, 1, 0, 0, 1, 0]))
    near = node("Concat", *(frames(x, i, i + 4) for i in range(3)), axis=2)
    x = layer(node("Reshape", near, np.array([-1, 3 * (HOP + 1)])), "encoder.0", slice(0, 3))
    x = node("Pad", node("Reshape", x, np.array([-1, 4, 128])), np.array([0, 1, 0, 0, 0, 0]))
    near = node("Concat", *(node("Reshape", frames(x, i, i + 3), np.array([-1, 1, 3 * 128])) for i in (0, 2)), axis=1)
    x = layer(node("Reshape", near, np.array([-1, 3 * 128])), "encoder.1", slice(0, 3))
    x = layer(node("Reshape", x, np.array([-1, 2 * 64])), "encoder.2", slice(1, 3))                 # before and behind these there is nothing
    x = layer(x, "encoder.3", slice(1, 2))
    nodes.append(helper.make_node("LSTM", [node("Reshape", x, np.array([-1, 1, 128])), *(constant(arrays[name]) for name in lstm.input[1:4]), "", "h", "c"],
                                  ["remembered", "hn", "cn"], hidden_size=128))
    x = node("Relu", node("Reshape", "remembered", np.array([-1, 128])))
    x = node("Gemm", x, arrays["output.weight"][:, :, 0].T, arrays["output.bias"])
    node("Sigmoid", node("Reshape", x, np.array([-1])), name="speech_probs")
    shapes = {"input": ["n", HEARD], "h": [1, 1, 128], "c": [1, 1, 128], "speech_probs": ["n"], "hn": [1, 1, 128], "cn": [1, 1, 128]}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    model: onnx.ModelProto = helper.make_model(
        helper.make_graph(nodes, "silero", ends[:3], ends[3:], constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
