"""Voices: tiny nets of the published architectures, saved under the published names, and loaded by the code that loads the real ones."""

import itertools
import json

import numpy as np
import pytest
from checkpoints_made import fresh, settle, write_config

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nets_made import TINY, says, superb  # noqa: E402 (torch may be missing)

from attune import registry  # noqa: E402
from attune.checkpoints import probe, rows  # noqa: E402
from attune.checkpoints.nets import audeering, odyssey, wav2small  # noqa: E402
from attune.errors import WeightsError  # noqa: E402
from attune.taxonomy import taxonomy  # noqa: E402

AT = {"valence": 1.0, "arousal": 0.5, "dominance": 0.25}     # what a net is made to say, in the checkpoint's 0..1
ORDERS = [("arousal", "dominance", "valence"), ("valence", "arousal", "dominance"), ("dominance", "valence", "arousal")]


def voice(name):
    return registry.load("attune.voice.models", name)


def failures(m, name):
    return [f.what for f in probe.check(m, "voice", name) if f.holds is False]


# audEERING

def dimensions(folder, order=ORDERS[0], fixed=False, bias_key=None, old=False):
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(**TINY, do_stable_layer_norm=True, feat_extract_norm="layer", num_labels=3, id2label=dict(enumerate(order)))
    net = audeering.Dimensions(config).eval()
    if fixed:
        says(net.classifier.out_proj, [AT[name] for name in order])
    net.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    if old:                                                  # as torch 1 named weights, in the file of that time
        state = {key.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v"): v
                 for key, v in net.state_dict().items() if key != bias_key}
        (folder / "model.safetensors").unlink()
        torch.save(state, folder / "pytorch_model.bin")
    return net


@pytest.mark.parametrize("old", [False, True], ids=["safetensors", "bin of torch 1"])
def test_audeering_keeps_the_contract_but_for_its_published_numbers(tmp_path, old):
    dimensions(tmp_path / "net", old=old)
    m = voice("audeering_dim")
    settle(m, tmp_path / "net")
    fresh(m)
    wrong = failures(m, "audeering_dim")
    assert len(wrong) == 1 and "published example" in wrong[0]      # a random net isn't the published one, and the check notices


@pytest.mark.parametrize("order", list(itertools.permutations(AT)))
def test_audeering_comes_out_by_the_names_in_its_config(tmp_path, order):
    dimensions(tmp_path, order, fixed=True)
    row = voice("audeering_dim").of(tmp_path)([probe.sounds(voice("audeering_dim"))["tone"]])[0]
    np.testing.assert_allclose(row, [1.0, 0.0, -0.5], atol=1e-6)


def test_audeering_hears_what_transformers_own_extractor_would_give_it(tmp_path):
    net = dimensions(tmp_path)
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
    sound = probe.sounds(voice("audeering_dim"))["soft voice"]
    theirs = extractor(sound, sampling_rate=16_000, return_tensors="pt").input_values
    np.testing.assert_allclose(rows.standardised(sound), theirs[0].numpy(), atol=1e-5)
    with torch.inference_mode():
        expected = net(theirs)[0].numpy()[[2, 0, 1]] * 2 - 1
        hidden = net.wav2vec2(theirs).last_hidden_state.mean(1)[0].numpy()
    model = voice("audeering_dim").of(tmp_path)
    np.testing.assert_allclose(model([sound])[0], np.clip(expected, -1, 1), atol=1e-4)
    np.testing.assert_allclose(model.embed([sound])[0], hidden, atol=1e-4)


def test_audeering_without_a_weight_is_refused_instead_of_filled_with_random_numbers(tmp_path):
    dimensions(tmp_path, old=True, bias_key="classifier.dense.weight")
    with pytest.raises(WeightsError, match=r"lacks the weights classifier.dense.weight; it is another net"):
        voice("audeering_dim").of(tmp_path)


def test_audeering_from_a_pickle_that_runs_code_is_refused(tmp_path):
    dimensions(tmp_path, old=True)

    class Runs:
        def __reduce__(self):
            return (print, ("code of a checkpoint ran",))

    torch.save({"classifier.dense.weight": Runs()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"a pickle that holds more than tensors"):
        voice("audeering_dim").of(tmp_path)


def test_a_net_that_listens_at_another_rate_is_refused(tmp_path):
    dimensions(tmp_path)
    facts = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(facts | {"sampling_rate": 8_000}))
    with pytest.raises(WeightsError, match=r"listens at 8000 Hz, expected 16000"):
        voice("audeering_dim").of(tmp_path)


