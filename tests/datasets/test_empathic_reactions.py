"""Empathic Reactions on made-up tables of both layouts."""

from pathlib import Path

import pytest
from trees_made import write

from attune.datasets import empathic_reactions
from attune.taxonomy import taxonomy

HEADER = ["message_id", "response_id", "article_id", "empathy", "distress", "empathy_bin", "distress_bin", "essay"]


def mini(root: Path) -> None:
    write(root, "data/responses/data/messages.csv", ",".join(HEADER) + '\nR_1_1,R_1,67,5.5,4.25,1,1,"Sad, really."\nR_1_2,R_1,68,1.0,7.0,0,1,Well.\n')


def test_ratings_are_as_given_and_the_group_is_the_article(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second = empathic_reactions.items(tmp_path)
    assert (first.values.tolist(), first.text) == ([5.5, 4.25], "Sad, really.")
    assert first.group != second.group and first.about["speaker"] == second.about["speaker"]


def test_the_shared_task_adds_emotions_and_keeps_the_dev_ratings_apart(tmp_path: Path) -> None:
    more = [*HEADER, "emotion", "age", "personality_stability", "personality_openess"]
    write(tmp_path, "messages_train_ready_for_WS.tsv", "\t".join(more) + "\nR_1_1\tR_1\t67\t5\t4\t1\t1\tSad.\tsadness\t33\t5.5\t6.0\n")
    write(tmp_path, "messages_dev_features_ready_for_WS_2022.tsv", "message_id\tresponse_id\tarticle_id\tessay\nR_2_1\tR_2\t9\tFear.\n")
    write(tmp_path, "goldstandard_dev_2022.tsv", "2.0\t6.5\tfear\t0\n")
    train, dev = empathic_reactions.items(tmp_path)
    assert [taxonomy("ekman7").labels[i.more["ekman7"].argmax()] for i in (train, dev)] == ["sadness", "fear"]
    assert train.about["personality"] == {"openness": 6.0, "emotional stability": 5.5}
    assert (dev.split, dev.values.tolist()) == ("dev", [2.0, 6.5])


def test_dev_ratings_of_another_length_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "messages_dev_features_ready_for_WS_2022.tsv", "message_id\tresponse_id\tarticle_id\tessay\nR_2_1\tR_2\t9\tFear.\n")
    write(tmp_path, "goldstandard_dev_2022.tsv", "2.0\t6.5\tfear\t0\n2.0\t6.5\tfear\t0\n")
    with pytest.raises(ValueError, match="zip"):
        list(empathic_reactions.items(tmp_path))
