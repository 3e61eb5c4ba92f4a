"""Shards: together they take every part once."""

from __future__ import annotations

import pytest

from batch.errors import CallError
from batch.shards import Shard, parse_shard


def test_shards_together_take_every_part_once() -> None:
    shards = [parse_shard(f"{index}/3", {}) for index in range(3)]
    assert [sum(shard.takes(number) for shard in shards) for number in range(10)] == [1] * 10


def test_auto_is_the_index_of_a_kubernetes_job() -> None:
    assert parse_shard("auto/20", {"JOB_COMPLETION_INDEX": "7"}) == Shard(7, 20)


def test_auto_without_a_job_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="Expected JOB_COMPLETION_INDEX to be set, for --shard auto"):
        parse_shard("auto/20", {})


@pytest.mark.parametrize("text", ["3/3", "-1/3", "0/0", "1", "1/", "/3", "a/3", "1/3/5", "1.0/3", "²/3", ""])
def test_anything_else_is_a_wrong_call(text: str) -> None:
    with pytest.raises(CallError, match="Expected --shard INDEX/COUNT, INDEX from 0 to COUNT - 1"):
        parse_shard(text, {})
