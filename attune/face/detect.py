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

import threading
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attune import weights
from attune.errors import ShapeError, WeightsError
from attune.face import align

if TYPE_CHECKING:
    import av
    import onnx
    from av.video.reformatter import VideoReformatter

SMALLEST_USABLE = 36                     # pixels across; below, five landmarks and an expression can't be told
WINDOW = 12                              # pixels that P-Net looks at
STRIDE = 2                               # pixels from window to window: its one pooling
SCALE_STEP = 0.709                       # about sqrt(1/2): each level of the pyramid has half the pixels
# least probability to pass on; P at .7 finds the same faces with half as many boxes again (benchmarks/faces.py)
P_SCORE, R_SCORE, O_SCORE = 0.8, 0.7, 0.8
MOVED = 0.06                             # of its size, by which a face may be beside where it was expected, and be seen as well as in the middle
SURE = 0.995                             # below, a face is looked at again: folded hands got up to .989, and then less than .5
UPRIGHT = 96                             # pixels of the face in that second look
LINES = 480                              # in pictures with a longer short side the smallest face grows in proportion
BRIGHT, MOST_GAIN = 235.0, 8.0           # a dark picture's 99th percentile is brought to BRIGHT, by at most MOST_GAIN
ROOM = 1 / 4                             # of a known face's size, around where it was expected, that is made ready for O-Net
SPARSE = 60                              # rows, about, of pixels that tell how dark a picture is, when it isn't searched
MOST_FOLD = 16                           # pixels across whose squares of 255 still add up in 16 bits
GREY, GREY_TO_WHITE = 127.5, 128         # 0 and 1 to the networks
GRAPHS = "2"                             # raise when the graphs built here change

Array = np.ndarray[Any, np.dtype[Any]]


class Found(NamedTuple):
    """Faces in one picture, from left to right; pixel i covers [i, i + 1).

    box (n, 4) float64 xyxy, may reach beyond the picture · landmarks (n, 5, 2): left eye, right eye, nose, left and right corner
    of the mouth, as seen in the picture · score (n,) probability · looks (n,) the two further looks' mean probability, 1 where none was needed.
    """

    box: Array
    landmarks: Array
    score: Array
    looks: Array


NOBODY = Found(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0), np.zeros(0))


def detect(frame: Array, *, min_face: int = 40, score: float = 0.9, within: Array | None = None) -> Found:
    """Find the faces in one picture.

    Parameters
    ----------
    frame : (h, w, 3) uint8
        RGB, of any size; without room for the smallest face it holds none.
    min_face : int
        Smallest face looked for, in pixels of a picture whose short side is at most 480; it grows with the picture (720: 60).
    score : float
        Least probability. At .98 true faces are lost.
    within : (4,) int, xyxy pixels
        Only this part of the picture is searched.

    Raises
    ------
    ShapeError
        If the frame isn't (h, w, 3) uint8.

    >>> len(detect(np.zeros((90, 160, 3), np.uint8)).score)
    0
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ShapeError(f"a frame of shape {frame.shape} and type {frame.dtype}, expected (h, w, 3) uint8")
    gain, pictures = _pyramid(frame, min_face, within)
    if not pictures:
        return NOBODY
    boxes = _propose(pictures[1:])
    boxes = _refuse(pictures, boxes)
    return _conclude(frame, pictures, boxes, gain, score)


def joined(known: Found, others: Found) -> Found:
    """Faces of one picture, those that are known and those of others that aren't the same, from left to right."""
    middle = (others.box[:, :2] + others.box[:, 2:])[:, None] / 2
    new = ~((middle > known.box[:, :2]) & (middle < known.box[:, 2:])).all(axis=2).any(axis=1)
    both = [np.concatenate([a, b[new]]) for a, b in zip(known, others, strict=True)]
    order = np.lexsort((both[0][:, 1], both[0][:, 0]))
    return Found(*(part[order] for part in both))


