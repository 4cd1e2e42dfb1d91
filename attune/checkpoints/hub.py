"""What transformers can load by itself: classifiers of words, sound and pictures, from a folder on this machine.

Never from a network, never with code that a checkpoint brings along. transformers fills weights that a file lacks with random numbers and
only warns; here that is an error. Inputs are prepared from the checkpoint's own preprocessor_config.json.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from attune.checkpoints import labels_of, read_json, side
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding, Said, pixels, shown, standardised, written
from attune.checkpoints.together import Net
from attune.errors import WeightsError
from attune.taxonomy import taxonomy
from attune.weights import providers

SAMPLE_RATE = 16_000                     # Hz
ONLY_TRAINING = ("masked_spec_embed", "position_ids", "num_batches_tracked")      # what checkpoints may lack: nothing of it is used
WAVES = ("Wav2Vec2FeatureExtractor", "Wav2Vec2Processor")      # what prepares sound as it is, and no picture of it
ON_GPU = {"CUDAExecutionProvider", "TensorrtExecutionProvider", "ROCMExecutionProvider", "MIGraphXExecutionProvider"}      # which torch all calls cuda
OLD_NAMES = (("conv.weight_g", "conv.parametrizations.weight.original0"), ("conv.weight_v", "conv.parametrizations.weight.original1"))


def text(folder: Path, output: Output, tokens: int, stated: Sequence[str] = ()) -> Embedding:
    """A classifier of texts; what follows the `tokens`th token isn't read. It embeds by the mean of the last layer over the tokens."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    net = strict(transformers.AutoModelForSequenceClassification, folder)
    columns = output.columns(labels_of(folder, stated))

    def clean(given: str) -> str:
        return given.encode("utf-8", "ignore").decode("utf-8")           # halves of surrogate pairs aren't text

    def run(given: str) -> Any:
        with torch.inference_mode():
            return net(**tokenizer(clean(given), return_tensors="pt", truncation=True, max_length=tokens).to(device()), output_hidden_states=True)

    def together(texts: Sequence[str]) -> np.ndarray:
        padding = tokenizer.pad_token is not None
        with torch.inference_mode():
            given = tokenizer([clean(one) for one in texts], return_tensors="pt", truncation=True, max_length=tokens, padding=padding)
            return np.stack([columns(row) for row in back(net(**given.to(device())).logits)])

    def said(given: str) -> np.ndarray:
        return columns(back(run(given).logits[0]))

    def length(given: str) -> int:
        return len(tokenizer(clean(given), truncation=True, max_length=tokens).input_ids)

    return Embedding(len(taxonomy(output.taxonomy)), written, said, net.config.hidden_size, lambda t: back(run(t).hidden_states[-1][0].mean(0)),
                     together=Net(said, together, length, tokenizer.pad_token is not None, folder.name))


def sound(folder: Path, output: Output, measurable: Callable[[np.ndarray], bool], stated: Sequence[str] = ()) -> Embedding:
    """A classifier of sound at 16 kHz. It embeds by the mean of the last layer over time."""
    net = strict(transformers.AutoModelForAudioClassification, folder)
    columns = output.columns(labels_of(folder, stated))
    prepare = heard_by(folder)

    def run(samples: np.ndarray) -> Any:
        with torch.inference_mode():
            return net(prepare(samples).to(device()), output_hidden_states=True)

    def said(samples: np.ndarray) -> np.ndarray:
        return columns(back(run(samples).logits[0]))

    facts = read_json(folder / "preprocessor_config.json")
    if facts.get("feature_extractor_type", WAVES[0]) in WAVES:
        together = sounds(said, lambda x, mask: net(x, attention_mask=mask).logits, prepare, columns, folder.name, masked(folder))
    else:                                 # pictures of sound, all of one size
        together = stack(said, lambda x: net(x).logits, prepare, columns, folder.name, None)
    return Embedding(len(taxonomy(output.taxonomy)), measurable, said, net.config.hidden_size, lambda s: back(run(s).hidden_states[-1][0].mean(0)),
                     together=together)