# Odyssey

def attributes(net_folder, encoder, order=ORDERS[0], fixed=False, old=False, without=""):
    torch.manual_seed(0)
    config = transformers.WavLMConfig(**TINY, num_buckets=32, max_bucket_distance=80)
    config.save_pretrained(encoder)
    net = odyssey.Attributes(config, 16, 2, 3).eval()
    torch.nn.init.normal_(net.pool_model.attention)
    if fixed:
        says(net.ser_model.out[0], [AT[name] for name in order])
    state = {key.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v") if old else key: v
             for key, v in net.state_dict().items() if not without or without not in key}
    write_config(net_folder, hidden_size=16, classifier_hidden_layers=2, num_classes=3, classifier_dropout_prob=0.5, ssl_type="microsoft/wavlm-large",
                 sampling_rate=16_000, mean=-8.278621631819787e-05, std=0.08485510250851999, id2label={str(i): name for i, name in enumerate(order)})
    if old:
        torch.save(state, net_folder / "pytorch_model.bin")
    else:
        from safetensors.torch import save_file

        save_file({key: v.contiguous() for key, v in state.items()}, net_folder / "model.safetensors")
    return net


@pytest.mark.parametrize("old", [False, True], ids=["safetensors", "bin of torch 1"])
def test_odyssey_keeps_the_contract(tmp_path, old):
    attributes(tmp_path / "net", tmp_path / "encoder", old=old)
    m = voice("wavlm_odyssey")
    settle(m, tmp_path / "net", tmp_path / "encoder")
    fresh(m)
    assert not failures(m, "wavlm_odyssey")


@pytest.mark.parametrize("order", ORDERS)
def test_odyssey_comes_out_by_the_names_in_its_config(tmp_path, order):
    attributes(tmp_path / "net", tmp_path / "encoder", order, fixed=True)
    m = voice("wavlm_odyssey")
    row = m.of(tmp_path / "net", tmp_path / "encoder")([probe.sounds(m)["tone"]])[0]
    np.testing.assert_allclose(row, [1.0, 0.0, -0.5], atol=1e-6)


def test_odyssey_hears_the_scale_of_its_config_and_no_more_than_twelve_seconds(tmp_path):
    net = attributes(tmp_path / "net", tmp_path / "encoder")
    m = voice("wavlm_odyssey")
    sound = 0.1 * np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    with torch.inference_mode():
        given = torch.from_numpy((sound[:192_000] + 8.278621631819787e-05) / (0.08485510250851999 + 1e-6)).float()[None]
        expected = net(given)[0].numpy()[[2, 0, 1]] * 2 - 1
    model = m.of(tmp_path / "net", tmp_path / "encoder")
    np.testing.assert_allclose(model([sound])[0], np.clip(expected, -1, 1), atol=1e-4)
    np.testing.assert_array_equal(model([sound[:192_000]]), model([sound]))


def test_odyssey_pools_mean_and_deviation_by_what_it_attends_to():
    pool = odyssey.Pool(2)
    with torch.no_grad():
        pool.sap_linear.weight.copy_(torch.eye(2))
        pool.sap_linear.bias.zero_()
        pool.attention.copy_(torch.tensor([[50.0], [0.0]]))
    x = torch.tensor([[[3.0, 1.0], [-3.0, 9.0]]])            # all attention on the first moment
    np.testing.assert_allclose(pool(x)[0].detach().numpy(), [3, 1, np.sqrt(1e-5), np.sqrt(1e-5)], atol=1e-3)


def test_odyssey_without_a_weight_is_refused(tmp_path):
    attributes(tmp_path / "net", tmp_path / "encoder", without="ser_model.out")
    with pytest.raises(WeightsError, match=r"lacks the weights ser_model.out.0.bias, ser_model.out.0.weight"):
        voice("wavlm_odyssey").of(tmp_path / "net", tmp_path / "encoder")


# Wav2Small