def again(frame: Array, boxes: Array, *, score: float = 0.9, looks: Array | None = None) -> Found | None:
    """Look only where faces are expected, with O-Net.

    R-Net, which stands before it in a search, only says whom O-Net should see, and where; of a face that is known O-Net itself said so a moment
    ago. Where it sees that the face has moved, it looks once more, there.

    Parameters
    ----------
    frame : (h, w, 3) uint8, RGB
    boxes : (n, 4) xyxy pixels
        About where the faces are.
    looks : (n,)
        What is known of them from further looks that weren't long ago, as in `Found`; these aren't repeated.

    Returns
    -------
    As many faces as boxes, or None if not every one of them is seen: then `detect` has to search the picture.
    """
    if not len(boxes):
        return NOBODY
    gain, pictures, places = _brightness(frame), [], _square(boxes)
    for box in places:
        picture = _around(frame, box, gain)
        if picture is None:
            return None
        pictures.append(picture)
    said = _run("onet", np.stack([_view(*seen) for seen in zip(pictures, places, strict=True)]))
    there = _square(places + said[:, :4] * _twice(_size(places)))
    far = np.flatnonzero((np.abs(there - places) > MOVED * _size(places)[:, :1]).any(axis=1))
    if len(far):
        places[far] = there[far]
        said[far] = _run("onet", np.stack([_view(pictures[i], places[i]) for i in far]))
    found = _judged(frame, said, places, gain, score, looks)
    return found if len(found.box) == len(boxes) else None


# The three stages

class Picture(NamedTuple):
    """The frame, shrunk, or a part of it: planes (3, h, w) float32 as the networks want them; `scale`, its size in that of the frame (2,),
    and `corner`, where it begins in that size (2,), both x and y."""

    planes: Array
    scale: Array
    corner: Array


def _propose(pictures: list[Picture]) -> Array:
    """Square boxes (n, 4) in the frame that P-Net takes for faces."""
    parts = []
    for level, (planes, scale, start) in enumerate(pictures):
        said = _run("pnet", planes[None])[0]
        y, x = np.nonzero(said[-1] > _odds(P_SCORE))
        corner = np.stack([x, y], axis=1) * float(STRIDE) + start
        box = np.concatenate([corner, corner + WINDOW], axis=1) + said[:4, y, x].T * float(WINDOW)
        parts.append(np.column_stack([box / np.tile(scale, 2), said[-1, y, x], np.full(len(x), level)]))
    rows = np.concatenate(parts)
    if not len(rows):
        return np.zeros((0, 4))
    apart = rows[:, :5].copy()            # within each level first: levels laid side by side don't overlap
    apart[:, [0, 2]] += rows[:, 5:] * (np.ptp(rows[:, [0, 2]]) + 1)
    rows = rows[_suppress(apart, 0.5), :5]
    return _square(rows[_suppress(rows, 0.7), :4])


def _refuse(pictures: list[Picture], boxes: Array) -> Array:
    """The boxes that R-Net takes for faces too, moved to where it sees them."""
    said = _run("rnet", _views("rnet", pictures, boxes))
    rows = np.column_stack([boxes + said[:, :4] * _twice(_size(boxes)), said[:, -1]])[said[:, -1] > _odds(R_SCORE)]
    return _square(rows[_suppress(rows, 0.7), :4])


def _conclude(frame: Array, pictures: list[Picture], boxes: Array, gain: float, score: float) -> Found:
    """What O-Net says of the rest; whom it isn't sure of it sees twice more, turned upright, and mirrored."""
    size = _size(boxes)
    small = size[:, 0] * pictures[0].scale[0] < VIEW["onet"]
    if small.any():                       # only the frame itself shows these at full resolution
        pictures = [_part(frame, boxes[small], gain), *pictures]
    return _judged(frame, _run("onet", _views("onet", pictures, boxes)), boxes, gain, score)


