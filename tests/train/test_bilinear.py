"""The network of factorized bilinear pooling against its own formulas."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from attune.fusion.bilinear import Attention, BilinearPool, Encoder, Net, SpectrogramFCN, export, shuffled  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_pooling_equals_the_explicit_bilinear_form():
    pool = BilinearPool(5, 7, outputs=6, rank=3, power=False, norm=False).eval()
    a, b = torch.randn(4, 5), torch.randn(4, 7)
    explicit = torch.einsum("nm,omk,nk->no", a, pool.forms(), b)
    assert torch.allclose(pool(a, b), explicit, atol=1e-5)


def test_full_rank_reaches_any_bilinear_form():
    form = torch.randn(3, 4)
    u, s, v = torch.linalg.svd(form, full_matrices=False)
    pool = BilinearPool(3, 4, outputs=1, rank=3, power=False, norm=False).eval()
    with torch.no_grad():
        pool.first.weight.copy_((u * s).T)
        pool.second.weight.copy_(v)
    a, b = torch.randn(5, 3), torch.randn(5, 4)
    assert torch.allclose(pool(a, b)[:, 0], torch.einsum("nm,mk,nk->n", a, form, b), atol=1e-5)


def test_sizes_are_those_of_the_formula():
    assert sum(p.numel() for p in BilinearPool(256, 1024, outputs=128, rank=4).parameters()) + 7 * 128 == 656_256


def test_direction_does_not_change_with_the_scale_of_an_input():
    pool = BilinearPool(5, 7).eval()
    a, b = torch.randn(4, 5), torch.randn(4, 7)
    assert torch.allclose(pool(a, b), pool(3 * a, b), atol=1e-4)
    assert torch.allclose(pool(a, b).norm(dim=1), torch.ones(4), atol=1e-5)


def test_gradients_are_right_and_finite_at_zero():
    pool = BilinearPool(3, 4, outputs=5, rank=2, dropout=0.0).double()
    a, b = torch.randn(2, 3, dtype=torch.double, requires_grad=True), torch.randn(2, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(pool, (a, b), atol=1e-4)
    zero = torch.zeros(2, 3, dtype=torch.double, requires_grad=True)
    pool(zero, b).sum().backward()
    assert torch.isfinite(zero.grad).all()


def test_dropout_is_off_in_use():
    pool = BilinearPool(5, 7, dropout=0.9).eval()
    a, b = torch.randn(4, 5), torch.randn(4, 7)
    assert torch.equal(pool(a, b), pool(a, b))


def test_attention_without_scale_is_the_mean_and_padding_has_no_weight():
    x, mask = torch.randn(2, 6, 3), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    context, weights = Attention(3, scale=0.0)(x, mask)
    assert torch.allclose(context[1], x[1, :4].mean(0), atol=1e-6)
    assert weights[1, 4:].tolist() == [0, 0]
    assert weights.sum(1).tolist() == pytest.approx([1, 1])
    sharp = Attention(3, scale=1.0)(x, mask)[1]
    assert sharp.std() > 0


def test_padding_changes_nothing():
    net = Net(3, 5, 4).eval()
    a, b = torch.randn(1, 6, 3), torch.randn(1, 2, 5)
    padded = torch.cat([a, torch.randn(1, 3, 3)], 1)
    mask = torch.tensor([[True] * 6 + [False] * 3])
    assert torch.allclose(net(a, b), net(padded, b, mask), atol=1e-5)


def test_a_spectrogram_of_the_source_gives_forty_positions():
    net = SpectrogramFCN(width=0.1)
    assert net(torch.zeros(1, 1, 200, 300)).shape == (1, 40, net.channels)
    assert SpectrogramFCN().channels == 256


def test_shuffling_keeps_each_clips_frames_and_its_padding():
    frames, mask = torch.arange(12.0).reshape(2, 6, 1), torch.tensor([[True] * 6, [True] * 3 + [False] * 3])
    mixed = shuffled(frames, mask, torch.Generator().manual_seed(0))
    assert sorted(mixed[0].ravel().tolist()) == sorted(frames[0].ravel().tolist())
    assert sorted(mixed[1, :3].ravel().tolist()) == [6, 7, 8]
    assert mixed[1, 3:].ravel().tolist() == [9, 10, 11]
    assert not torch.equal(mixed[0], frames[0])


def test_it_learns_what_only_the_product_of_both_streams_says():
    """The class is the sign of a product: neither stream alone knows anything."""
    n = 512
    a, b = torch.randn(n, 1, 8), torch.randn(n, 1, 8)
    y = (a[:, 0, 0] * b[:, 0, 0] > 0).long()
    net = Net(8, 8, 2, outputs=16, rank=2, dropout=0.0)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(300):
        loss = torch.nn.functional.cross_entropy(net(a, b), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (net(a, b).argmax(1) == y).float().mean() > 0.9


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_onnx_says_the_same_at_any_length(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    net = Net(3, 5, 4).eval()
    session = onnxruntime.InferenceSession(str(export(net, tmp_path / "net.onnx", 3, 5)))
    a, b = torch.randn(1, 11, 3), torch.randn(1, 1, 5)
    logits, alpha, _ = session.run(None, {"first": a.numpy(), "second": b.numpy()})
    assert np.abs(logits - net(a, b).detach().numpy()).max() < 1e-4
    assert alpha.shape == (1, 11)


def encoded():
    return Net(8, 6, 4, encoders=(Encoder(torch.zeros(3), torch.ones(3), 8), Encoder(torch.full((5,), 2.0), torch.full((5,), 4.0), 6))).eval()


def test_an_encoder_brings_raw_numbers_to_the_training_parts_scale():
    raw = Encoder(torch.full((3,), 5.0), torch.full((3,), 2.0), 8).eval()
    ready = Encoder(torch.zeros(3), torch.ones(3), 8).eval()
    ready.dense.load_state_dict(raw.dense.state_dict())
    x = torch.randn(2, 4, 3)
    assert torch.allclose(raw(5 + 2 * x), ready(x), atol=1e-5)
    assert torch.isfinite(Encoder(torch.zeros(3), torch.zeros(3), 8)(x)).all()              # a unit that never moved


def test_attention_does_not_see_the_order_of_frames_and_a_recurrent_layer_does():
    a, b = torch.randn(1, 6, 3), torch.randn(1, 1, 5)
    turned = a.flip(1)
    net = encoded()
    assert torch.allclose(net(a, b), net(turned, b), atol=1e-5)
    recurrent = Encoder(torch.zeros(3), torch.ones(3), 8, recurrent=True).eval()
    assert not torch.allclose(recurrent(a).mean(1), recurrent(turned).mean(1), atol=1e-4)


def test_contexts_are_what_is_pooled_and_weights_say_what_was_attended_to():
    net = encoded()
    a, b = torch.randn(2, 6, 3), torch.randn(2, 1, 5)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    x, y, alpha, beta = net.contexts(a, b, mask)
    pooled, same, _ = net.embed(a, b, mask)
    assert x.shape == (2, 8) and y.shape == (2, 6)
    assert torch.equal(alpha, same) and alpha[1, 4:].tolist() == [0, 0] and beta.tolist() == [[1], [1]]
    one = lambda v: torch.nn.functional.pad(v, (0, 1), value=1.0)                             # noqa: E731
    assert torch.equal(pooled, net.pool(one(x), one(y)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_onnx_holds_the_encoders_too(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    net = encoded()
    session = onnxruntime.InferenceSession(str(export(net, tmp_path / "net.onnx", 3, 5)))
    a, b = torch.randn(1, 4, 3), torch.randn(1, 1, 5)
    assert np.abs(session.run(None, {"first": a.numpy(), "second": b.numpy()})[0] - net(a, b).detach().numpy()).max() < 1e-4
