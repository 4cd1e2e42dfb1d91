"""`attune export` and `attune import` as a user types them."""

import pytest
from recordings_made import talk
from typer.testing import CliRunner

from attune import export
from attune.cli import app
from attune.errors import SettingError


def attune(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False, env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return export.write(talk(), tmp_path_factory.mktemp("talk") / "talk")


def test_export_writes_the_format_and_says_what_it_loses(folder, tmp_path):
    done = attune("export", folder, "--as", "eaf", "--out", tmp_path / "talk.eaf")
    assert done.exit_code == 0, done.output
    assert "ELAN annotation document" in done.output and "loses times below a millisecond" in done.output
    assert (tmp_path / "talk.eaf").is_file()


def test_import_makes_a_folder_that_the_other_commands_read(folder, tmp_path):
    attune("export", folder, "--as", "hume_json", "--out", tmp_path / "talk.json")
    done = attune("import", tmp_path / "talk.json", "--out", tmp_path / "back")
    assert done.exit_code == 0, done.output
    assert "face.ferplus8" in done.output
    for command in ("show", "describe"):
        shown = attune(command, tmp_path / "back")
        assert shown.exit_code == 0 and "Bo Müller" in shown.output


def test_formats_are_listed_without_a_recording():
    done = attune("export")
    assert done.exit_code == 0
    assert "ELAN annotation document" in done.output and "mmsa" in done.output


def test_a_rate_where_times_are_stated_is_refused(folder, tmp_path):
    attune("export", folder, "--as", "openface", "--out", tmp_path / "talk.csv")
    with pytest.raises(SettingError, match="states its own times"):
        attune("import", tmp_path / "talk.csv", "--out", tmp_path / "x", "--fps", 25)
