"""The house as it is drawn in docs/design.md: imports point down, members of a kind don't know each other, import costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "attune"

LAYERS = [                                                   # from the ground up
    {"errors", "registry", "taxonomy"},
    {"types"},
    {"media", "align", "annotators", "baseline", "perturb", "timeline", "metrics", "describe", "export", "weights", "cache", "checkpoints", "figures", "settings"},
    {"face", "voice", "text", "fusion", "datasets"},
    {"measure", "live", "batch", "train", "evaluate", "explore", "find", "exports", "report", "agent", "llms"},
    {"cli", "server", "__main__"},
]
KINDS = {"face", "voice", "text", "fusion", "datasets", "llms"}
LAYER = {part: height for height, parts in enumerate(LAYERS) for part in parts}
HEAVY = {"torch", "transformers", "ray", "onnxruntime", "onnx", "av", "mtcnn", "pyarrow", "pandas", "scipy", "sklearn", "plotly",
         "tokenizers", "typer", "rich", "soundfile", "cv2", "librosa", "silero_vad", "faster_whisper"}
ONLY_TRAINING = {"torch", "sklearn", "pandas", "scipy", "cv2", "librosa", "transformers"}
FILES = sorted(ROOT.rglob("*.py"))
EXPERIMENTS = {("evaluate", "grid.py"), ("evaluate", "leed.py"), ("explore", "maps.py")}      # scikit-learn, when they are asked for
RUN = {"__init__.py", "votes.py", "units.py", "_parts.py"}               # of fusion: what measuring needs, the rest is trained


def name(path):
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def imports(path, *, run_only=True):
    """Names of the modules a file imports; what only type checkers see doesn't count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checkers = {inner for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
                for body in node.body for inner in ast.walk(body)}
    for node in ast.walk(tree):
        if run_only and node in checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively; write the whole name"
            for alias in node.names:
                inside = ROOT.parent.joinpath(*(node.module or "").split("."), alias.name)
                yield f"{node.module}.{alias.name}" if inside.is_dir() or inside.with_suffix(".py").exists() else node.module


def part(module):
    """face of attune.face.models.resnet; "" for attune itself."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", [p for p in FILES if part(name(p))], ids=name)
def test_imports_point_down(path):
    own = part(name(path))
    assert own in LAYER, f"{own} has no place in the layers; add it to docs/design.md and to this test"
    for module in imports(path):
        other = part(module)
        if module.split(".")[0] == "attune" and other and other != own:
            assert LAYER[other] <= LAYER[own], f"{name(path)} (layer {LAYER[own]}) imports {module} (layer {LAYER[other]})"


@pytest.mark.parametrize("path", [p for p in FILES if part(name(p)) in KINDS], ids=name)
def test_one_kind_knows_nothing_of_another(path):
    for module in imports(path):
        other = part(module) if module.startswith("attune.") else ""
        assert other not in KINDS - {part(name(path))}, f"{name(path)} imports {module}"


MEMBERS = [p for p in FILES if p.name != "__init__.py"
           and p.parent.relative_to(ROOT).as_posix() in {"face/models", "voice/models", "text/models", "text/recognisers", "voice/diarizers", "fusion", "datasets", "llms"}]


@pytest.mark.parametrize("path", MEMBERS, ids=name)
def test_members_of_a_folder_do_not_import_each_other(path):
    folder = name(path.parent)
    for module in imports(path):
        own_shared = module.rsplit(".", 1)[-1].startswith("_")          # _shared.py is no member
        assert not module.startswith(folder + ".") or own_shared, f"{name(path)} imports its sibling {module}"


def trains(path):
    """The training toolbox, and the fusers that a researcher fits; nothing of either is imported when a recording is measured."""
    inside = path.relative_to(ROOT).parts
    return inside[0] in ("train", "train.py") or (inside[0] == "fusion" and inside[-1] not in RUN) or inside[-2:] in EXPERIMENTS or adapts(path)


def adapts(path):
    """What runs other people's checkpoints, imported when one is loaded, and the adapters that do it (test_models looks at their imports)."""
    inside = path.relative_to(ROOT).parts
    return inside[0] == "checkpoints" or (path.parent.name == "models" and any(m.startswith("attune.checkpoints") for m in imports(path)))


@pytest.mark.parametrize("path", [p for p in FILES if not trains(p)], ids=name)
def test_only_training_needs_torch_and_its_kin(path):
    found = {module.split(".")[0] for module in imports(path)} & ONLY_TRAINING
    allowed = {"pandas"} if name(path) in {"attune.export", "attune.types"} else set()      # at the edge: to_frame()
    assert found <= allowed


@pytest.mark.parametrize("statement", ["import attune", "from attune import taxonomy; taxonomy.taxonomy('vad')"])
def test_import_costs_nothing(statement):
    report = f"{statement}; import sys; print(*sorted({{m.split('.')[0] for m in sys.modules}} & {HEAVY!r}))"
    run = subprocess.run([sys.executable, "-W", "error", "-c", report], capture_output=True, text=True, cwd=ROOT.parent, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_import_prints_nothing_and_makes_no_folder(tmp_path):
    environment = {"HOME": str(tmp_path), "ATTUNE_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT.parent),
                   "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run([sys.executable, "-c", "import attune"], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)
    assert (run.stdout, run.stderr, list(tmp_path.iterdir())) == ("", "", [])
