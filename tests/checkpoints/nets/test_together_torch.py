"""Several inputs in one call of torch's nets, tiny and random: the numbers are those of one by one, with padding where a net is told of it."""

import json

import numpy as np
import pytest
from checkpoints_made import word_tokenizer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from checkpoints.nets.test_faces import insight as seeing  # noqa: E402 (torch may be missing)
from checkpoints.nets.test_voices import attributes, dimensions, small  # noqa: E402
from checkpoints.nets.test_voices import insight as hearing  # noqa: E402
from nets_made import SEVEN, TINY, WORDS, roberta, superb, vit  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from test_batch_together import clips, must_be_close, tables  # noqa: E402, F401

from attune import batch, registry  # noqa: E402
from attune.checkpoints import fetch, hub  # noqa: E402
from attune.checkpoints.labels import Output  # noqa: E402
from attune.checkpoints.nets import emonet, odyssey  # noqa: E402
from attune.settings import Settings  # noqa: E402

EKMAN = Output("ekman7", "softmax", names={"angry": "anger", "happy": "joy", "sad": "sadness"})
FOUR = ("neu", "hap", "ang", "sad")
IEMOCAP = Output("iemocap4", "softmax", names={"neu": "neutral", "hap": "happy", "ang": "angry"})
LEAST = 1e-4                             # deviation of what a net says of several inputs: else nothing would show
TEXTS = ["I'm so happy for you!", "This makes me furious.", "", "so", "I am terrified of the dark", "My dog died yesterday. I love that dog so much", "no \ud800 word"]


def sounds(*seconds):
    draw = np.random.default_rng(0)
    return [draw.normal(size=round(16_000 * s)).astype(np.float32) * 0.1 for s in seconds]


def seen(size, n=5):
    return np.random.default_rng(0).integers(256, size=(n, *size, 3), dtype=np.uint8)


def louder(folder, times=30.0, layers=("classifier", "projector", "out_proj", "adv.", "ser_model", "dense.")):
    """A random net says nearly the same of everything: make its last layers' weights so many times as large."""
    weights = load_file(folder / "model.safetensors")
    save_file({name: v * (times if v.ndim == 2 and any(part in name for part in layers) and "encoder" not in name else 1) for name, v in weights.items()},
              folder / "model.safetensors", metadata={"format": "pt"})


def must_say_the_same(model, inputs, trusted):
    """Rows together are those of one by one, three times, and by the calls that were expected: padded (True) and unpadded (False), whether they counted."""
    alone = model(inputs)
    apart = float(np.nanstd(alone[:, ~np.isnan(alone).all(0)], axis=0).max())
    assert apart > LEAST, apart                              # it does say something of what it is given
    for _ in range(3):
        np.testing.assert_allclose(model.many(inputs), alone, atol=min(1e-4, apart / 20))
    assert model.together._trusted == trusted


def test_pictures_go_together(tmp_path):
    vit(tmp_path, SEVEN)
    louder(tmp_path)
    model = hub.picture(tmp_path, EKMAN, (224, 224))
    must_say_the_same(model, [*seen((224, 224)), np.zeros((224, 224, 3), np.uint8)], {False: True})
    must_say_the_same(registry.load("attune.face.models", "vit_fer").of(tmp_path), seen((224, 224)), {False: True})


def padded_roberta(folder):
    net = roberta(folder, SEVEN)
    words = json.loads((word_tokenizer(folder / "tokenizer.json", ["<pad>", *WORDS])).read_text())["model"]["vocab"]
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "unk_token": "[UNK]", "pad_token": "<pad>"}))
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(facts | {"pad_token_id": words["<pad>"]}))
    return net


def test_texts_are_padded_where_there_is_a_token_for_it(tmp_path):
    padded_roberta(tmp_path / "padded")
    louder(tmp_path / "padded")
    must_say_the_same(hub.text(tmp_path / "padded", EKMAN, 64), TEXTS, {True: True})
    roberta(tmp_path / "plain", SEVEN)
    louder(tmp_path / "plain")
    must_say_the_same(hub.text(tmp_path / "plain", EKMAN, 64), [*TEXTS, "so happy", "so sad"], {False: True})


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")      # WavLM's, by transformers
@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert", "WavLM", "UniSpeechSat"])
def test_sounds_are_padded_where_the_checkpoint_says_that_its_net_is_told(tmp_path, kind):
    masked(tmp_path, kind)
    model = hub.sound(tmp_path, IEMOCAP, lambda s: len(s) > 400)
    must_say_the_same(model, [*sounds(1.0, 0.7, 1.3, 0.6, 3.0), np.zeros(10, np.float32)], {True: True})