def picture(folder: Path, output: Output, size: tuple[int, int], stated: Sequence[str] = ()) -> Embedding:
    """A classifier of pictures. It embeds by the mean of the last layer over its places."""
    net = strict(transformers.AutoModelForImageClassification, folder)
    columns = output.columns(labels_of(folder, stated))
    prepare = seen_by(folder, size)

    def run(crop: np.ndarray) -> Any:
        with torch.inference_mode():
            return net(prepare(crop).to(device()), output_hidden_states=True)

    def features(crop: np.ndarray) -> np.ndarray:
        last = run(crop).hidden_states[-1][0]
        return back(last.mean((1, 2)) if last.ndim == 3 else last.mean(0))

    def said(crop: np.ndarray) -> np.ndarray:
        return columns(back(run(crop).logits[0]))

    blank = np.zeros((*size, 3), np.uint8)
    return Embedding(len(taxonomy(output.taxonomy)), shown(size), said, len(features(blank)), features,
                     together=stack(said, lambda x: net(x).logits, prepare, columns, folder.name))


def heard_by(folder: Path) -> Callable[[np.ndarray], torch.Tensor]:
    """Sound as a wav2vec-like net wants it, (1, t): standardised if its preprocessor_config.json says so.

    Raises
    ------
    WeightsError
        If it wants another rate than 16 kHz, or a picture of sound instead.
    """
    facts = read_json(folder / "preprocessor_config.json")
    rate, kind = facts.get("sampling_rate", SAMPLE_RATE), facts.get("feature_extractor_type", WAVES[0])
    if rate != SAMPLE_RATE:
        raise WeightsError(f"{folder.name} listens at {rate} Hz, expected {SAMPLE_RATE}")
    if kind not in WAVES:
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
        return lambda samples: next(iter(extractor(np.asarray(samples, np.float32), sampling_rate=SAMPLE_RATE, return_tensors="pt").values()))
    normal = bool(facts.get("do_normalize", True))
    return lambda samples: torch.from_numpy(standardised(samples) if normal else np.asarray(samples, np.float32))[None]


def seen_by(folder: Path, size: tuple[int, int]) -> Callable[[np.ndarray], torch.Tensor]:
    """A crop as the checkpoint wants it, (1, 3, h, w), by its preprocessor_config.json.

    Raises
    ------
    WeightsError
        If it wants another size than the crops have.
    """
    facts = read_json(folder / "preprocessor_config.json")
    wanted = side(facts)
    if wanted and wanted != size:
        raise WeightsError(f"{folder.name} wants pictures of {wanted[0]} x {wanted[1]}, and is given {size[0]} x {size[1]}; "
                           f"state size = {[*wanted]} in a TOML of facts")
    mean, deviation = ((0.0,) * 3, (1.0,) * 3)
    if facts.get("do_normalize", True):
        mean, deviation = facts.get("image_mean", mean), facts.get("image_std", deviation)
    scale = facts.get("rescale_factor", 1 / 255) * 255 if facts.get("do_rescale", True) else 255.0
    return lambda crop: torch.from_numpy(pixels(crop, np.asarray(mean) / scale, np.asarray(deviation) / scale))


def device() -> torch.device:
    """What nets run on: a GPU, where `weights.providers` has one that torch has too, in single precision throughout; else the CPU, which is the reference."""
    if not ON_GPU & set(providers()) or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False       # else convolutions keep ten bits of a number
    return torch.device("cuda")


def back(values: torch.Tensor) -> np.ndarray:
    """Numbers from whatever they were computed on."""
    return np.asarray(values.cpu().numpy())


def strict(kind: Any, folder: Path, **options: Any) -> Any:
    """A net of transformers with all its weights from the folder, in single precision, ready to run.

    Raises
    ------
    WeightsError
        If a weight is missing, has another shape, or the config isn't one that transformers knows.
    """
    said, drawn = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    try:
        net, report = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, dtype=torch.float32, **options)
    except Exception as error:
        raise WeightsError(f"{folder.name} can't be loaded by transformers: {_first(error)}") from error
    finally:
        transformers.logging.set_verbosity(said)
        if drawn:
            transformers.logging.enable_progress_bar()
    lacking(folder.name, report["missing_keys"])
    return net.eval().to(device())


