"""Faces: tiny nets of the published architectures, saved under the published names, and loaded by the code that loads the real ones."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from checkpoints_made import fresh, settle

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nets_made import SEVEN, says, vit  # noqa: E402 (torch may be missing)

from attune import registry  # noqa: E402
from attune.checkpoints import probe, rows, stem  # noqa: E402
from attune.checkpoints.nets import emonet  # noqa: E402
from attune.errors import WeightsError  # noqa: E402
from attune.taxonomy import taxonomy  # noqa: E402


def face(name):
    return registry.load("attune.face.models", name)


def failures(m, name):
    return [f.what for f in probe.check(m, "face", name) if f.holds is False]


# ViT

def test_vit_keeps_the_contract(tmp_path):
    vit(tmp_path / "net")
    m = face("vit_fer")
    settle(m, tmp_path / "net")
    model = fresh(m)
    assert not failures(m, "vit_fer")
    assert model.embed(np.stack([probe.pictures(m)["face"]])).shape == (1, 16)


@pytest.mark.parametrize("seed", range(3))
def test_vit_comes_out_by_the_names_in_its_config(tmp_path, seed):
    order = [SEVEN[i] for i in np.random.default_rng(seed).permutation(7)]
    vit(tmp_path, order, at={"happy": 4.0, "fear": 2.0})
    m = face("vit_fer")
    row = m.of(tmp_path)(np.stack([probe.pictures(m)["face"]]))[0]
    ranked = [taxonomy("ekman7").labels[i] for i in np.argsort(-row)]
    assert ranked[:2] == ["joy", "fear"]


def test_vit_sees_what_transformers_own_processor_would_give_it(tmp_path):
    net = vit(tmp_path)
    m = face("vit_fer")
    crop = probe.pictures(m)["noise"]
    crop[..., 1] //= 2
    processor = pytest.importorskip("transformers.models.vit.image_processing_pil_vit", reason="this release has no processor without torchvision").ViTImageProcessorPil
    theirs = processor.from_pretrained(tmp_path)(crop, return_tensors="pt").pixel_values
    np.testing.assert_allclose(rows.pixels(crop, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)), theirs.numpy(), atol=1e-5)
    with torch.inference_mode():
        expected = dict(zip(SEVEN, net(theirs).logits.softmax(1)[0].tolist(), strict=True))
    row = dict(zip(taxonomy("ekman7").labels, m.of(tmp_path)(crop[None])[0].tolist(), strict=True))
    assert row["joy"] == pytest.approx(expected["happy"], abs=1e-5)
    assert row["anger"] == pytest.approx(expected["angry"], abs=1e-5)


def test_a_net_that_wants_another_size_is_refused(tmp_path):
    vit(tmp_path, size=112)
    with pytest.raises(WeightsError, match=r"wants pictures of 112 x 112, and is given 224 x 224"):
        face("vit_fer").of(tmp_path)


def test_a_net_with_another_label_is_refused(tmp_path):
    vit(tmp_path, ("angry", "disgust", "fear", "happy", "neutral", "sad", "contempt"))
    with pytest.raises(WeightsError, match=r"no label of taxonomy ekman7 'contempt'"):
        face("vit_fer").of(tmp_path)


# EmoNet

@pytest.fixture(scope="module")
def hourglass():
    """EmoNet as it is published, with random weights: it is one size only."""
    torch.manual_seed(0)
    return emonet.EmoNet(8).eval()


def saved(net, folder, prefix="module.", without=""):
    folder.mkdir(parents=True, exist_ok=True)
    state = {prefix + key: v for key, v in net.state_dict().items() if "num_batches_tracked" not in key and (not without or without not in key)}
    torch.save(state, folder / "emonet_8.pth")


def test_emonet_s_weights_have_the_published_names(hourglass):
    """Names of parts and their shapes, as the authors' file has them."""
    shapes = {key: tuple(v.shape) for key, v in hourglass.state_dict().items()}
    expected = {
        "conv1.weight": (64, 3, 7, 7), "conv2.downsample.2.weight": (128, 64, 1, 1), "conv3.conv2.weight": (32, 64, 3, 3), "m0.b2_plus_1.conv1.weight": (128, 256, 3, 3),
        "m1.b3_4.bn3.weight": (64,), "top_m_0.conv1.weight": (128, 256, 3, 3), "conv_last1.bias": (256,), "bn_end0.running_mean": (256,), "l1.weight": (68, 256, 1, 1),
        "bl0.weight": (256, 256, 1, 1), "al0.weight": (256, 68, 1, 1), "conv1x1_input_emo_2.weight": (256, 768, 1, 1), "emo_net_2.6.conv3.weight": (64, 64, 3, 3),
        "emo_fc_2.0.weight": (128, 256), "emo_fc_2.1.running_var": (128,), "emo_fc_2.3.weight": (10, 128),
    }
    assert expected.items() <= shapes.items()
    assert "bl1.weight" not in shapes
    assert "conv3.downsample.2.weight" not in shapes


