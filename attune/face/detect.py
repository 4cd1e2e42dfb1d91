"""Where the faces are: MTCNN, a cascade of three small networks, run by onnxruntime.

P-Net looks at every 12 x 12 window of a pyramid of shrunken pictures and proposes; R-Net sees each proposal at 24 x 24 and throws
most away; O-Net sees the rest at 48 x 48 and gives the box, five landmarks and the probability that there is a face. Our addition: where it
isn't sure it looks again at the face turned upright, and mirrored, and the three looks count alike.

    Zhang, Zhang, Li & Qiao (2016), Joint face detection and alignment using multitask cascaded convolutional networks,
    IEEE Signal Processing Letters 23(10). Weights: the arrays in the package `mtcnn` 1.0.0 (MIT), turned into ONNX graphs at the
    first use and kept in the cache.

Limits: a face should be at least 36 pixels wide to be worth measuring (it is found from about 28 on); seen from the side, turned
upside down, or more than half covered it is often missed. Very dark pictures are brightened first, which repairs most of what
darkness costs. `benchmarks/faces.py` counts all this.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attune import weights
from attune.errors import ShapeError, WeightsError
from attune.face import align

if TYPE_CHECKING:
    import onnx

SMALLEST_USABLE = 36                     # pixels across; below, five landmarks and an expression can't be told
WINDOW = 12                              # pixels that P-Net looks at
STRIDE = 2                               # pixels from window to window: its one pooling
SCALE_STEP = 0.709                       # about sqrt(1/2): each level of the pyramid has half the pixels
# least probability to pass on; P at .7 finds the same faces with half as many boxes again (benchmarks/faces.py)
P_SCORE, R_SCORE, O_SCORE = 0.8, 0.7, 0.8
SURE = 0.995                             # below, a face is looked at again: folded hands got up to .989, and then less than .5
UPRIGHT = 96                             # pixels of the face in that second look
LINES = 480                              # in pictures with a longer short side the smallest face grows in proportion
BRIGHT, MOST_GAIN = 235.0, 8.0           # a dark picture's 99th percentile is brought to BRIGHT, by at most MOST_GAIN
GREY = 127.5                             # 0 to the networks
GRAPHS = "1"                             # raise when the graphs built here change

Array = np.ndarray[Any, np.dtype[Any]]


class Found(NamedTuple):
    """Faces in one picture, from left to right; pixel i covers [i, i + 1).

    box (n, 4) float64 xyxy, may reach beyond the picture · landmarks (n, 5, 2): left eye, right eye, nose, left and right corner
    of the mouth, as seen in the picture · score (n,) probability.
    """

    box: Array
    landmarks: Array
    score: Array


NOBODY = Found(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))


def detect(frame: Array, *, min_face: int = 40, score: float = 0.9) -> Found:
    """Find the faces in one picture.

    Parameters
    ----------
    frame : (h, w, 3) uint8
        RGB, of any size; without room for the smallest face it holds none.
    min_face : int
        Smallest face looked for, in pixels of a picture whose short side is at most 480; it grows with the picture (720: 60).
    score : float
        Least probability. At .98 true faces are lost.

    Raises
    ------
    ShapeError
        If the frame isn't (h, w, 3) uint8.

    >>> len(detect(np.zeros((90, 160, 3), np.uint8)).score)
    0
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ShapeError(f"a frame of shape {frame.shape} and type {frame.dtype}, expected (h, w, 3) uint8")
    pictures = _pyramid(frame, min_face)
    if not pictures:
        return NOBODY
    gain = _gain(pictures[1][0])
    boxes = _propose(pictures[1:], gain)
    boxes = _refuse(pictures, boxes, gain)
    return _conclude([(frame, np.ones(2)), *pictures], boxes, gain, score)


# The three stages

Picture = tuple[Array, Array]             # a shrunken frame (h, w, 3) uint8, and its size in that of the frame (2,), x and y


