"""Parts of the text recipes: own words, rows with gaps, weights in few bits, and files that graphs share."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from _encoder import HIDDEN, Layer, away, disagreement, mean, padded  # noqa: E402
from _own_words import MASK, found, hidden  # noqa: E402
from _text_dimensions import dimensions  # noqa: E402
from _text_export import counted, export, keep_blocks, packed, quantise, read_blocks, set_apart, unpacked, write_blocks  # noqa: E402
from _text_figures import Reader  # noqa: E402

from attune.metrics import ccc, pearson  # noqa: E402
from attune.text.models import _minilm, minilm_open  # noqa: E402
from attune.weights import session  # noqa: E402

# own words


@pytest.mark.parametrize(("text", "names"), [
    ("I am so bored of this", {"Boredom": True}),
    ("I'm not even tired", {"Tiredness": False}),
    ("Great idea /s", {"Sarcasm": True}),
    ("either/sometimes", {}),
    ("My heart breaks for them. What a painful day", {"Empathic Pain": True, "Pain": True}),
    ("Nothing of the kind", {}),
])
def test_a_name_is_found_by_its_words_and_a_denial_is_unsure(text: str, names: dict[str, bool]) -> None:
    assert found(text) == names


def test_hiding_a_name_leaves_nothing_of_it() -> None:
    without = hidden("Boring! So BORED, and tired.", "Boredom")
    assert "Boredom" not in found(without)
    assert found(without) == {"Tiredness": True}
    assert without.count(MASK) == 2


def test_figures_read_a_hidden_word_as_one_token_and_users_text_as_letters() -> None:
    graph, vocabulary, *_ = (_minilm.FOLDER / name for name in minilm_open.WEIGHTS)
    measured, used = Reader(minilm_open, graph, vocabulary).model._tokenizer, _minilm.load(graph, minilm_open.TAXONOMIES)._tokenizer
    text, masked = hidden("so bored, really", "Boredom"), used.token_to_id(MASK)
    assert measured.encode(text).tokens == ["[CLS]", "so", MASK, ",", "really", "[SEP]"]
    assert masked not in used.encode(text).ids


# rows


def test_a_batch_of_unlike_lengths_gives_each_what_it_gets_alone() -> None:
    torch.manual_seed(0)
    layer, rows = Layer().eval(), [torch.randn(n, HIDDEN) for n in (3, 7, 5)]
    longest = torch.stack([torch.cat([row, torch.zeros(7 - len(row), HIDDEN)]) for row in rows])
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (7 - len(row)) for row in rows])
    with torch.no_grad():
        together = mean(layer(longest, away(mask)), mask)
        for one, row in zip(together, rows, strict=True):
            torch.testing.assert_close(one, mean(layer(row[None], None), None)[0], atol=1e-5, rtol=1e-4)


def test_padding_is_marked() -> None:
    ids, mask = padded([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_disagreement_is_one_minus_concordance_and_a_little_squared_error() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 2)).astype(np.float32), rng.normal(size=(40, 2)).astype(np.float32)
    expected = 1 - np.mean([ccc(x[:, k], y[:, k]) for k in range(2)]) + 0.1 * np.mean((x - y) ** 2)
    assert float(disagreement(torch.from_numpy(x), torch.from_numpy(y))) == pytest.approx(expected, abs=1e-4)
    assert float(disagreement(torch.from_numpy(x), torch.from_numpy(x))) == pytest.approx(0, abs=1e-4)


# dimensions


def rated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 40) of unlike sizes, and ratings (n, 3) of which each follows one of four common causes of them, the last one bent."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(n, 4))
    shown = causes @ np.random.default_rng(0).normal(size=(4, 40)) + 0.5 * random.normal(size=(n, 40))
    ratings = np.stack([causes[:, 0], 0.3 * causes[:, 1], np.abs(causes[:, 2])], 1) + [0.1, -0.2, 0.0]
    return shown * np.geomspace(0.01, 5, 40) + np.linspace(-3, 3, 40), 0.2 * ratings


def test_dimensions_are_learned_straight_and_bent_and_spread_like_the_ratings() -> None:
    (x, y), (z, other), (new, truth) = rated(1500, 1), rated(300, 2), rated(300, 3)
    net = dimensions(x, y, z, other, steps=250)
    with torch.no_grad():
        said, beside = net(torch.from_numpy(new.astype(np.float32))).numpy(), net(torch.from_numpy(z.astype(np.float32))).numpy()
    r = [pearson(truth[:, k], said[:, k]) for k in range(3)]
    assert min(r[:2]) > 0.9, r
    assert r[2] > 0.5, r
    np.testing.assert_allclose(beside.std(0), other.std(0), rtol=1e-3)
    np.testing.assert_allclose(said.mean(0), truth.mean(0), atol=0.05)


def test_dimensions_are_the_same_by_seed_and_leave_the_random_numbers_of_others_alone() -> None:
    (x, y), (z, other) = rated(200, 1), rated(50, 2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, second = (dimensions(x, y, z, other, steps=20, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.weight"], second["0.weight"])
    assert torch.equal(torch.get_rng_state(), before)


class Read(torch.nn.Module):
    """A vocabulary, and dimensions of the mean over its tokens."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.words, self.dimensions = torch.nn.Embedding(50, 200), net

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.dimensions(self.words(ids).mean(1))