def test_emonet_keeps_the_contract(tmp_path, hourglass):
    saved(hourglass, tmp_path / "net")
    m = face("emonet8")
    settle(m, tmp_path / "net")
    fresh(m)
    assert not failures(m, "emonet8")


def test_emonet_s_outputs_are_its_labels_then_valence_and_arousal(tmp_path, hourglass):
    last = hourglass.emo_fc_2[3]
    kept = {key: v.clone() for key, v in last.state_dict().items()}
    try:
        says(last, [0.0, 0, 0, 3.0, 0, 0, 0, 0, -0.25, 2.0])     # surprise is the fourth; arousal beyond its end
        saved(hourglass, tmp_path, prefix="")
    finally:
        last.load_state_dict(kept)
    m = face("emonet8")
    row = m.of(tmp_path)(np.stack([probe.pictures(m)["face"]]))[0]
    assert taxonomy("ferplus8").labels[int(row[:8].argmax())] == "surprise"
    np.testing.assert_array_equal(row[8:], np.array([-0.25, 1.0, np.nan], np.float32))


def test_emonet_without_a_weight_is_refused(tmp_path, hourglass):
    saved(hourglass, tmp_path, without="m1.b1_4.conv1")
    with pytest.raises(WeightsError, match=r"emonet_8.pth lacks the weights m1.b1_4.conv1.weight"):
        face("emonet8").of(tmp_path)


def test_emonet_with_five_classes_is_refused(tmp_path, hourglass):
    net = emonet.EmoNet(5)
    saved(net, tmp_path)
    with pytest.raises(WeightsError, match=r"emonet_8.pth doesn't fit its net"):
        face("emonet8").of(tmp_path)


def test_emonet_looks_where_the_landmarks_are(hourglass):
    """Without any heat nothing of the hourglasses reaches the expression."""
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    heat = {}
    hook = hourglass.l1.register_forward_hook(lambda module, given, out: heat.setdefault("out", torch.zeros_like(out)))
    seen = {}
    look = hourglass.conv1x1_input_emo_2.register_forward_pre_hook(lambda module, given: seen.setdefault("x", given[0]))
    try:
        with torch.inference_mode():
            hourglass(x)
    finally:
        hook.remove()
        look.remove()
    assert float(seen["x"][:, 256:].abs().max()) == 0
    assert float(seen["x"][:, :256].abs().max()) > 0


# LAION

def insight(encoder, heads, at=None, small=False):
    torch.manual_seed(0)
    vision = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 384, "patch_size": 128}
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 32, "max_position_embeddings": 8}
    net = transformers.SiglipModel(transformers.SiglipConfig(vision_config=vision, text_config=text)).eval()
    net.save_pretrained(encoder)                             # words and pictures in one file, as it is published
    facts = {"do_normalize": True, "do_rescale": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255, "size": {"height": 384, "width": 384}}
    (encoder / "preprocessor_config.json").write_text(json.dumps(facts))
    heads.mkdir(parents=True, exist_ok=True)
    made = {}
    for label in taxonomy("emonet40").labels:
        L, R, D = torch.nn.Linear, torch.nn.ReLU, torch.nn.Dropout
        layers = [L(8, 6), R(), D(), L(6, 1)] if small else [L(8, 6), R(), D(), L(6, 5), R(), D(), L(5, 4), R(), D(), L(4, 1)]
        head = torch.nn.ModuleDict({"layers": torch.nn.Sequential(*layers)}).eval()
        if at is not None:
            says(layers[-1], [at.get(label, 0.0)])
        torch.save(head.state_dict(), heads / f"model_{stem(label).lower()}_best.pth")
        made[label] = head
    return net, made


@pytest.mark.parametrize("small", [False, True], ids=["large heads", "small heads"])
def test_laion_s_face_keeps_the_contract(tmp_path, small):
    insight(tmp_path / "encoder", tmp_path / "heads", small=small)
    m = face("laion_face")
    settle(m, tmp_path / "encoder", tmp_path / "heads")
    fresh(m)
    assert not failures(m, "laion_face")