def _judged(frame: Array, said: Array, boxes: Array, gain: float, score: float, known: Array | None = None) -> Found:
    """The faces among what O-Net said of boxes; known: further looks at each (n,) that needn't be repeated."""
    size = _size(boxes)
    points = said[:, 4:-1].reshape(-1, 2, 5).transpose(0, 2, 1) * size[:, None] + boxes[:, None, :2]
    rows = np.column_stack([boxes + said[:, :4] * _twice(size), _chance(said[:, -1])])
    keep = np.flatnonzero((rows[:, 4] > O_SCORE) & (_size(rows) > 0).all(axis=1))
    keep = keep[_suppress(rows[keep], 0.7, of_smaller=True)]
    looks = np.ones(len(rows))
    for i in keep[rows[keep, 4] < SURE]:
        if known is not None and known[i] < 1:
            looks[i] = known[i]
        else:
            face = _planes(align.level(frame, rows[i, :4], points[i], UPRIGHT, zoom=1).transpose(2, 0, 1), gain)
            view = _view(Picture(face, np.ones(2), np.zeros(2)), np.array([0, 0, UPRIGHT, UPRIGHT]))
            looks[i] = _chance(_run("onet", np.stack([view, view[:, :, ::-1]]))[:, -1]).mean()
        rows[i, 4] = (rows[i, 4] + 2 * looks[i]) / 3
    keep = keep[rows[keep, 4] >= score]
    keep = keep[np.lexsort((rows[keep, 1], rows[keep, 0]))]
    return Found(rows[keep, :4], points[keep], rows[keep, 4], looks[keep])


def _views(network: str, pictures: list[Picture], boxes: Array) -> Array:
    """Each box as R-Net or O-Net wants it (n, 3, side, side), out of the smallest picture that still shows it at full resolution."""
    views = np.empty((len(boxes), 3, VIEW[network], VIEW[network]), np.float32)
    widths = np.stack([_size(boxes)[:, 0] * picture.scale[0] for picture in pictures], axis=1)   # boxes x pictures
    which = np.maximum((widths >= VIEW[network]).sum(axis=1) - 1, 0)                             # pictures shrink along the list
    for k in set(which.tolist()):
        mine = np.flatnonzero(which == k)
        views[mine] = _cut(network, pictures[k].planes, _within(pictures[k], boxes[mine]))
    return views


# Boxes

def _size(boxes: Array) -> Array:
    return np.asarray(boxes[:, 2:4] - boxes[:, :2])


def _twice(xy: Array) -> Array:
    """(n, 2) x, y -> (n, 4) x, y, x, y: for both corners of boxes."""
    return np.concatenate([xy, xy], axis=1)


def _within(picture: Picture, boxes: Array) -> Array:
    """Boxes (n, 4) of the frame, in the pixels of a picture."""
    return np.asarray(boxes.reshape(-1, 2, 2) * picture.scale - picture.corner).reshape(-1, 4)


