"""A folder of modules is a registry."""

import sys

import pytest

from attune import registry
from attune.errors import UnknownName

FOLDERS = ["attune.face.models", "attune.voice.models", "attune.text.models", "attune.text.recognisers", "attune.voice.diarizers", "attune.datasets"]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A package folder of our own: two modules, and what is no member."""
    folder = tmp_path / "shelf_of_the_test"
    folder.mkdir()
    for name, text in {"__init__.py": "", "apple.py": "TITLE = 'Apple'", "pear.py": "raise RuntimeError('imported')",
                       "_private.py": "", "notes.md": ""}.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "shelf_of_the_test"
    for name in [m for m in sys.modules if m.startswith("shelf_of_the_test")]:
        del sys.modules[name]


def test_names_are_the_modules_of_the_folder(shelf):
    assert registry.names(shelf) == ["apple", "pear"]


def test_names_import_no_module(shelf):
    registry.names(shelf)
    assert f"{shelf}.pear" not in sys.modules


def test_load_gives_the_module(shelf):
    assert registry.load(shelf, "apple").TITLE == "Apple"


def test_load_of_an_unknown_name_says_the_nearest(shelf):
    with pytest.raises(UnknownName, match="did you mean 'apple'"):
        registry.load(shelf, "appel")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_attune_can_be_listed(folder):
    assert registry.names(folder) == sorted(registry.names(folder))


def test_the_kind_in_the_message_reads_like_english():
    with pytest.raises(UnknownName, match="no face model 'nothing_like_it'"):
        registry.load("attune.face.models", "nothing_like_it")


def test_another_package_joins_by_an_entry_point(tmp_path, monkeypatch):
    (tmp_path / "their_net_of_the_test.py").write_text("TITLE = 'Theirs'")
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[attune.voice.models]\ntheir_net = their_net_of_the_test\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "their_net" in registry.names("attune.voice.models")
    assert registry.load("attune.voice.models", "their_net").TITLE == "Theirs"
