"""The first layers of Whisper's encoder: read from CTranslate2's file, and what they say, beside transformers'."""

import struct
from pathlib import Path

import numpy as np
import pytest
from recipe_modules import recipe_of

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def recipe():
    return recipe_of("_whisper")


def written(folder: Path, tensors: dict[str, np.ndarray], version: int = 6) -> Path:
    """A folder as CTranslate2 writes one."""
    def text(s: str) -> bytes:
        return struct.pack("<H", len(s) + 1) + s.encode() + b"\0"

    body = b"".join(
        text(name) + struct.pack("<B", x.ndim) + struct.pack(f"<{x.ndim}I", *x.shape) + struct.pack("<BI", {"f4": 0, "i1": 1, "f2": 4}[x.dtype.str[1:]], x.nbytes)
        + x.tobytes() for name, x in tensors.items())
    (folder / "model.bin").write_bytes(struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors)) + body)
    return folder


def made(d: int, layers: int, places: int = 50) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float16)

    out = {"encoder/conv1/weight": some(d, 80, 3), "encoder/conv1/bias": some(d), "encoder/conv2/weight": some(d, d, 3), "encoder/conv2/bias": some(d),
           "encoder/position_encodings/encodings": some(places, d)}
    for k in range(layers):
        for part, wide, narrow in (("self_attention", (3 * d, d), (d, d)), ("ffn", (4 * d, d), (d, 4 * d))):
            name = f"encoder/layer_{k}/{part}"
            out |= {f"{name}/layer_norm/gamma": some(d), f"{name}/layer_norm/beta": some(d), f"{name}/linear_0/weight": some(*wide),
                    f"{name}/linear_0/bias": some(wide[0]), f"{name}/linear_1/weight": some(*narrow), f"{name}/linear_1/bias": some(d)}
    return out


def test_what_was_written_is_read(recipe, tmp_path: Path) -> None:
    tensors = {"a/b": np.arange(6, dtype=np.float16).reshape(2, 3), "c": np.array([1.5], np.float32), "d": np.array([-3], np.int8)}
    found = recipe.tensors(written(tmp_path, tensors))
    assert list(found) == list(tensors)
    assert all(np.array_equal(found[name].numpy(), x) for name, x in tensors.items())


def test_another_version_of_the_format_is_refused(recipe, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"version 5.*expected 6"):
        recipe.tensors(written(tmp_path, {}, version=5))


def test_layers_say_what_those_of_transformers_do(recipe) -> None:
    transformers = pytest.importorskip("transformers")
    of = {name: torch.from_numpy(x.astype(np.float32)) for name, x in made(64, 2).items()}
    config = transformers.WhisperConfig(d_model=64, encoder_layers=2, encoder_attention_heads=recipe.HEADS, encoder_ffn_dim=256, max_source_positions=20,
                                        num_mel_bins=80, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=8, vocab_size=100, pad_token_id=0,
                                        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)
    theirs = transformers.WhisperModel(config).get_encoder().eval()
    state = {"conv1.weight": "conv1/weight", "conv1.bias": "conv1/bias", "conv2.weight": "conv2/weight", "conv2.bias": "conv2/bias"}
    values = {name: of[f"encoder/{source}"] for name, source in state.items()} | {"embed_positions.weight": of["encoder/position_encodings/encodings"][:20]}
    for k in range(2):
        mine = f"encoder/layer_{k}"
        query, key, value = of[f"{mine}/self_attention/linear_0/weight"].split(64)
        query_bias, key_bias, value_bias = of[f"{mine}/self_attention/linear_0/bias"].split(64)
        key_bias.zero_()                                               # Whisper's keys have none
        values |= {f"layers.{k}.self_attn.q_proj.weight": query, f"layers.{k}.self_attn.q_proj.bias": query_bias,
                   f"layers.{k}.self_attn.k_proj.weight": key, f"layers.{k}.self_attn.v_proj.weight": value, f"layers.{k}.self_attn.v_proj.bias": value_bias}
        for there, here in (("self_attn.out_proj", "self_attention/linear_1"), ("fc1", "ffn/linear_0"), ("fc2", "ffn/linear_1")):
            values |= {f"layers.{k}.{there}.{p}": of[f"{mine}/{here}/{p}"] for p in ("weight", "bias")}
        for there, here in (("self_attn_layer_norm", "self_attention"), ("final_layer_norm", "ffn")):
            values |= {f"layers.{k}.{there}.weight": of[f"{mine}/{here}/layer_norm/gamma"], f"layers.{k}.{there}.bias": of[f"{mine}/{here}/layer_norm/beta"]}
    missing = theirs.load_state_dict(values, strict=False)
    assert set(missing.missing_keys) == {"layer_norm.weight", "layer_norm.bias"}
    assert not missing.unexpected_keys
    x = torch.randn(1, 40, 80, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = recipe.Front(of, 2).eval()(x)
        wanted = theirs(x.transpose(1, 2), output_hidden_states=True).hidden_states
    torch.testing.assert_close(ours[0], wanted[0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ours[1], wanted[1], atol=1e-4, rtol=1e-3)