def _square(boxes: Array) -> Array:
    """Boxes made square about their centres, without losing anything."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, _size(boxes).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _suppress(rows: Array, limit: float, *, of_smaller: bool = False) -> Array:
    """Of rows (n, 5) xyxy + score that overlap by more than `limit` (of their union, or of the smaller one), keep the best."""
    if len(rows) < 2:
        return np.arange(len(rows))
    order = np.argsort(-rows[:, 4], kind="stable")
    area = _size(rows).prod(axis=1)

    def too_near(a: Array, b: Array) -> Array:
        x0, y0, x1, y1 = rows.T[:4]
        across = np.minimum(x1[a, None], x1[b]) - np.maximum(x0[a, None], x0[b])
        down = np.minimum(y1[a, None], y1[b]) - np.maximum(y0[a, None], y0[b])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        whole = np.minimum(area[a, None], area[b]) if of_smaller else area[a, None] + area[b] - shared
        return np.asarray(shared > limit * whole)

    keep: list[int] = []
    while len(order):                     # a hundred at a time: one table of pairs is quicker than many rows of it, and stays small
        some, order = order[:100], order[100:]
        near, alive = too_near(some, some), np.ones(len(some), bool)
        for i in range(len(some)):
            if alive[i]:
                alive[i + 1 :] &= ~near[i, i + 1 :]
        keep += some[alive].tolist()
        if len(order):
            order = order[~too_near(some[alive], order).any(axis=0)]
    return np.array(keep, np.int64)


# Pictures

def _pyramid(frame: Array, min_face: int, within: Array | None = None) -> tuple[float, list[Picture]]:
    """By how much a dark frame is brightened; and the frame, or a part of it, shrunk so that the smallest face fills R-Net's view, then P-Net's, then
    ever smaller. Without room for a face there is no picture."""
    import av
    from av.video.reformatter import Interpolation, VideoReformatter

    first = WINDOW / (min_face * max(min(frame.shape[:2]) / LINES, 1))
    x0, y0, x1, y1 = (0, 0, frame.shape[1], frame.shape[0]) if within is None else within.tolist()
    part, corner, short = frame[y0:y1, x0:x1], np.array([x0, y0]), min(x1 - x0, y1 - y0)
    scales = [2 * first]
    while short * first >= WINDOW:
        scales.append(first)
        first *= SCALE_STEP
    if len(scales) == 1:
        return 1.0, []
    fold = min(max(int(1 / scales[0]), 1), MOST_FOLD)
    whole = _folded(part, fold)           # much quicker than the scaler, which does the rest: in planes, and from the picture before
    height, width = whole.shape[1] * fold, whole.shape[2] * fold
    picture = av.VideoFrame(whole.shape[2], whole.shape[1], "gbrp")
    for plane, pixels in zip(_pixels(picture), whole, strict=True):
        plane[:] = pixels
    shrunk = []
    for level, scale in enumerate(scales):
        scaler = _kept.scalers.setdefault(level, VideoReformatter())
        picture = scaler.reformat(picture, round(width * scale), round(height * scale), interpolation=Interpolation.AREA, threads=1)
        shrunk.append(np.stack(_pixels(picture)))
    gain = _gain(shrunk[1][:, ::2, ::2]) if within is None else _brightness(frame)
    sizes = [np.array([p.shape[2] / width, p.shape[1] / height]) for p in shrunk]
    return gain, [Picture(_planes(p, gain), scale, corner * scale) for p, scale in zip(shrunk, sizes, strict=True)]


class _Kept(threading.local):
    """FFmpeg's scalers, one for each level: making one anew takes longer than most pictures take."""

    def __init__(self) -> None:
        self.scalers: dict[int, VideoReformatter] = {}


_kept = _Kept()


def _folded(frame: Array, n: int) -> Array:
    """(h, w, 3) -> (3, h // n, w // n): means of n x n pixels."""
    height, width = frame.shape[0] // n, frame.shape[1] // n
    rows = frame[: height * n : n].astype(np.uint16)
    for i in range(1, n):
        rows += frame[i : height * n : n]
    out = np.empty((3, height, width), np.uint8)
    for plane, columns in zip(out, rows.transpose(2, 0, 1), strict=True):
        total = columns[:, : width * n : n].copy()
        for i in range(1, n):
            total += columns[:, i : width * n : n]
        plane[:] = (total + n * n // 2) // (n * n)
    return out


def _pixels(picture: av.VideoFrame) -> list[Array]:
    """Red, green and blue (h, w) of a picture "gbrp", to be read and written."""
    green, blue, red = (np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width] for plane in picture.planes)
    return [red, green, blue]


def _part(frame: Array, boxes: Array, gain: float) -> Picture:
    """As much of the frame as some boxes see."""
    last = np.array([frame.shape[1], frame.shape[0]]) - 1
    corner = np.clip(np.floor(boxes[:, :2].min(axis=0)) - 1, 0, last).astype(np.int64)
    end = np.maximum(np.ceil(boxes[:, 2:].max(axis=0)).astype(np.int64) + 1, corner + 1)
    return Picture(_planes(frame[corner[1] : end[1], corner[0] : end[0]].transpose(2, 0, 1), gain), np.ones(2), corner)


