"""What every module in attune/exports must state and keep; a new one is found by itself.

CARRIES says what of a recording comes back from each format; what isn't there is said in its FACTS["loses"].
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from recordings_made import ADA, BO, ordered, talk

from attune import exports
from attune.errors import RecordingError, UnknownName

EVERYTHING = {"rows", "words", "people", "own", "spread", "reason", "quality", "model", "fused", "notes", "faces", "portraits", "source"}
TIERS = EVERYTHING - {"faces", "portraits"}
CARRIES = {
    "json": EVERYTHING, "parquet": EVERYTHING, "mmsa": EVERYTHING, "audformat": TIERS, "eaf": TIERS, "textgrid": TIERS,
    "csv": {"rows", "people", "fused", "reason", "quality"},
    "hume_json": {"speech", "people", "own", "quality", "model", "boxes", "source"}, "hume_csv": {"speech", "people", "own", "quality", "boxes", "source"},
    "openface": {"people", "own", "reason", "quality", "model", "faces", "source"}, "fex": {"people", "own", "reason", "quality", "faces", "source"},
    "rttm": {"speech", "people"}, "vtt": {"speech", "people"}, "srt": {"speech", "people"},
}
SETS = {                                 # of the recording's own, where a format holds only some
    "openface": {"face.facs"}, "fex": {"face.ferplus8", "face.facs"}, "rttm": set(), "vtt": set(), "srt": set(),
}
NUMBERS = {"audformat": 1e-9, "eaf": 5.1e-4}       # s; how exact times are: a nanosecond, half a millisecond; else as they were
WORDS = {"rttm": lambda text: "", "srt": lambda text: text.replace("<b>", "")}       # RTTM holds none, SubRip can't escape what looks like markup
LINES = {"vtt", "srt", "rttm", "csv", "openface", "fex"}          # a file cut off between two lines is a shorter file
every_format = pytest.mark.parametrize("name", exports.names())


@pytest.fixture(scope="module")
def original():
    return talk()


@pytest.fixture
def written(name, original, tmp_path):
    return exports.write(original, tmp_path / f"talk{exports.load(name).SUFFIX}", name)


@every_format
def test_name_ending_and_facts_are_stated(name):
    module = exports.load(name)
    assert name == module.NAME
    assert module.SUFFIX == "" or module.SUFFIX.startswith(".")
    for fact in ("title", "keeps", "loses", "readers", "reference"):
        assert isinstance(module.FACTS[fact], str) and module.FACTS[fact].strip(), fact


@every_format
def test_a_file_is_recognised_by_its_look(name, written):
    assert exports.recognised(written) == name


@every_format
def test_writing_and_reading_twice_gives_the_same(name, original, tmp_path):
    files = [exports.write(original, tmp_path / str(i) / f"talk{exports.load(name).SUFFIX}", name) for i in range(2)]
    one, two = (exports.read(f) for f in files)
    assert one.segments == two.segments
    assert [e.name for e in one] == [e.name for e in two]


@every_format
def test_what_is_kept_comes_back_and_the_rest_is_left_out(name, original, written):
    back, keeps, exact = exports.read(written), CARRIES.get(name, set()), NUMBERS.get(name, 1e-9)
    if "rows" in keeps:
        compared(original.segments, back.segments, exact, words="words" in keeps)
    if "speech" in keeps:
        compared([s for s in original.segments if s.kind == "speech"], [s for s in back.segments if s.kind == "speech"], exact, text=WORDS.get(name, str))
    if "people" in keeps:
        assert {s.person for s in back.segments} - {""} <= {ADA, BO}
    assert back.source == "talk é.mp4" or "source" not in keeps
    assert back.notes == original.notes or "notes" not in keeps
    assert back.portraits == (original.portraits if "portraits" in keeps else {})
    estimates(original, back, keeps, exact, SETS.get(name))
    if "faces" in keeps:
        for field in type(original.faces).SHAPES:
            np.testing.assert_allclose(getattr(back.faces, field), getattr(original.faces, field), rtol=0, atol=1e-12)
    elif "boxes" in keeps:
        seen = np.arange(24) != 3        # v0 says nothing of a face without expressions
        np.testing.assert_allclose(sorted(back.faces.box.tolist()), sorted(original.faces.box[seen].tolist()), rtol=0, atol=1e-9)
    else:
        assert len(back.faces) == 0


def compared(before, after, exact, *, words=False, text=str):
    assert len(before) == len(after)
    for a, b in zip(before, after, strict=True):
        assert (a.kind, a.person, text(a.text)) == (b.kind, b.person, b.text)
        assert (b.start, b.end) == pytest.approx((a.start, a.end), abs=max(exact, 1e-9))
        if words:
            assert [(w.text, w.person) for w in a.words] == [(w.text, w.person) for w in b.words]


def estimates(original, back, keeps, exact, sets):
    there = {e.name: e for e in back}
    for before in original:
        if before.modality == "fused" and "fused" in keeps:
            np.testing.assert_array_equal(there[before.name].values, before.values)
            assert bool(there[before.name].projected) == bool(before.projected)
        if before.modality == "fused" or "own" not in keeps or (sets is not None and before.name not in sets):
            continue
        a, b = ordered(before), ordered(there[before.name])
        if "reason" not in keeps:
            a = a.where(~a.missing)
        np.testing.assert_array_equal(b.values, a.values, err_msg=before.name)
        np.testing.assert_allclose(np.stack([b.start, b.end]), np.stack([a.start, a.end]), rtol=0, atol=exact)
        assert b.person.tolist() == a.person.tolist()
        assert bool(b.projected) == bool(a.projected)
        assert b.model == a.model or "model" not in keeps
        assert b.reason.tolist() == a.reason.tolist()
        np.testing.assert_array_equal(b.quality, a.quality.astype(np.float32))
        if "spread" in keeps:
            assert (b.spread is None) == (a.spread is None)
            assert b.spread is None or np.array_equal(b.spread, a.spread, equal_nan=True)


# ---- files that are none ----------------------------------------------------------------------------------------------------

@every_format
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", b"Dear Ada,\nhow are you?\n", b"{}", b"[1, 2]", b"<a/>", b"a,b\n1,2\n"],
                         ids=["empty", "blank", "jpeg", "letter", "json", "list", "xml", "table"])
def test_a_file_of_another_kind_is_an_error_that_says_what_was_expected(name, content, tmp_path):
    file = tmp_path / f"strange{exports.load(name).SUFFIX}"
    if name == "parquet":
        file.mkdir()
        (file / "recording.json").write_bytes(content)
    elif name == "audformat":
        file.mkdir()
        (file / "db.yaml").write_bytes(content)
    else:
        file.write_bytes(content)
    try:
        back = exports.read(file, name)
    except RecordingError as error:
        assert len(str(error)) > 30
    else:
        assert name in ("srt", "vtt") and content.startswith(b"Dear")        # a transcript without times is read as one
        assert [s.text for s in back.segments if s.text]


@every_format
def test_a_file_that_is_not_there_is_an_error(name, tmp_path):
    with pytest.raises(RecordingError):
        exports.read(tmp_path / "nowhere", name)


@every_format
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_was_cut_off_is_an_error_or_a_shorter_recording_of_lines(name, share, original, written):
    file = written / {"parquet": "recording.json", "audformat": "db.yaml"}[name] if written.is_dir() else written
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data.rstrip()))])
    try:
        back = exports.read(written, name)
    except RecordingError as error:
        assert len(str(error)) > 30
    else:
        assert name in LINES
        assert sum(map(len, back)) + len([s for s in back.segments if s.text]) <= sum(map(len, original)) + len(original.segments)


@pytest.mark.parametrize("name", [n for n in exports.names() if n not in ("parquet", "audformat")])
def test_flipped_bytes_are_never_a_crash(name, written):
    data, rng = written.read_bytes(), np.random.default_rng(1)
    for _ in range(25):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] = rng.integers(256)
        written.write_bytes(damaged)
        with suppress(RecordingError):
            exports.read(written, name)


def test_an_unknown_format_is_refused_with_the_nearest(original, tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'textgrid'"):
        exports.write(original, tmp_path / "x", "textgird")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(RecordingError, match=r"photo\.jpg is in no format"):
        exports.read(tmp_path / "photo.jpg")


@every_format
def test_the_page_says_of_each_format_what_its_facts_say(name):
    module, page = exports.load(name), (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    cells = [f"`{name}`", module.SUFFIX or "folder", *(module.FACTS[fact] for fact in ("keeps", "loses", "readers"))]
    assert f"| {' | '.join(cells)} |" in page
