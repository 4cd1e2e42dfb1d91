"""Models that have no file here: any classifier of the Hugging Face hub by its id, any ONNX file by a small TOML of facts.

    --text huggingface:owner/name:goemotions28      the hub's, whose labels are called as the taxonomy's, or by its adjectives
    --voice huggingface:facts.toml                  the same with more to say
    --face onnx:net.toml                            an ONNX file beside its facts

What the facts say is written in docs/checkpoints.md. A family is a file `_huggingface.py` or `_onnx.py` in a folder of models; it states
what inputs of its kind are, and `of(given)`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from attune.checkpoints import Checkpoint
from attune.checkpoints.labels import Kind, Output
from attune.errors import SettingError, unknown
from attune.taxonomy import taxonomy
from attune.types import PRESENCE
from attune.weights import LicenceClass

HEAD = ("taxonomy", "kind", "labels", "span", "names", "lacks", "ignores")
GENERAL = ("title", "license", "license_class", "reference", "data", "limits", "languages", "trained_on", "projected", *HEAD)
HUB = ("id", "revision", "sha256", *GENERAL)
ONNX = ("onnx", "output", "heads", *GENERAL)
UNITS = "facs"
KINDS = {"exclusive": "softmax", "multilabel": "sigmoid", "dimensional": "values"}      # of outputs, by the taxonomy's


def facts(given: str, known: tuple[str, ...], more: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a TOML file states of a model, with "folder", where the file lies.

    Raises
    ------
    SettingError
        If the file isn't there, isn't TOML, or states what nobody asks for.
    """
    path = Path(given).expanduser()
    if not path.is_file():
        raise SettingError(f"no file {given}; expected a TOML file of facts, as in docs/checkpoints.md")
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{given} isn't TOML: {error}") from error
    for name in stated:
        if name not in (*known, *more):
            raise SettingError(f"{given}: {unknown('fact', name, (*known, *more))}")
    return stated | {"folder": path.resolve().parent, "file": path.resolve()}