def test_exported_dimensions_say_what_torch_says_and_nearly_so_in_int8(tmp_path) -> None:
    random = np.random.default_rng(0)
    x, y = np.repeat(rated(300, 1)[0], 5, 1), rated(300, 1)[1]
    net = Read(dimensions(x + random.normal(size=x.shape), y, x[:50], y[:50], steps=20)).eval()
    whole = export(net, tmp_path / "whole.onnx", ["out"], torch.arange(4)[None])
    small = quantise(whole, tmp_path / "small.onnx")
    assert "dimensions.0.weight.int8" in {array.name for array in onnx.load(small).graph.initializer}
    with torch.no_grad():
        for ids in ([1, 2, 3], [7, 8]):
            expected = net(torch.tensor([ids])).numpy()
            np.testing.assert_allclose(said(whole, ids), expected, atol=1e-4)
            np.testing.assert_allclose(said(small, ids), expected, atol=0.02 * np.abs(expected).max())


# what is shipped


class Small(torch.nn.Module):
    """A vocabulary, a large layer and a head, as the text nets have them."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.layer, self.head = torch.nn.Embedding(1000, 384), torch.nn.Linear(384, 384), torch.nn.Linear(384, 5)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.layer(self.words(ids))).mean(1)).sigmoid()


def said(path: Path, ids: list[int]) -> np.ndarray:
    return session(path).run(["out"], {"ids": np.array([ids], np.int64)})[0]


def test_the_graph_says_what_the_net_says(tmp_path) -> None:
    torch.manual_seed(0)
    net = Small().eval()
    whole = export(net, tmp_path / "whole.onnx", ["out"], torch.arange(4)[None])
    with torch.no_grad():
        for ids in ([1, 2, 3], list(range(50))):
            np.testing.assert_allclose(said(whole, ids), net(torch.tensor([ids])).numpy(), atol=1e-5)


def test_int8_weights_change_little_make_small_and_leave_the_head_alone(tmp_path) -> None:
    torch.manual_seed(0)
    net = Small().eval()
    whole = export(net, tmp_path / "whole.onnx", ["out"], torch.arange(4)[None])
    small = quantise(whole, tmp_path / "small.onnx")
    assert small.stat().st_size < 0.4 * whole.stat().st_size
    np.testing.assert_allclose(said(small, [4, 5, 900]), said(whole, [4, 5, 900]), atol=0.01)
    arrays = {array.name: onnx.numpy_helper.to_array(array) for array in onnx.load(small).graph.initializer}
    assert any(np.array_equal(a, net.head.weight.detach().numpy()) or np.array_equal(a, net.head.weight.detach().numpy().T) for a in arrays.values())


def test_blocks_of_four_bits_come_back_exactly(tmp_path) -> None:
    rng = np.random.default_rng(0)

    def blocks(rows: int) -> tuple[np.ndarray, np.ndarray, int]:
        return rng.integers(0, 256, (rows * 12, 16), dtype=np.uint8), (rng.random(rows * 12) / 50).astype(np.float16), 384

    vocabulary, matrix = blocks(1000), blocks(384)
    net = Small().eval()
    with torch.no_grad():
        net.words.weight.copy_(torch.from_numpy(unpacked(*vocabulary[:2]).reshape(-1, 384)))
        net.layer.weight.copy_(torch.from_numpy(unpacked(*matrix[:2]).reshape(-1, 384)))
    whole = export(net, tmp_path / "whole.onnx", ["out"], torch.arange(4)[None])
    before, size = said(whole, [1, 2, 999]), whole.stat().st_size
    (tmp_path / "packed.onnx").write_bytes(whole.read_bytes())
    packed = keep_blocks(tmp_path / "packed.onnx", [vocabulary, matrix])
    assert packed.stat().st_size < 0.2 * size
    np.testing.assert_allclose(said(packed, [1, 2, 999]), before, atol=1e-6)


def put_on_blocks(net: Small) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Its vocabulary and layer rounded to 4 bits, and the blocks."""
    blocks = [packed(net.words.weight.detach().numpy()), packed(net.layer.weight.detach().numpy())]
    with torch.no_grad():
        for part, (halves, scales, columns) in zip((net.words, net.layer), blocks, strict=True):
            part.weight.copy_(torch.from_numpy(unpacked(halves, scales).reshape(-1, columns)))
    return blocks


