"""The pages hold: examples run or at least compile, what they import is there, and every command they name takes the options they give it."""

import ast
import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from attune.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SAMPLE = ROOT / "samples" / "hello.mp4"
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page, kind):
    """(line, text) of the code blocks of a kind; "": those that state none."""
    text = page.read_text(encoding="utf-8")
    return [(text[: m.start()].count("\n") + 2, m[2]) for m in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.S | re.M) if m[1] == kind]


def commands(page):
    """(line, words) of every `attune ...` in a block of its own or among words."""
    text = page.read_text(encoding="utf-8")
    for line, block in blocks(page, ""):
        yield from ((line + i, one.removeprefix("$ ")) for i, one in enumerate(block.splitlines()) if one.removeprefix("$ ").startswith("attune "))
    yield from ((text[: m.start()].count("\n") + 1, " ".join(m[1].split())) for m in re.finditer(r"(?<!`)`(attune [^`]+)`(?!`)", text))


@pages
def test_every_command_of_the_page_is_there_and_takes_its_options(page):
    for line, said in commands(page):
        where = f"{page.name}:{line}: {said}"
        lexer = shlex.shlex(said, posix=True, punctuation_chars=False)
        lexer.whitespace_split, lexer.commenters = True, "#"
        command, known = get_command(app), set()
        for word in list(lexer)[1:]:
            if word in ("|", "…", "...", "&&") or word.startswith("…"):
                break
            if word.startswith("-") and len(word) > 1 and not word[1:2].isdigit():
                name = word.partition("=")[0]
                assert name in known or name in options(command), f"{where}: {command.name} has no {name}"
                continue
            below = getattr(command, "commands", None)
            if below is None:
                continue
            known |= options(command)
            assert word in below or command.name == "evaluate" or word.isupper(), f"{where}: no command {word}"
            command = below.get(word, below.get("corpus", command))


def options(command):
    """Its own, and those of `attune evaluate corpus` for the group that passes them on."""
    own = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
    return own | options(command.commands["corpus"]) if command.name == "evaluate" else own


@pages
def test_python_on_the_page_compiles_and_imports_what_is_there(page):
    for line, block in blocks(page, "python"):
        if block.lstrip().startswith(">>>"):
            continue
        for node in ast.walk(ast.parse(block, f"{page.name}:{line}")):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "attune":
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name) or importlib.util.find_spec(f"{node.module}.{name.name}"), f"{page.name}:{line}: no {name.name}"


@pytest.mark.parametrize("page", [p for p in PAGES if ">>>" in p.read_text(encoding="utf-8")], ids=lambda page: page.name)
def test_dialogues_with_python_go_as_they_stand(page):
    failed, run = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert run and not failed


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with six people's recordings, made from the sample's, and who they are."""
    from dataclasses import replace

    from attune import export, measure

    folder = tmp_path_factory.mktemp("study")
    recording = measure(SAMPLE)
    for i in range(6):
        rows = recording["face.ferplus8"]
        export.write(replace(recording, estimates=(replace(rows, values=rows.values ** (1 + i)), *recording.estimates[1:])), folder / "measured" / f"clip{i}")
    lines = ["recording,group", *(f"clip{i},{'ab'[i % 2]}" for i in range(6))]
    (folder / "people.csv").write_text("\n".join(lines))
    return folder, recording


def test_what_the_page_on_numbers_computes_is_what_it_says(study, monkeypatch, capsys):
    pd = pytest.importorskip("pandas")
    monkeypatch.chdir(study[0])
    known = {}
    for line, block in blocks(ROOT / "docs" / "numbers.md", "python"):
        exec(compile(block, f"numbers.md:{line}", "exec"), known)
    per_person, said = known["per_person"], capsys.readouterr().out
    assert len(per_person) == 6 and per_person["mean"].is_monotonic_decreasing and (per_person.seconds > 9).all()
    assert isinstance(known["missing"], pd.Series) and (known["missing"] == 0).all()
    assert re.fullmatch(r"-?\d\.\d+ \[-?\d\.\d+, -?\d\.\d+\]\n", said)


def test_the_pages_first_examples_run(study, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = {}
    (line, block), *_ = blocks(ROOT / "README.md", "python")
    exec(compile(block, f"README.md:{line}", "exec"), known)
    assert known["recording"].people == ("person 1",)
    for line, block in blocks(ROOT / "docs" / "leed.md", "python"):
        if ">>>" not in block:
            exec(compile(block, f"leed.md:{line}", "exec"), {"recording": study[1]})


def test_columns_that_pages_name_are_in_the_table(study):
    from attune import export

    there = set(export.table(study[1]).column_names)
    text = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:face|voice|text|fused)\.\w+\.\w+\b", text))
    assert named and named <= there, named - there


def test_every_page_is_reachable_from_the_readme():
    texts = {p.name: p.read_text(encoding="utf-8") for p in PAGES}
    reached, waiting = {"README.md"}, ["README.md"]
    while waiting:
        for name in re.findall(r"\(([\w/.]*?\b[\w]+\.md)(?:#[\w-]+)?\)", texts[waiting.pop()]):
            name = name.rpartition("/")[2]
            if name in texts and name not in reached:
                reached.add(name)
                waiting.append(name)
    assert reached == set(texts), set(texts) - reached


@pages
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