def hub_facts(given: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Facts of a model of the hub: "owner/name:taxonomy", or a TOML file."""
    if given.endswith(".toml"):
        stated = facts(given, HUB, more)
        if "id" not in stated:
            raise SettingError(f"{given} has no id; expected the model's, as in id = \"owner/name\"")
        return stated
    identity, _, name = given.rpartition(":")
    if not identity or identity.count("/") != 1 or not name:
        raise SettingError(f"huggingface:{given}; expected huggingface:owner/name:taxonomy or huggingface:FILE.toml")
    return {"id": identity, "taxonomy": name}


def output(stated: Mapping[str, Any]) -> Output:
    """What the facts of a head say of its outputs; without a kind, the taxonomy's."""
    if "taxonomy" not in stated:
        raise SettingError("the facts name no taxonomy; expected one of those of `attune taxonomies`")
    target = taxonomy(stated["taxonomy"])
    kind = stated.get("kind", KINDS[target.kind])
    if kind not in get_args(Kind):
        raise SettingError(f"kind = {kind!r}; expected one of {', '.join(get_args(Kind))}")
    for name in (*stated.get("lacks", ()), *stated.get("names", {}).values()):
        target.index(name)
    low, high = stated.get("span", target.range)
    return Output(target.name, kind, (float(low), float(high)), stated.get("names", {}), {}, tuple(stated.get("lacks", ())), tuple(stated.get("ignores", ())))


def projected(stated: Mapping[str, Any], folder: str, heads: Sequence[Output]) -> str:
    """`PRESENCE` where the facts say so of action units; a `SettingError` where they can't, or must and don't."""
    given = str(stated.get("projected", ""))
    if given not in ("", PRESENCE):
        raise SettingError(f"projected = {given!r}; expected {PRESENCE!r}, for probabilities that an action unit is there, or nothing")
    likely = [h for h in heads if h.taxonomy == UNITS and h.kind in ("sigmoid", "probabilities")]
    if likely and not given:
        raise SettingError(f"{UNITS} by {likely[0].kind}: these are probabilities, and not how strong a unit is; state projected = \"{PRESENCE}\"")
    if given and (folder != "attune.face.models" or [h.taxonomy for h in heads] != [UNITS]):
        raise SettingError(f"projected = {given!r} is for models of faces whose only taxonomy is {UNITS}")
    return given


def model(
    folder: str, name: str, stated: Mapping[str, Any], taxonomies: tuple[str, ...], checkpoints: tuple[Checkpoint, ...], load: Callable[[ModuleType], Any],
    **own: Any,
) -> ModuleType:
    """A module with the facts of a model, as a file in `folder` ("attune.face.models") would be; `load` is given it, and called once."""
    made = ModuleType(f"{folder}.{_plain(name)}", f"{name}, by the facts that its user states.")
    licence = stated.get("license_class", "unknown")
    if licence not in get_args(LicenceClass):
        raise SettingError(f"license_class = {licence!r}; expected one of {', '.join(get_args(LicenceClass))}")
    kept: list[Any] = []

    def loaded() -> Any:
        if not kept:
            kept.append(load(made))
        return kept[0]

    values: dict[str, Any] = {
        "__file__": str(Path(__file__)), "CALLED": name, "MODALITY": folder.split(".")[1], "TITLE": stated.get("title", name), "TAXONOMIES": taxonomies,
        "LICENSE": stated.get("license", "not stated"), "LICENSE_CLASS": licence, "REFERENCE": stated.get("reference", "not stated"),
        "FACTS": _digest(stated),
        "DATA": stated.get("data", "not stated"), "LIMITS": stated.get("limits", "not stated"), "CHECKPOINTS": checkpoints,
        "WEIGHTS": tuple(file for c in checkpoints for file in c.files), "load": loaded, **own,
    }
    if stated.get("projected"):
        values["PROJECTED"] = stated["projected"]
    if stated.get("languages"):
        values["LANGUAGES"] = tuple(stated["languages"])
    if "trained_on" in stated:
        values["TRAINED_ON"] = {corpus: tuple(splits) for corpus, splits in stated["trained_on"].items()}
    made.__dict__.update(values)
    return made


def of_the_hub(folder: str, given: str, files: tuple[str, ...], more: tuple[str, ...], own: Callable[[dict[str, Any]], dict[str, Any]],
               load: Callable[[Path, Output, dict[str, Any], ModuleType], Any]) -> ModuleType:
    """A model of the hub; `own` gives the facts of its kind, `load` the model of a folder."""
    from attune.checkpoints import ready

    stated = hub_facts(given, more)
    head = output(stated)
    projected(stated, folder, [head])
    checkpoint = Checkpoint(stated["id"], files, stated.get("revision", ""), stated.get("sha256", {}))

    def loaded(made: ModuleType) -> Any:
        (place,) = ready(made)
        return load(place, head, stated, made)

    return model(folder, f"huggingface:{given}", stated, (head.taxonomy,), (checkpoint,), loaded, NEEDS=("torch", "transformers"), OUTPUT=head, **own(stated))


def of_a_graph(folder: str, given: str, more: tuple[str, ...], own: Callable[[dict[str, Any]], dict[str, Any]],
               load: Callable[[Path, dict[str, Any], Callable[[Any], Any], int, ModuleType], Any]) -> ModuleType:
    """An ONNX file of a TOML of facts; `load` is given its path, the facts, what arranges its outputs, and the number of columns."""
    from attune.checkpoints.graphs import side_by_side
    from attune.checkpoints.rows import width

    stated = facts(given, ONNX, more)
    if "onnx" not in stated:
        raise SettingError(f"{given} has no onnx; expected the file, as in onnx = \"net.onnx\"")
    path = stated["folder"] / stated["onnx"]
    if not path.is_file():
        raise SettingError(f"{given} says onnx = \"{stated['onnx']}\", and there is no file {path}; expected it beside the facts")
    heads = stated.get("heads") or [{name: stated[name] for name in HEAD if name in stated}]
    for head in heads:
        for name in head:
            if name not in HEAD:
                raise SettingError(f"{given}: {unknown('fact of a head', name, HEAD)}")
        if "labels" not in head:
            raise SettingError(f"{given} names no labels; expected those of the outputs in their order, as in labels = [\"sad\", \"happy\"]")
    outputs = [output(head) for head in heads]
    projected(stated, folder, outputs)
    columns = side_by_side(*((len(h["labels"]), o.columns(h["labels"])) for h, o in zip(heads, outputs, strict=True)))
    taxonomies = tuple(o.taxonomy for o in outputs)
    made = model(
        folder, f"onnx:{given}", stated, taxonomies, (), lambda m: load(path, stated, columns, width(taxonomies), m), OUTPUT=tuple(outputs), **own(stated))
    made.__dict__.update(__file__=str(stated["file"]), WEIGHTS=(stated["onnx"],))
    del made.__dict__["CHECKPOINTS"]      # its weights lie beside its facts
    return made


def _digest(stated: Mapping[str, Any]) -> str:
    """Of all that is stated, wherever the file lies: results and what is kept of them depend on it."""
    said = {name: value for name, value in stated.items() if name not in ("folder", "file")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _plain(name: str) -> str:
    """A name without the dots that would make it look like a package's."""
    return name.replace("/", "--").replace("\\", "--").replace(".", "_")