def _around(frame: Array, box: Array, gain: float) -> Picture | None:
    """The frame around a square box, with as many pixels as O-Net needs to see it; None where hardly anything of it is in the frame."""
    n = max(int((box[2] - box[0]) / VIEW["onet"]), 1)
    room, last = (box[2] - box[0]) * ROOM, np.array([frame.shape[1], frame.shape[0]])
    first = np.clip(np.floor(box[:2] - room), 0, last).astype(np.int64)
    end = np.clip(np.ceil(box[2:] + room), 0, last).astype(np.int64)
    if (end - first < 2 * n).any():
        return None
    part = align.folded(frame[first[1] : end[1], first[0] : end[0]], n)
    return Picture(_planes(part.transpose(2, 0, 1), gain), np.full(2, 1 / n), first / n)


def _brightness(frame: Array) -> float:
    """`_gain` by some of the frame's pixels."""
    return _gain(align.thinned(frame, max(min(frame.shape[:2]) // SPARSE, 1)))


def _gain(pixels: Array) -> float:
    """By how much a dark picture has to be brightened."""
    bright = float(np.searchsorted(np.cumsum(np.bincount(pixels.ravel(), minlength=256)), 0.99 * pixels.size))
    return min(max(BRIGHT / max(bright, 1.0), 1.0), MOST_GAIN)


# The networks

def _planes(pixels: Array, gain: float) -> Array:
    """(3, h, w) uint8 as the networks want it: float32, brightened, grey 0."""
    if gain == 1:
        return np.subtract(pixels, np.float32(GREY), dtype=np.float32, order="C")
    planes = np.multiply(pixels, np.float32(gain), dtype=np.float32, order="C")
    np.minimum(planes, np.float32(255), out=planes)
    planes -= np.float32(GREY)
    return planes


def _cut(network: str, planes: Array, boxes: Array) -> Array:
    """Views (n, 3, side, side) of the boxes (n, 4) in a picture (3, h, w)."""
    given = {"picture": planes[None], "boxes": boxes.astype(np.float32), "of": np.zeros(len(boxes), np.int64)}
    views: Array = weights.session(_path(f"{network}-view")).run(None, given)[0]
    return views


def _view(picture: Picture, box: Array) -> Array:
    """One view (3, side, side) for O-Net of a box (4,) of the frame, as `_cut` makes it, but by two products of matrices, for which there is less
    to prepare."""
    x0, y0, x1, y1 = _within(picture, box[None])[0].tolist()
    height, width = picture.planes.shape[1:]
    view: Array = np.matmul(np.matmul(_shares(y0, y1, height), picture.planes), _shares(x0, x1, width).T)
    return view


def _shares(start: float, end: float, n: int) -> Array:
    """What each of n pixels adds to those of O-Net's view from start to end, (side, n): the mean of two samples, each between two pixels; grey
    outside of the picture."""
    at = np.linspace(start, end, 4 * VIEW["onet"] + 1, dtype=np.float32)[1::2] - np.float32(0.5)
    share = np.maximum(1 - np.abs(np.clip(at, 0, n - 1)[:, None] - np.arange(n, dtype=np.float32)), np.float32(0))
    if at[0] < -1 or at[-1] > n:
        share[(at < -1) | (at > n)] = 0
    return np.asarray((share[::2] + share[1::2]) * np.float32(0.5))


def _run(network: str, views: Array) -> Array:
    """What a network says of views (n, 3, h, w): shift of the box (4), points of O-Net (10: five x, five y), log odds of a face; (n, 5 or 15),
    and P-Net of each window in a picture, (1, 5, y, x)."""
    said: Array = weights.session(_path(network)).run(None, {"views": views})[0]
    return said


def _odds(chance: float) -> float:
    """Log odds of a probability."""
    return float(np.log(chance / (1 - chance)))


def _chance(odds: Array) -> Array:
    """Probabilities of log odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds.astype(np.float64), -99, 99))))


@cache
def _path(network: str) -> Path:
    """The ONNX file of a network, or of what cuts its views ("onet-view"), built on the first use."""
    net, _, view = network.partition("-")
    source = weights.carried("mtcnn", f"assets/weights/{net}.lz4", install="pip install mtcnn==1.0.0")
    return weights.derived(f"mtcnn-{version('mtcnn')}-{network}-{GRAPHS}.onnx",
                           lambda: (_viewer(VIEW[net]) if view else _graph(net, _arrays(source))).SerializeToString())


def _arrays(path: Path) -> list[Array]:
    """A network's arrays, layer by layer, as Keras keeps them."""
    try:
        import joblib

        arrays: list[Array] = joblib.load(path)
        return arrays
    except Exception as error:
        raise WeightsError(f"{path.name} of the package 'mtcnn' can't be read ({error}); reinstall by: pip install mtcnn==1.0.0") from error


VIEW = {"rnet": 24, "onet": 48}           # pixels that a box is resized to
POOLS = {                                 # after each convolution: kernel, stride, Keras padding
    "pnet": [(2, 2, "same"), None, None],
    "rnet": [(3, 2, "same"), (3, 2, "valid"), None],
    "onet": [(3, 2, "same"), (3, 2, "valid"), (2, 2, "same"), None],
}
BLOCK = 8                                 # channels that onnxruntime keeps together; empty ones fill up the last block, which spares it reordering


def _graph(network: str, arrays: list[Array]) -> onnx.ModelProto:
    """The network as ONNX: views (n, 3, h, w) float32 -> said, as in `_run`."""
    graph = _Graph()
    left = iter([arrays[0] / GREY_TO_WHITE, *arrays[1:]])

    def convolve(x: str, channels: int, kernel: Array, bias: Array, **options: Any) -> str:
        """Keras HWIO -> ONNX OIHW; as many channels as x has, and whole blocks as output."""
        filled = np.zeros((_blocks(kernel.shape[3]), channels, *kernel.shape[:2]))
        filled[: kernel.shape[3], : kernel.shape[2]] = kernel.transpose(3, 2, 0, 1)
        return graph.node("Conv", x, filled, np.pad(bias, (0, len(filled) - len(bias))), **options)

    def rectify(x: str, slope: Array) -> str:
        """PReLU as slope * x + (1 - slope) * relu(x): a third quicker than onnxruntime's own."""
        return graph.node("Add", graph.node("Mul", x, slope), graph.node("Mul", graph.node("Relu", x), 1 - slope))

    def rectify_after_pooling(x: str, kernel: Array, bias: Array, slope: Array) -> str:
        """Convolution, PReLU, pooling; but pooled first, which leaves a quarter to be rectified. Where the slope isn't negative the largest
        stays the largest; else it is that of x or that of slope * x, which therefore gets a channel of its own."""
        n, falls = len(slope), np.flatnonzero(slope < 0)
        x = convolve(x, 3, np.concatenate([kernel, kernel[..., falls] * slope[falls]], axis=-1), np.concatenate([bias, bias[falls] * slope[falls]]))
        x = graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")
        lift, rest = np.zeros((2, 1, 1, _blocks(n + len(falls)), n))                             # x = rest + relu(lift) * (1 - slope, or 1)
        lift[..., :n, :], rest[..., :n, :] = np.eye(n), np.diag(np.maximum(slope, 0))
        lift[..., n + np.arange(len(falls)), falls], rest[..., n + np.arange(len(falls)), falls] = -1, 1
        lifted = graph.node("Relu", convolve(x, lift.shape[2], lift, np.zeros(n)))
        return graph.node("Add", convolve(x, rest.shape[2], rest, np.zeros(n)), graph.node("Mul", lifted, _column(1 - np.maximum(slope, 0))))

    x, channels = "views", 3
    for pool in POOLS[network]:
        kernel, bias, slope = next(left), next(left), next(left).ravel()
        if network == "pnet" and pool:
            x = rectify_after_pooling(x, kernel, bias, slope)
        else:
            x = rectify(convolve(x, channels, kernel, bias), _column(slope))
            if pool:
                size, stride, padding = pool
                pad = {"same": "SAME_UPPER", "valid": "VALID"}[padding]
                x = graph.node("MaxPool", x, kernel_shape=[size, size], strides=[stride, stride], auto_pad=pad)
        channels = _blocks(len(slope))
    if network == "pnet":
        x = convolve(x, channels, *_heads(*left))
        graph.node("Slice", x, np.array([0]), np.array([5]), np.array([1]), name="said")
        shape: list[int | str] = ["n", 5, "y", "x"]
    else:
        x = graph.node("Flatten", graph.node("Transpose", x, perm=[0, 3, 2, 1]))                 # (n, w, h, c), as they were trained
        x = rectify(graph.node("Gemm", x, next(left), next(left)), next(left))
        kernel, bias = _heads(*left)
        graph.node("Gemm", x, kernel, bias, name="said")
        shape = ["n", len(bias)]
    return graph.model({"views": ["n", 3, "h", "w"]}, {"said": shape})


def _viewer(side: int) -> onnx.ModelProto:
    """What cuts boxes out of a picture: each pixel is the mean of 2 x 2 samples, and grey outside of the picture."""
    graph = _Graph()
    graph.node("RoiAlign", "picture", "boxes", "of", name="views", output_height=side, output_width=side, sampling_ratio=2)
    return graph.model({"picture": [1, 3, "h", "w"], "boxes": ["n", 4], "of": ["n"]}, {"views": ["n", 3, side, side]})


def _blocks(n: int) -> int:
    return -(-n // BLOCK) * BLOCK


def _column(slopes: Array) -> Array:
    """A number for each channel (whole blocks, 1, 1)."""
    return np.pad(slopes, (0, _blocks(len(slopes)) - len(slopes))).reshape(-1, 1, 1)


def _heads(*arrays: Array) -> tuple[Array, Array]:
    """Kernels and biases of a network's last layers as one layer; of no face and a face only the difference, the log odds."""
    kernels, biases = list(arrays[::2]), list(arrays[1::2])
    for last in (kernels, biases):
        last[-1] = last[-1][..., 1:] - last[-1][..., :1]
    return np.concatenate(kernels, axis=-1), np.concatenate(biases)


class _Graph:
    """An ONNX graph as it grows."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, *inputs: str | Array, name: str | None = None, **options: Any) -> str:
        """Add a node, whose inputs are other nodes or constants; returns its name."""
        from onnx import helper, numpy_helper

        names = []
        for x in inputs:
            if not isinstance(x, str):
                x = np.ascontiguousarray(x, np.int64 if x.dtype.kind == "i" else np.float32)
                self.constants.append(numpy_helper.from_array(x, f"w{len(self.constants)}"))
            names.append(x if isinstance(x, str) else self.constants[-1].name)
        self.nodes.append(helper.make_node(kind, names, [name or f"x{len(self.nodes)}"], **options))
        return str(self.nodes[-1].output[0])

    def model(self, inputs: dict[str, list[int | str]], outputs: dict[str, list[int | str]]) -> onnx.ModelProto:
        import onnx
        from onnx import TensorProto, helper

        given, made = ([helper.make_tensor_value_info(n, TensorProto.INT64 if n == "of" else TensorProto.FLOAT, shape) for n, shape in of.items()]
                       for of in (inputs, outputs))
        model: onnx.ModelProto = helper.make_model(
            helper.make_graph(self.nodes, "mtcnn", given, made, self.constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model