def _propose(pictures: list[Picture], gain: float) -> Array:
    """Square boxes (n, 4) in the frame that P-Net takes for faces."""
    parts = []
    for picture, scale in pictures:
        shift, chance = _run("pnet", picture=picture, gain=gain)
        y, x = np.nonzero(chance[0, 1] > P_SCORE)
        if not len(x):
            continue
        corner = np.stack([x, y], axis=1) * float(STRIDE)
        box = np.concatenate([corner, corner + WINDOW], axis=1) + shift[0][:, y, x].T * float(WINDOW)
        rows = np.column_stack([box / np.tile(scale, 2), chance[0, 1, y, x]])
        parts.append(rows[_suppress(rows, 0.5)])
    if not parts:
        return np.zeros((0, 4))
    rows = np.concatenate(parts)
    return _square(rows[_suppress(rows, 0.7), :4])


def _refuse(pictures: list[Picture], boxes: Array, gain: float) -> Array:
    """The boxes that R-Net takes for faces too, moved to where it sees them."""
    shift, chance = _look("rnet", pictures, boxes, gain)
    rows = np.column_stack([boxes + shift * np.tile(_size(boxes), 2), chance[:, 1]])[chance[:, 1] > R_SCORE]
    return _square(rows[_suppress(rows, 0.7), :4])


def _conclude(pictures: list[Picture], boxes: Array, gain: float, score: float) -> Found:
    """What O-Net says of the rest; whom it isn't sure of it sees twice more, turned upright, and mirrored."""
    shift, points, chance = _look("onet", pictures, boxes, gain)
    size = _size(boxes)
    points = points.reshape(-1, 2, 5).transpose(0, 2, 1) * size[:, None] + boxes[:, None, :2]
    rows = np.column_stack([boxes + shift * np.tile(size, 2), chance[:, 1]])
    keep = np.flatnonzero((rows[:, 4] > O_SCORE) & (_size(rows) > 0).all(axis=1))
    keep = keep[_suppress(rows[keep], 0.7, of_smaller=True)]
    for i in keep[rows[keep, 4] < SURE]:
        face = align.level(pictures[0][0], rows[i, :4], points[i], UPRIGHT, zoom=1)
        both = np.concatenate([face, face[:, ::-1]])                                             # one above the other
        places = np.array([(0, 0, UPRIGHT, UPRIGHT), (0, UPRIGHT, UPRIGHT, 2 * UPRIGHT)])
        again = _run("onet", picture=both, boxes=places, gain=gain)[-1]
        rows[i, 4] = (rows[i, 4] + again[:, 1].sum()) / 3
    keep = keep[rows[keep, 4] >= score]
    keep = keep[np.lexsort((rows[keep, 1], rows[keep, 0]))]
    return Found(rows[keep, :4], points[keep], rows[keep, 4])


def _look(network: str, pictures: list[Picture], boxes: Array, gain: float) -> list[Array]:
    """What R-Net or O-Net says of each box, seen in the smallest picture that still shows it at full resolution."""
    out = [np.zeros((len(boxes), n)) for n in OUTPUTS[network].values()]
    widths = np.stack([_size(boxes)[:, 0] * scale[0] for _, scale in pictures], axis=1)          # boxes x pictures
    which = np.maximum((widths >= VIEW[network]).sum(axis=1) - 1, 0)                             # pictures shrink along the list
    for k in np.unique(which):
        mine = np.flatnonzero(which == k)
        picture, scale = pictures[k]
        places = boxes[mine] * np.tile(scale, 2)
        corner = np.clip(np.floor(places[:, :2].min(axis=0)) - 1, 0, None).astype(np.int64)      # convert no more than is looked at
        end = np.clip(np.ceil(places[:, 2:].max(axis=0)) + 1, 1, None).astype(np.int64)
        part = picture[corner[1] : end[1], corner[0] : end[0]]
        if not part.size:                                                                        # nothing of the picture is in them
            continue
        said = _run(network, picture=part, boxes=places - np.tile(corner, 2), gain=gain)
        for all_, these in zip(out, said, strict=True):
            all_[mine] = these
    return out


