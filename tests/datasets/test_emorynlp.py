"""EmoryNLP on made-up files of both layouts."""

import json
from pathlib import Path

from trees_made import write

from attune.datasets import emorynlp
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    for short, episode in (("trn", "s01_e02"), ("dev", "s01_e15"), ("tst", "s01_e01")):
        said = {"utterance_id": f"{episode}_c01_u002", "speakers": ["Joey Tribbiani"], "transcript": "Yeah, right!", "tokens": [], "emotion": "Powerful"}
        scenes = [{"scene_id": f"{episode}_c01", "utterances": [said]}]
        write(root, f"json/emotion-detection-{short}.json", json.dumps({"episodes": [{"episode_id": episode, "scenes": scenes}]}))


def test_the_group_is_the_episode_and_the_dialogue_the_scene(tmp_path: Path) -> None:
    mini(tmp_path)
    train, *_ = emorynlp.items(tmp_path)
    assert (train.id, train.group, train.about["dialogue"]) == ("s01_e02_c01_u002", "emorynlp-s01_e02", "s01_e02_c01")
    assert taxonomy("emorynlp7").labels[train.values.argmax()] == "powerful"
    assert train.about["speaker"] == ("Joey Tribbiani",)


def test_the_tables_with_times_give_the_same(tmp_path: Path) -> None:
    mini(tmp_path / "json")
    write(tmp_path, "emorynlp_train_final.csv", "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"
                                                "\"Yeah, right!\",\"['Joey Tribbiani', \"\"Ann O'Hara\"\"]\",Powerful,1,2,1,2,00:00:04.504,00:00:07.548\n")
    (tmp_path / "json" / "json" / "emotion-detection-trn.json").rename(tmp_path / "aside.json")
    a, *_ = [i for i in emorynlp.items(tmp_path) if i.split == "train"]
    assert (a.id, a.text, a.about["speaker"]) == ("s01_e02_c01_u002", "Yeah, right!", ("Joey Tribbiani", "Ann O'Hara"))