def masked(folder, kind):
    """A tiny net whose facts say that it was taught with a mask of what is padding."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**TINY, num_labels=4, classifier_proj_size=8, feat_extract_norm="layer", do_stable_layer_norm=True,
                                                    use_weighted_layer_sum=True, id2label=dict(enumerate(FOUR)))
    getattr(transformers, f"{kind}ForSequenceClassification")(config).eval().save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    louder(folder)


def test_sounds_are_not_padded_where_nothing_is_said_of_a_mask(tmp_path):
    superb(tmp_path, "Hubert", FOUR)
    louder(tmp_path)
    must_say_the_same(hub.sound(tmp_path, IEMOCAP, lambda s: True), sounds(1.0, 0.7, 1.0, 0.6), {False: True})


@pytest.mark.parametrize("kind", ["superb", "Data2VecAudio"])
def test_a_net_that_hears_padding_though_its_facts_say_otherwise_is_found_out(tmp_path, caplog, kind):
    if kind == "superb":                                     # it normalises over time
        superb(tmp_path, "Wav2Vec2", FOUR)
        transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(tmp_path)
        louder(tmp_path)
    else:                                                    # its places are told by several convolutions, from one of which padding reaches the next
        masked(tmp_path, kind)
    must_say_the_same(hub.sound(tmp_path, IEMOCAP, lambda s: True), sounds(1.0, 0.55, 0.9, 0.6), {True: False})
    assert caplog.text.count("padded to one length") == 1


def test_pictures_of_sound_of_one_size_go_together(tmp_path):
    torch.manual_seed(0)
    config = transformers.ASTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, num_labels=4, max_length=128, num_mel_bins=32, id2label=dict(enumerate(FOUR)))
    transformers.ASTForAudioClassification(config).eval().save_pretrained(tmp_path)
    transformers.ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(tmp_path)
    louder(tmp_path)
    must_say_the_same(hub.sound(tmp_path, IEMOCAP, lambda s: True), sounds(1.0, 0.7, 1.2), {False: True})


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
def test_audeering_s_sounds_are_padded_and_odyssey_s_where_each_moment_is_normalised_by_itself(tmp_path):
    dimensions(tmp_path / "net")
    louder(tmp_path / "net", 10)
    must_say_the_same(registry.load("attune.voice.models", "audeering_dim").of(tmp_path / "net"), sounds(1.0, 0.6, 1.1, 4.0), {True: True})
    module = registry.load("attune.voice.models", "wavlm_odyssey")
    attributes(tmp_path / "odyssey", tmp_path / "encoder")
    must_say_the_same(module.of(tmp_path / "odyssey", tmp_path / "encoder"), sounds(1.0, 0.6, 1.0), {False: True})
    torch.manual_seed(0)
    config = transformers.WavLMConfig(**TINY, num_buckets=32, max_bucket_distance=80, feat_extract_norm="layer", conv_bias=True)
    config.save_pretrained(tmp_path / "encoder")
    net = odyssey.Attributes(config, 16, 2, 3).eval()
    save_file({name: v.contiguous() for name, v in net.state_dict().items()}, tmp_path / "odyssey" / "model.safetensors")
    net = module.of(tmp_path / "odyssey", tmp_path / "encoder")
    must_say_the_same(net, sounds(1.0, 0.6, 1.1, 13.0, 14.0), {True: True, False: True})      # what is cut off at 12 s is of one length, and padded by nothing
    assert net.together._compared[True][1] == pytest.approx(1.1 / 0.6 - 1) and net.together._compared[False] == (2, 0.0)


def test_wav2small_s_sounds_of_one_length_go_together(tmp_path):
    small(tmp_path)
    louder(tmp_path, 3)
    must_say_the_same(registry.load("attune.voice.models", "wav2small_adv").of(tmp_path), sounds(1.0, 0.6, 1.0), {False: True})


def test_laion_s_pictures_and_sounds_go_together(tmp_path):
    seeing(tmp_path / "seeing", tmp_path / "faces")
    must_say_the_same(registry.load("attune.face.models", "laion_face").of(tmp_path / "seeing", tmp_path / "faces"), seen((384, 384), 3), {False: True})
    hearing(tmp_path / "hearing", tmp_path / "voices")
    loud = [s * volume for s, volume in zip(sounds(1.0, 0.6, 20.0), (1, 0.001, 8), strict=True)]
    must_say_the_same(registry.load("attune.voice.models", "laion_voice").of(tmp_path / "hearing", tmp_path / "voices"), loud, {False: True})


def test_emonet_s_faces_go_together(tmp_path):
    module = registry.load("attune.face.models", "emonet8")
    torch.manual_seed(0)
    torch.save(emonet.EmoNet(8).state_dict(), tmp_path / module.WEIGHTS[0])
    must_say_the_same(module.of(tmp_path), np.stack([*seen(module.SIZE, 1), seen(module.SIZE, 1)[0] // 4]), {False: True})


# files

def test_files_measured_together_by_torch_have_the_tables_of_one_by_one(clips, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path / "here"))
    vit(tmp_path / "face", SEVEN)
    padded_roberta(tmp_path / "text")
    torch.manual_seed(0)
    config = transformers.WavLMConfig(**TINY, num_labels=4, classifier_proj_size=8, feat_extract_norm="layer", id2label=dict(enumerate(("neutral", "happy", "angry", "sad"))))
    (tmp_path / "voice").mkdir()
    transformers.WavLMForSequenceClassification(config).eval().save_pretrained(tmp_path / "voice")
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(tmp_path / "voice")
    names = 'names = {angry = "anger", happy = "joy", sad = "sadness"}\n'
    models = {}
    for kind, taxonomy, more in (("face", "ekman7", names), ("voice", "iemocap4", ""), ("text", "ekman7", names)):
        (tmp_path / f"{kind}.toml").write_text(f'id = "tiny/{kind}"\ntaxonomy = "{taxonomy}"\n{more}')
        models[kind] = f"huggingface:{tmp_path / kind}.toml"
        fetch.add(registry.load(f"attune.{kind}.models", models[kind]).CHECKPOINTS[0], "it", source=tmp_path / kind)
    for workers, size in ((1, 1), (2, 8)):
        results = list(batch.run(clips, tmp_path / f"{workers}", Settings(**models, batch=size), page=False, workers=workers))
        assert len(results) == 4 and not [r.error for r in results if r.error]
    must_be_close(tables(tmp_path / "2"), tables(tmp_path / "1"))


# what torch runs on

@pytest.mark.parametrize(("there", "told", "torch_has", "expected"), [
    (["CUDAExecutionProvider", "CPUExecutionProvider"], "cuda", True, "cuda"), (["CUDAExecutionProvider", "CPUExecutionProvider"], "cuda", False, "cpu"),
    (["CUDAExecutionProvider", "CPUExecutionProvider"], "", True, "cpu"), (["CoreMLExecutionProvider", "CPUExecutionProvider"], "auto", True, "cpu"),
    (["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"], "tensorrt,cuda", True, "cuda"),
])
def test_torch_s_nets_run_where_onnxruntime_s_do_if_torch_can(there, told, torch_has, expected, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: there)
    monkeypatch.setattr("torch.cuda.is_available", lambda: torch_has)
    monkeypatch.setenv("ATTUNE_PROVIDERS", told)
    before = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = True               # torch's default: ten bits of a number in convolutions
        assert hub.device().type == expected
        assert torch.backends.cudnn.allow_tf32 == (expected == "cpu")
    finally:
        torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def another(monkeypatch):
    """A device that isn't the CPU: torch's own for shapes without numbers, which refuses what is mixed with tensors of the CPU. What comes back is zeros.
    (Code that looks at numbers, as transformers' does at masks, can't be tried so.)"""
    came = []

    def back(values):
        came.append(values.device.type)
        return np.zeros(values.shape, np.float32)

    monkeypatch.setattr(hub, "device", lambda: torch.device("meta"))
    monkeypatch.setattr(hub, "back", back)
    yield came
    assert set(came) == {"meta"}


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
def test_on_another_device_weights_and_inputs_lie_together_and_what_is_said_comes_back(tmp_path, another):
    vit(tmp_path / "vit", SEVEN)
    masked(tmp_path / "hubert", "Hubert")
    dimensions(tmp_path / "audeering")
    attributes(tmp_path / "odyssey", tmp_path / "wavlm")
    hearing(tmp_path / "whisper", tmp_path / "heads")
    small(tmp_path / "small")
    voices = {name: registry.load("attune.voice.models", name) for name in ("audeering_dim", "wavlm_odyssey", "laion_voice", "wav2small_adv")}
    heard = sounds(1.0, 1.0)
    for model, given in (
        (hub.picture(tmp_path / "vit", EKMAN, (224, 224)), seen((224, 224), 2)),
        (hub.sound(tmp_path / "hubert", IEMOCAP, lambda s: True), heard), (voices["audeering_dim"].of(tmp_path / "audeering"), heard),
        (voices["wavlm_odyssey"].of(tmp_path / "odyssey", tmp_path / "wavlm"), heard), (voices["wav2small_adv"].of(tmp_path / "small"), heard),
        (voices["laion_voice"].of(tmp_path / "whisper", tmp_path / "heads"), heard),
    ):
        before = len(another)
        assert model(given).shape == model.many(given).shape == (len(given), model.k) and model.embed(given).shape == (len(given), model.d)
        assert len(another) > before