# Boxes

def _size(boxes: Array) -> Array:
    return np.asarray(boxes[:, 2:4] - boxes[:, :2])


def _square(boxes: Array) -> Array:
    """Boxes made square about their centres, without losing anything."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, _size(boxes).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _suppress(rows: Array, limit: float, *, of_smaller: bool = False) -> Array:
    """Of rows (n, 5) xyxy + score that overlap by more than `limit` (of their union, or of the smaller one), keep the best."""
    order = np.argsort(-rows[:, 4], kind="stable")
    area = _size(rows).prod(axis=1)
    keep = []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        low, high = np.maximum(rows[best, :2], rows[order, :2]), np.minimum(rows[best, 2:4], rows[order, 2:4])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        whole = np.minimum(area[best], area[order]) if of_smaller else area[best] + area[order] - shared
        order = order[shared <= limit * whole]
    return np.array(keep, np.int64)


# Pictures

def _pyramid(frame: Array, min_face: int) -> list[Picture]:
    """The frame shrunk so that the smallest face fills R-Net's view, then P-Net's, then ever smaller; empty if there is no room."""
    import av
    from av.video.reformatter import Interpolation

    height, width = frame.shape[:2]
    short = min(height, width)
    first = WINDOW / (min_face * max(short / LINES, 1))
    scales = [2 * first]
    while short * first >= WINDOW:
        scales.append(first)
        first *= SCALE_STEP
    if len(scales) == 1:
        return []
    pictures: list[Picture] = []
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    for scale in scales:                  # the scaler is quickest in planes, and from the picture before
        w, h = round(width * scale), round(height * scale)
        picture = picture.reformat(w, h, "gbrp", interpolation=Interpolation.AREA)
        pictures.append((picture.to_ndarray(), np.array([w / width, h / height])))
    return pictures


def _gain(picture: Array) -> float:
    """By how much a dark picture has to be brightened."""
    bright = float(np.percentile(picture, 99))
    return min(max(BRIGHT / max(bright, 1.0), 1.0), MOST_GAIN)


# The networks

def _run(network: str, *, picture: Array, gain: float, boxes: Array | None = None) -> list[Array]:
    """Outputs of one network for a picture (h, w, 3) uint8, or for n boxes in it."""
    given = {"picture": picture[None], "gain": np.array([gain], np.float32)}
    if boxes is not None:
        given |= {"boxes": boxes.astype(np.float32), "of": np.zeros(len(boxes), np.int64)}
    out: list[Array] = weights.session(_path(network)).run(None, given)
    return out


@cache
def _path(network: str) -> Path:
    """The network's ONNX file, built on the first use. Several processes may do so at once: each writes its own and renames it."""
    source = weights.carried("mtcnn", f"assets/weights/{network}.lz4", install="pip install mtcnn==1.0.0")
    path = weights.cache_folder() / f"mtcnn-{version('mtcnn')}-{network}-{GRAPHS}.onnx"
    if path.is_file():
        return path
    content = _graph(network, _arrays(source)).SerializeToString()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:                       # a cache that can't be written: this process keeps its own
        path = Path(tempfile.mkdtemp(prefix="attune-")) / path.name
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(name, path)
    return path


def _arrays(path: Path) -> list[Array]:
    """A network's arrays, layer by layer, as Keras keeps them."""
    try:
        import joblib

        arrays: list[Array] = joblib.load(path)
        return arrays
    except Exception as error:
        raise WeightsError(f"{path.name} of the package 'mtcnn' can't be read ({error}); reinstall by: pip install mtcnn==1.0.0") from error