def small(folder, order=ORDERS[0], fixed=False, without=""):
    torch.manual_seed(0)
    net = wav2small.Wav2Small(channels=13, bins=33, window=64, mels=26, outputs=3).eval()
    turn = 2 * np.pi * np.outer(np.arange(33), np.arange(64)) / 64
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    with torch.no_grad():
        extractor = net.vgg7.spectrogram_extractor
        extractor.conv_real.weight.copy_(torch.from_numpy(np.cos(turn) * hann)[:, None])
        extractor.conv_imag.weight.copy_(torch.from_numpy(-np.sin(turn) * hann)[:, None])
        net.vgg7.logmel_extractor.melW.copy_(torch.rand(33, 26))
    if fixed:
        says(net.adv, [AT[name] for name in order])
    from safetensors.torch import save_file

    write_config(folder, id2label={str(i): name for i, name in enumerate(order)})
    save_file({key: v for key, v in net.state_dict().items() if not without or without not in key}, folder / "model.safetensors")
    return net


def test_wav2small_keeps_the_contract(tmp_path):
    small(tmp_path / "net")
    m = voice("wav2small_adv")
    settle(m, tmp_path / "net")
    fresh(m)
    assert not failures(m, "wav2small_adv")


@pytest.mark.parametrize("order", ORDERS)
def test_wav2small_comes_out_by_the_names_in_its_config(tmp_path, order):
    small(tmp_path, order, fixed=True)
    row = voice("wav2small_adv").of(tmp_path)([probe.sounds(voice("wav2small_adv"))["tone"]])[0]
    np.testing.assert_allclose(row, [1.0, 0.0, -0.5], atol=1e-6)


def test_wav2small_has_the_size_that_its_authors_state():
    net = wav2small.Wav2Small(channels=13, bins=33, window=64, mels=26, outputs=3)
    learned = sum(p.numel() for name, p in net.named_parameters() if "extractor" not in name)
    assert 9_425 < learned < 17_000                          # seven layers of 13 channels, pooling and 338 x 3; with fixed filters the "17 K" of the release
    assert learned + sum(p.numel() for name, p in net.named_parameters() if "extractor" in name) + 33 * 26 == pytest.approx(17_000, rel=0.1)


def test_wav2small_sees_the_power_of_its_windows(tmp_path):
    net = small(tmp_path)
    sound = np.random.default_rng(0).normal(size=640).astype(np.float32)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    frames = np.stack([sound[i : i + 64] * hann for i in range(0, 640 - 63, 32)])
    with torch.inference_mode():
        power = net.vgg7.spectrogram_extractor(torch.from_numpy(sound)[None])[0].numpy().T
    np.testing.assert_allclose(power, np.abs(np.fft.rfft(frames)) ** 2, rtol=1e-3, atol=1e-3)


def test_wav2small_without_a_weight_is_refused(tmp_path):
    small(tmp_path, without="adv.weight")
    with pytest.raises(WeightsError, match=r"lacks the weights adv.weight"):
        voice("wav2small_adv").of(tmp_path)
    small(tmp_path, without="l4.norm.bias")
    with pytest.raises(WeightsError, match=r"lacks the weights vgg7.l4.norm.bias"):
        voice("wav2small_adv").of(tmp_path)


# SUPERB

@pytest.mark.parametrize(("name", "kind"), [("superb_wav2vec2", "Wav2Vec2"), ("superb_hubert", "Hubert")])
def test_superb_keeps_the_contract(tmp_path, name, kind):
    superb(tmp_path / "net", kind, ("neu", "hap", "ang", "sad"))
    m = voice(name)
    settle(m, tmp_path / "net")
    model = fresh(m)
    assert not failures(m, name)
    assert model.embed([probe.sounds(m)["tone"]]).shape == (1, 16)