def lacking(name: str, missing: Any) -> None:
    """Raise `WeightsError` if weights that are used are among the missing ones."""
    lost = sorted(key for key in missing if not key.endswith(ONLY_TRAINING))
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        raise WeightsError(f"{name} lacks the weights {', '.join(lost[:3])}{more}; it is another net than its adapter is for, or damaged")


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """Weights by name, of a .safetensors, .bin, .pt or .pth file; a pickle may hold nothing but tensors."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise WeightsError(f"{path.name} holds no weights that can be read safely ({_first(error)}); add the model again") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise WeightsError(f"{path.name} holds no table of tensors; expected weights by name")
    return {key.removeprefix("module.").removeprefix("_orig_mod."): value for key, value in found.items()}


def filled(net: torch.nn.Module, weights: dict[str, torch.Tensor], name: str) -> torch.nn.Module:
    """A net of ours with weights that must all be there; what the file has beside them isn't looked at."""
    weights = {_renamed(key): value for key, value in weights.items()}
    try:
        report = net.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{name} doesn't fit its net: {str(error).splitlines()[-1].strip()}") from error
    lacking(name, report.missing_keys)
    return net.float().eval().to(device())


def _first(error: Exception) -> str:
    """What an error says, in a line."""
    if isinstance(error, pickle.UnpicklingError):
        return "it is a pickle that holds more than tensors, or none"
    return next(iter(str(error).splitlines()), type(error).__name__)


def _renamed(key: str) -> str:
    """Weight normalisation was stored under other names before torch 2."""
    for old, new in OLD_NAMES:
        key = key.replace(old, new)
    return key


def whole(said: Callable[[torch.Tensor], torch.Tensor], prepare: Callable[[np.ndarray], torch.Tensor]) -> Said:
    """A row (m,) of a net that takes one prepared input."""

    def run(given: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return back(said(prepare(given).to(device()))[0])

    return run


def stack(
    said: Said, values: Callable[[torch.Tensor], torch.Tensor], prepare: Callable[[Any], torch.Tensor], columns: Callable[[np.ndarray], np.ndarray], name: str,
    length: Callable[[Any], int] | None = len,
) -> Net:
    """Inputs of one length, prepared to (1, ...), in one call of a net, whose `values` are (n, m) then; `said` is what it says of one. length: None where
    all are prepared to one size."""

    def run(inputs: Sequence[Any]) -> np.ndarray:
        with torch.inference_mode():
            return np.stack([columns(row) for row in back(values(torch.cat([prepare(one) for one in inputs]).to(device())))])

    return Net(said, run, length, name=name)


def sounds(
    said: Said, values: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor], prepare: Callable[[np.ndarray], torch.Tensor],
    columns: Callable[[np.ndarray], np.ndarray], name: str, pads: bool, length: Callable[[np.ndarray], int] = len,
) -> Net:
    """As `stack`, of sounds. pads: also of different lengths, as they are prepared; `values` is given the mask (n, t) of what is no padding then, else None."""

    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        given = [prepare(one)[0] for one in inputs]
        longest = max(map(len, given))
        mask = torch.arange(longest) < torch.tensor([len(one) for one in given])[:, None]
        padded = torch.stack([torch.nn.functional.pad(one, [0] * (2 * one.ndim - 1) + [longest - len(one)]) for one in given])
        with torch.inference_mode():
            return np.stack([columns(row) for row in back(values(padded.to(device()), None if bool(mask.all()) else mask.long().to(device())))])

    return Net(said, run, length, pads, name)


def masked(folder: Path) -> bool:
    """Whether a checkpoint says that its net was taught with a mask of what is padding (`return_attention_mask`). Others are told nothing of it, and
    would hear it."""
    return bool(read_json(folder / "preprocessor_config.json").get("return_attention_mask", False))