VIEW = {"rnet": 24, "onet": 48}           # pixels that a box is resized to
OUTPUTS = {"rnet": {"shift": 4, "chance": 2}, "onet": {"shift": 4, "points": 10, "chance": 2}}
POOLS = {                                 # after each convolution: kernel, stride, Keras padding
    "pnet": [(2, 2, "same"), None, None],
    "rnet": [(3, 2, "same"), (3, 2, "valid"), None],
    "onet": [(3, 2, "same"), (3, 2, "valid"), (2, 2, "same"), None],
}


def _graph(network: str, arrays: list[Array]) -> onnx.ModelProto:
    """The network as ONNX.

    picture (1, h, w, 3) uint8, gain (1,), and for R- and O-Net boxes (n, 4) in it, of (n,) zeros -> shift of the box, points (of
    O-Net), chance (of no face, of a face); of P-Net for every window.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []
    left = iter(arrays)

    def node(kind: str, *inputs: str | Array | float, name: str | None = None, **options: Any) -> str:
        names = []
        for x in inputs:
            if not isinstance(x, str):
                constants.append(numpy_helper.from_array(np.ascontiguousarray(x, np.float32), f"w{len(constants)}"))
            names.append(x if isinstance(x, str) else constants[-1].name)
        nodes.append(helper.make_node(kind, names, [name or f"x{len(nodes)}"], **options))
        return str(nodes[-1].output[0])

    def convolve(x: str, kernel: Array, bias: Array, **options: Any) -> str:
        return node("Conv", x, kernel.transpose(3, 2, 0, 1), bias, **options)                    # Keras HWIO -> ONNX OIHW

    def rectify(x: str, slope: Array) -> str:
        """PReLU as slope * x + (1 - slope) * relu(x): a third quicker than onnxruntime's own."""
        return node("Add", node("Mul", x, slope), node("Mul", node("Relu", x), 1 - slope))

    bright = node("Min", node("Mul", node("Cast", "picture", to=TensorProto.FLOAT), "gain"), 255.0)
    x = node("Transpose", node("Mul", node("Sub", bright, GREY), 1 / 128), perm=[0, 3, 1, 2])
    if network in VIEW:                   # average of as many samples as the box has pixels; 0, which is grey, outside of the picture
        side = VIEW[network]
        x = node("RoiAlign", x, "boxes", "of", output_height=side, output_width=side, sampling_ratio=0)
    for pool in POOLS[network]:
        x = rectify(convolve(x, next(left), next(left)), next(left).reshape(-1, 1, 1))
        if pool:
            size, stride, padding = pool
            pad = {"same": "SAME_UPPER", "valid": "VALID"}[padding]
            x = node("MaxPool", x, kernel_shape=[size, size], strides=[stride, stride], auto_pad=pad)
    inputs = {"picture": (TensorProto.UINT8, [1, "h", "w", 3]), "gain": (TensorProto.FLOAT, [1])}
    outputs: dict[str, list[Any]]
    if network == "pnet":
        outputs = {"shift": [1, 4, "y", "x"], "chance": [1, 2, "y", "x"]}
        node("Identity", convolve(x, next(left), next(left)), name="shift")
        node("Softmax", convolve(x, next(left), next(left)), name="chance", axis=1)
    else:
        inputs |= {"boxes": (TensorProto.FLOAT, ["n", 4]), "of": (TensorProto.INT64, ["n"])}
        outputs = {name: ["n", width] for name, width in OUTPUTS[network].items()}
        x = node("Flatten", node("Transpose", x, perm=[0, 3, 2, 1]))                             # (n, w, h, c), as they were trained
        x = rectify(node("Gemm", x, next(left), next(left)), next(left))
        for name in list(outputs)[:-1]:
            node("Gemm", x, next(left), next(left), name=name)
        node("Softmax", node("Gemm", x, next(left), next(left)), name="chance", axis=1)
    graph = helper.make_graph(
        nodes, network, [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()], constants,
    )
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