@pytest.mark.parametrize(("name", "kind"), [("superb_wav2vec2", "Wav2Vec2"), ("superb_hubert", "Hubert")])
@pytest.mark.parametrize("order", [("neu", "hap", "ang", "sad"), ("sad", "ang", "neu", "hap")])
def test_superb_is_what_transformers_says_by_name(tmp_path, name, kind, order):
    net = superb(tmp_path, kind, order)
    sound = probe.sounds(voice(name))["high voice"]
    given = transformers.AutoFeatureExtractor.from_pretrained(tmp_path)(sound, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        expected = dict(zip(order, net(given.input_values).logits.softmax(1)[0].tolist(), strict=True))
    row = dict(zip(taxonomy("iemocap4").labels, voice(name).of(tmp_path)([sound])[0].tolist(), strict=True))
    called = {"neutral": "neu", "happy": "hap", "angry": "ang", "sad": "sad"}
    assert row == {label: pytest.approx(expected[short], abs=1e-5) for label, short in called.items()}


def test_a_voice_that_is_too_short_or_silent_is_missing(tmp_path):
    superb(tmp_path, "Wav2Vec2", ("neu", "hap", "ang", "sad"))
    out = voice("superb_wav2vec2").of(tmp_path)([np.ones(100, np.float32), np.zeros(16_000, np.float32), np.full(16_000, np.nan, np.float32)])
    assert np.isnan(out).all()


# LAION

def insight(encoder, heads, scale=1.0, at=None, prefix="", wrong=""):
    torch.manual_seed(0)
    config = transformers.WhisperConfig(d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
                                        decoder_ffn_dim=16, vocab_size=64, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)
    net = transformers.WhisperModel(config).eval()
    net.save_pretrained(encoder)
    transformers.WhisperFeatureExtractor().save_pretrained(encoder)
    heads.mkdir(parents=True, exist_ok=True)
    made = {}
    for name in voice("laion_voice").HEADS:
        layers = [torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Dropout(),
                  torch.nn.Linear(3, 1)]
        head = torch.nn.ModuleDict({"proj": torch.nn.Linear(1500 * 8 if name != wrong else 99, 4), "mlp": torch.nn.Sequential(*layers)}).eval()
        if at is not None:
            says(layers[-1], [at.get(name, 0.0)])
        torch.save({prefix + key: v for key, v in head.state_dict().items()}, heads / f"model_{name}_best.pth")
        made[name] = head
    return net, made


def test_laion_s_voice_keeps_the_contract(tmp_path):
    insight(tmp_path / "encoder", tmp_path / "heads", prefix="_orig_mod.")
    m = voice("laion_voice")
    settle(m, tmp_path / "encoder", tmp_path / "heads")
    fresh(m)
    assert not failures(m, "laion_voice")


def test_laion_s_heads_are_their_own_labels_on_their_own_scales(tmp_path):
    at = {"Jealousy_&_Envy": 4.0, "Hope_Enthusiasm_Optimism": 1.0, "Valence": -3.0, "Arousal": 3.0, "Submissive_vs._Dominant": 1.5, "Warm_vs._Cold": 1.0, "Authenticity": 5.0}
    insight(tmp_path / "encoder", tmp_path / "heads", at=at)
    m = voice("laion_voice")
    names = [f"{t}.{label}" for t in m.TAXONOMIES for label in taxonomy(t).labels]
    row = dict(zip(names, m.of(tmp_path / "encoder", tmp_path / "heads")([probe.sounds(m)["tone"]])[0].tolist(), strict=True))
    assert {name: row[name] for name in ("emonet40.Jealousy-Envy", "emonet40.Hope-Optimism", "emonet40.Anger")} == {
        "emonet40.Jealousy-Envy": 1.0, "emonet40.Hope-Optimism": 0.25, "emonet40.Anger": 0.0}
    assert (row["vad.valence"], row["vad.arousal"], row["vad.dominance"]) == (-1.0, 0.5, 0.5)
    assert (row["delivery7.warm"], row["delivery7.genuine"], row["delivery7.humorous"]) == (0.5, 1.0, -1.0)


def test_laion_s_heads_are_computed_as_torch_computes_them(tmp_path):
    net, heads = insight(tmp_path / "encoder", tmp_path / "heads")
    m = voice("laion_voice")
    sound = probe.sounds(m)["low voice"]
    picture = transformers.WhisperFeatureExtractor.from_pretrained(tmp_path / "encoder")(sound, sampling_rate=16_000, return_tensors="pt").input_features
    with torch.inference_mode():
        x = net.get_encoder()(picture).last_hidden_state.flatten(1)
        expected = float(heads["Valence"]["mlp"](heads["Valence"]["proj"](x)))
    row = m.of(tmp_path / "encoder", tmp_path / "heads")([sound])[0]
    assert row[40 + taxonomy("vad").index("valence")] == pytest.approx(expected / 3, abs=1e-4)


def test_a_head_for_another_encoder_is_refused(tmp_path):
    insight(tmp_path / "encoder", tmp_path / "heads", wrong="Anger")
    with pytest.raises(WeightsError, match=r"model_Anger_best.pth has a layer of \(4, 99\) where 12000 numbers come"):
        voice("laion_voice").of(tmp_path / "encoder", tmp_path / "heads")


def test_a_head_of_other_names_is_refused(tmp_path):
    insight(tmp_path / "encoder", tmp_path / "heads")
    torch.save({"net.weight": torch.zeros(1, 2)}, tmp_path / "heads" / "model_Fear_best.pth")
    with pytest.raises(WeightsError, match=r"model_Fear_best.pth has weights called 'net.weight'; expected proj"):
        voice("laion_voice").of(tmp_path / "encoder", tmp_path / "heads")


# emotion2vec, whose net is FunASR's

TOKENS = "生气/angry\n厌恶/disgusted\n恐惧/fearful\n开心/happy\n中立/neutral\n其他/other\n难过/sad\n吃惊/surprised\n<unk>\n"


class FunASR:
    """As much of funasr as the adapter uses: a net that hears the mean and the deviation of what it is given."""

    def __init__(self, labels=9, normalize=True):
        self.asked, self.cfg, self.model = None, {"normalize": normalize}, self
        torch.manual_seed(0)
        self.proj = torch.nn.Linear(2, labels) if labels else None

    def AutoModel(self, **asked):      # noqa: N802 (funasr's own name)
        self.asked = asked
        return self

    def extract_features(self, source, padding_mask):
        assert (source.ndim, source.shape[0], padding_mask) == (2, 1, None)
        return {"x": torch.stack([source.mean(), source.std()])[None, None].expand(1, 5, 2)}


def tokens(folder, text=TOKENS):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("order", [list(range(9)), [8, 3, 1, 0, 2, 7, 6, 5, 4]])
def test_emotion2vec_comes_out_by_its_tokens_and_asks_for_no_network(tmp_path, order):
    library = FunASR()
    lines = [TOKENS.splitlines()[i] for i in order]
    says(library.proj, [5.0 if "sad" in line else 3.0 if "unk" in line else 0.0 for line in lines])
    m = voice("emotion2vec")
    model = m.of(tokens(tmp_path, "\n".join(lines)), library)
    assert (library.asked["model"], library.asked["disable_update"], library.asked["device"]) == (str(tmp_path), True, "cpu")
    row = model([probe.sounds(m)["tone"]])[0]
    assert [taxonomy("emotion2vec9").labels[i] for i in np.argsort(-row)[:2]] == ["sad", "unknown"]
    assert row.sum() == pytest.approx(1, abs=1e-6)
    assert np.isnan(model([np.ones(10, np.float32)])).all()


@pytest.mark.parametrize("normalize", [True, False])
def test_emotion2vec_is_given_normal_sound_if_its_config_says_so(tmp_path, normalize):
    m = voice("emotion2vec")
    sound = 0.1 + probe.sounds(m)["soft voice"]
    heard = m.of(tokens(tmp_path), FunASR(normalize=normalize)).embed([sound])[0]
    deviation = float(sound.std())
    expected = [0, deviation / np.sqrt(deviation**2 + 1e-5)] if normalize else [0.1, deviation]      # FunASR's layer norm, not wav2vec's 1e-7
    np.testing.assert_allclose(heard, expected, atol=1e-3)


def test_emotion2vec_without_classes_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"has no classes: it is emotion2vec itself, expected one of emotion2vec\+"):
        voice("emotion2vec").of(tokens(tmp_path), FunASR(labels=0))


# recognisers

@pytest.mark.parametrize("name", ["whisper_small", "whisper_turbo"])
def test_a_recogniser_is_faster_whisper_with_the_model_that_was_added(tmp_path, name):
    m = registry.load("attune.text.recognisers", name)
    for file in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / file).write_text("{}")
    settle(m, tmp_path)
    asked = {}

    class Model:
        def __init__(self, folder, **options):
            asked.update(options, folder=folder)

        def transcribe(self, source, **options):
            from types import SimpleNamespace

            said = SimpleNamespace(text=" hello", words=[SimpleNamespace(word=" hello", start=0.1, end=0.5, probability=0.9)], start=0.0, end=0.6, avg_logprob=-0.1)
            return [said], SimpleNamespace(language="en", language_probability=0.9, duration=1.0)

    class Library:
        WhisperModel = Model

    words = m.transcribe(np.zeros(16_000, np.float32), "en", library=Library)
    assert [s.text for s in words.segments] == ["hello"]
    assert asked["folder"] == str(m.CHECKPOINTS[0].folder)
    assert asked["local_files_only"] is True
