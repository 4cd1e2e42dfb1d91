"""CREMA-D on made-up trees, in the authors' layout and with one table of votes."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import crema_d
from attune.errors import AttuneError, MediaError

TABULATED = """"","A","D","F","H","N","S","fileName","numResponses"
"100004",2,0,0,6,2,0,"1001_IEO_HAP_HI",10
"200004",0,0,0,9,1,0,"1001_IEO_HAP_HI",10
"300004",0,0,0,1,0,0,"1001_IEO_HAP_HI",1
"100005",0,0,0,0,3,1,"1049_IEO_SAD_LO",4
"101234",0,0,0,0,9,0,"1076_MTI_SAD_XX",9
"""
VOTES = """fileName,mod,A,D,F,H,N,S,numResponses
1001_IEO_HAP_HI,voice,2,0,0,6,2,0,10
1001_IEO_HAP_HI,face,0,0,0,9,1,0,10
1001_IEO_HAP_HI,av,0,0,0,1,0,0,1
1049_IEO_SAD_LO,voice,0,0,0,0,3,1,4
1076_MTI_SAD_XX,voice,0,0,0,0,9,0,9
"""
RESPONSES = '"","localid","queryType","clipName","respEmo"\n' + "".join(
    f'"{i}","x",{query},"{clip}","{emotion}"\n' for i, (query, clip, emotion) in enumerate(
        [(1, "1001_IEO_HAP_HI", e) for e in "AAHHHHHHNN"] + [(2, "1001_IEO_HAP_HI", e) for e in "HHHHHHHHHN"] + [(3, "1001_IEO_HAP_HI", "H")]
        + [(1, "1049_IEO_SAD_LO", e) for e in "NNNS"] + [(1, "1076_MTI_SAD_XX", "N")])
)
PEOPLE = "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1049,25,Female,Asian,Hispanic\n"
CLIPS = ("1001_IEO_HAP_HI", "1049_IEO_SAD_LO", "1076_MTI_SAD_XX", "1002_IEO_HAP_HI")


def mini(root: Path) -> None:
    """Four clips as sound, one of them as a film."""
    write(root, "processedResults/tabulatedVotes.csv", TABULATED)
    write(root, "VideoDemographics.csv", PEOPLE)
    touch(root, *(f"AudioWAV/{clip}.wav" for clip in CLIPS), "VideoFlash/1001_IEO_HAP_HI.flv")


@pytest.fixture(params=["tabulatedVotes", "finishedResponses", "votes_all_clips"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    mini(tmp_path)
    if request.param != "tabulatedVotes":
        (tmp_path / "processedResults" / "tabulatedVotes.csv").unlink()
        write(tmp_path, f"{request.param}.csv", RESPONSES if request.param == "finishedResponses" else VOTES)
    return tmp_path


def test_values_are_shares_of_those_who_only_heard(root: Path) -> None:
    first = next(iter(crema_d.items(root)))
    named = dict(zip(crema_d.LABELS, first.values.tolist(), strict=True))
    assert named["happy"] == pytest.approx(0.6)
    assert named["angry"] == pytest.approx(0.2)
    assert named["neutral"] == pytest.approx(0.2)


@pytest.mark.parametrize(("modality", "happy"), [("face", 0.9), ("both", 1.0)])
def test_films_have_the_shares_of_those_who_saw(root: Path, modality: str, happy: float) -> None:
    (film,) = crema_d.items(root, modality=modality)
    assert film.path.suffix == ".flv"
    assert film.values[crema_d.LABELS.index("happy")] == pytest.approx(happy)


def test_every_vote_is_counted_for_each_way(root: Path) -> None:
    votes = next(iter(crema_d.items(root))).about["votes"]
    assert {way: sum(count.values()) for way, count in votes.items()} == {"voice": 10, "face": 10, "both": 1}
    assert votes["voice"]["angry"] == 2


def test_actors_have_age_sex_race_and_ethnicity(root: Path) -> None:
    first, second = crema_d.items(root)
    assert [first.about[k] for k in ("age", "sex", "race", "ethnicity")] == [51, "M", "Caucasian", "Not Hispanic"]
    assert (second.about["sex"], second.about["intended"], second.about["intensity"]) == ("F", "sad", "low")


def test_labels_nobody_could_choose_are_unknown(root: Path) -> None:
    for item in crema_d.items(root):
        assert np.isnan(item.values[[1, 7]]).all()
        assert np.nansum(item.values) == pytest.approx(1)


def test_the_silent_clip_and_clips_without_votes_are_left_out(root: Path) -> None:
    assert [item.id for item in crema_d.items(root)] == ["1001_IEO_HAP_HI", "1049_IEO_SAD_LO"]


def test_actors_stay_in_their_split(root: Path) -> None:
    assert {item.group: item.split for item in crema_d.items(root)} == {"crema_d-1001": "train", "crema_d-1049": "dev"}
    assert not crema_d.DEV & crema_d.TEST


def test_the_five_folds_hold_every_actor_once() -> None:
    assert sorted(actor for fold in crema_d.FOLDS for actor in fold) == list(range(1001, 1092))


def test_an_unknown_emotion_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "votes_all_clips.csv", VOTES.replace("HAP", "JOY"))
    with pytest.raises(AttuneError, match="JOY"):
        list(crema_d.items(touch(tmp_path, "1001_IEO_JOY_HI.wav")))


def test_missing_votes_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"github\.com/CheyneyComputerScience"):
        list(crema_d.items(tmp_path))