def sized(graph: Path) -> dict[int, list[str]]:
    """Bits -> names of the matrices that are multiplied as they are kept."""
    found: dict[int, list[str]] = {4: [], 8: []}
    for node in onnx.load(graph).graph.node:
        if node.op_type == "MatMulNBits":
            found[next(a.i for a in node.attribute if a.name == "bits")].append(node.input[1])
    return found


@pytest.mark.parametrize("bits", [4, 8])
def test_what_is_multiplied_as_it_is_kept_says_nearly_the_same_and_isnt_unpacked(tmp_path, bits: int) -> None:
    torch.manual_seed(0)
    net = Small().eval()
    blocks = put_on_blocks(net)
    with torch.no_grad():
        net.words.weight[:, 5] *= 100 if bits == 8 else 1                    # one feature far above all others
    whole = export(net, tmp_path / "whole.onnx", ["out"], torch.arange(4)[None])
    kept = tmp_path / "kept.onnx"
    kept.write_bytes(whole.read_bytes())
    graph = keep_blocks(kept, blocks) if bits == 4 else quantise(kept, kept)
    size = graph.stat().st_size
    assert {k: len(v) for k, v in sized(counted(graph)).items()} == {bits: 1, 12 - bits: 0}
    assert graph.stat().st_size < 1.1 * size
    for ids in ([7], [1, 2, 999], list(range(60))):
        np.testing.assert_allclose(said(graph, ids), said(whole, ids), atol=0.02)
    onnx.checker.check_model(onnx.load(graph))


def test_a_matrix_whose_rows_dont_fit_stays_as_it_is(tmp_path) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Embedding(50, 200), torch.nn.Linear(200, 600)).eval()
    whole = export(net, tmp_path / "whole.onnx", ["out"], torch.arange(4)[None])
    graph = counted(quantise(whole, tmp_path / "small.onnx"))
    assert sized(graph) == {4: [], 8: []}
    np.testing.assert_allclose(said(graph, [1, 2]), said(whole, [1, 2]), atol=0.02)


def test_a_matrix_in_blocks_is_within_half_a_step_of_itself() -> None:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(8, 64)).astype(np.float32)
    halves, scales, columns = packed(weight)
    back = unpacked(halves, scales).reshape(-1, columns)
    assert (halves.shape, scales.shape, columns) == ((16, 16), (16,), 64)
    assert np.abs(back - weight).mean() < 0.1 * np.abs(weight).mean()
    assert packed(np.zeros((1, 32)))[1].tolist() == [0]


def test_rounding_for_inputs_changes_outputs_less_than_rounding_weights() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 64)) @ rng.normal(size=(64, 64))               # inputs that go together, as a layer's do
    weight = rng.normal(size=(16, 64))

    def wrong(square: np.ndarray | None) -> float:
        halves, scales, columns = packed(weight, square)
        return float(np.square(x @ (unpacked(halves, scales).reshape(-1, columns) - weight).T).mean())

    assert wrong(x.T @ x) < 0.6 * wrong(None)


def test_two_graphs_share_a_file_of_blocks_and_say_what_they_said(tmp_path) -> None:
    torch.manual_seed(0)
    net = Small().eval()
    blocks = put_on_blocks(net)
    file = write_blocks(tmp_path / "shared.bin", blocks)
    for back, block in zip(read_blocks(file, [(1000, 384), (384, 384)]), blocks, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(back, block, strict=True))
    for name in ("one", "two"):
        with torch.no_grad():
            net.head.bias.fill_(float(name == "two"))
        graph = keep_blocks(export(net, tmp_path / f"{name}.onnx", ["out"], torch.arange(4)[None]), blocks)
        before = said(graph, [1, 2, 999])
        (tmp_path / name).mkdir()
        set_apart(graph, file).rename(tmp_path / name / "apart.onnx")
        (tmp_path / name / "shared.bin").write_bytes(file.read_bytes())
        assert (tmp_path / name / "apart.onnx").stat().st_size < 0.1 * file.stat().st_size
        np.testing.assert_array_equal(said(tmp_path / name / "apart.onnx", [1, 2, 999]), before)


def test_a_file_with_other_blocks_is_refused(tmp_path) -> None:
    torch.manual_seed(0)
    net = Small().eval()
    blocks = [packed(net.layer.weight.detach().numpy())]
    with torch.no_grad():
        net.layer.weight.copy_(torch.from_numpy(unpacked(*blocks[0][:2]).reshape(-1, 384)))
    graph = keep_blocks(export(net, tmp_path / "graph.onnx", ["out"], torch.arange(4)[None]), blocks)
    other = write_blocks(tmp_path / "other.bin", [packed(torch.randn(384, 384).numpy())])
    with pytest.raises(ValueError, match="made with other blocks"):
        set_apart(graph, other)
    with pytest.raises(ValueError, match="has no blocks"):
        set_apart(export(Small(), tmp_path / "none.onnx", ["out"], torch.arange(4)[None]), other)
    with pytest.raises(ValueError, match=r"expected .* of the blocks of 2 matrices"):
        read_blocks(other, [(384, 384), (384, 384)])