def test_laion_s_heads_are_their_own_labels_and_as_torch_computes_them(tmp_path):
    m, crop = face("laion_face"), probe.pictures(face("laion_face"))["face"]
    insight(tmp_path / "encoder", tmp_path / "heads", at={"Jealousy-Envy": 7.0, "Awe": 3.5, "Anger": -1.0})
    row = dict(zip(taxonomy("emonet40").labels, m.of(tmp_path / "encoder", tmp_path / "heads")(crop[None])[0].tolist(), strict=True))
    assert {label for label, value in row.items() if value} == {"Jealousy-Envy", "Awe"}
    assert (row["Jealousy-Envy"], row["Awe"]) == (1.0, 0.5)
    net, heads = insight(tmp_path / "encoder", tmp_path / "heads")
    with torch.inference_mode():
        x = net.vision_model(torch.from_numpy(rows.pixels(crop, (0.5,) * 3, (0.5,) * 3))).pooler_output
        expected = float(heads["Awe"]["layers"](x))
    again = m.of(tmp_path / "encoder", tmp_path / "heads")
    assert again(crop[None])[0, taxonomy("emonet40").index("Awe")] == pytest.approx(np.clip(expected / 7, 0, 1), abs=1e-5)
    np.testing.assert_allclose(again.embed(crop[None]), x.numpy(), atol=1e-5)


# packages that aren't installed here: what is asked of them, and what is made of their answers

class MediaPipe:
    """As much of mediapipe as the adapter uses; it finds a face in what isn't dark, and answers in an order of its own."""

    class ImageFormat:
        SRGB = "srgb"

    def __init__(self):
        self.asked, self.names = None, [*reversed(taxonomy("blendshapes52").labels)]
        vision = SimpleNamespace(RunningMode=SimpleNamespace(IMAGE="image"), FaceLandmarkerOptions=SimpleNamespace, FaceLandmarker=self)
        self.tasks = SimpleNamespace(vision=vision, BaseOptions=SimpleNamespace)

    def create_from_options(self, options):
        self.asked = options
        return self

    def Image(self, image_format, data):      # noqa: N802 (mediapipe's own name)
        assert (image_format, data.dtype, data.flags.c_contiguous) == ("srgb", np.uint8, True)
        return data

    def detect(self, picture):
        shapes = [SimpleNamespace(category_name=name, score=0.9 if name == "jawOpen" else 0.1) for name in self.names]
        return SimpleNamespace(face_blendshapes=[shapes] if picture.mean() > 60 else [])


def test_mediapipe_s_shapes_come_out_by_name_and_a_face_not_found_is_missing(tmp_path):
    m, library = face("mediapipe_blendshapes"), MediaPipe()
    model = m.of(tmp_path, library)
    assert library.asked.base_options.model_asset_path == str(tmp_path / "face_landmarker.task")
    assert library.asked.output_face_blendshapes is True
    dark = probe.pictures(m)["face"] // 8
    values = model(np.stack([probe.pictures(m)["face"], dark]))
    assert taxonomy("blendshapes52").labels[int(values[0].argmax())] == "jawOpen"
    assert np.isnan(values[1]).all()
    library.names = library.names[1:]
    with pytest.raises(WeightsError, match=r"has no noseSneerRight"):
        model(np.stack([probe.pictures(m)["face"]]))


def test_mediapipe_is_given_a_face_with_room_around_it():
    m = face("mediapipe_blendshapes")
    middle = m.TEMPLATE.mean(0)
    assert (m.TEMPLATE > 64).all()
    assert (m.TEMPLATE < 192).all()
    assert np.linalg.norm(middle - 128) < 20


class PyFeat:
    """As much of feat as the adapter uses; units in an order of its own."""

    def __init__(self):
        self.found, self.offline = True, None

    def Detector(self, device):      # noqa: N802 (feat's own name)
        self.offline = os.environ.get("HF_HUB_OFFLINE")
        return self

    def detect(self, inputs, data_type, progress_bar):
        assert (inputs.shape, data_type) == ((1, 3, 224, 224), "tensor")
        names = [*reversed(taxonomy("facs").labels)]
        row = Row(0.75 if name == "AU12" else 0.0 for name in names) if self.found else Row([np.nan] * len(names))
        row.index = names
        return SimpleNamespace(aus=Table([row]))


class Row(list):
    """A row of a table, with names."""


class Table(list):
    """Rows of a table, as pandas has them."""

    @property
    def iloc(self):
        return self


def test_pyfeat_s_units_come_out_by_name_without_a_network(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    m, library = face("pyfeat_units"), PyFeat()
    model = m.of(library)
    assert library.offline == "1"
    assert "HF_HUB_OFFLINE" not in os.environ
    row = model(np.stack([probe.pictures(m)["face"]]))[0]
    assert dict(zip(taxonomy("facs").labels, row.tolist(), strict=True))["AU12"] == 0.75
    assert row.sum() == 0.75
    library.found = False
    assert np.isnan(model(np.stack([probe.pictures(m)["face"]]))).all()


def test_pyfeat_that_cannot_start_is_told():
    def no_network(device):
        raise OSError("no network")

    with pytest.raises(WeightsError, match=r"can't start without a network \(no network\); pip install py-feat"):
        face("pyfeat_units").of(SimpleNamespace(Detector=no_network))
