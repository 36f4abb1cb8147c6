"""The simulated group: it shares out as the real assignor does, and believes members only."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import CommitFailedError
from tests.simulation.event_loop import Process, VirtualLoop
from tests.simulation.ports.group import Group, Member
from tests.simulation.ports.log import N_PARTITIONS

from menshen.contract.topics import EVENTS

SESSION_S = 1.0


def in_virtual_time(scene: Callable[[Group], Awaitable[None]]) -> None:
    loop = VirtualLoop(Random(0))
    loop.run_until_complete(scene(Group(Random(0), SESSION_S)))
    loop.bury()


def member(number: int, instance: str | None = None) -> Member:
    """Return a member that never joins anew by itself."""
    return Member(number, Process(f"p{number}"), instance, SimpleNamespace(rejoin=lambda _: None))  # type: ignore[arg-type]


@pytest.mark.parametrize("n_members", [1, 2, 3, 4])
def test_partitions_are_shared_out_as_the_range_assignor_does(n_members: int) -> None:
    members = [member(i, f"i{i}") for i in range(n_members)]

    async def all_join(group: Group) -> None:
        for one in members:
            one.consumer.rejoin = group.join  # type: ignore[method-assign,assignment]
            await group.join(one)

    in_virtual_time(all_join)
    cluster: Any = SimpleNamespace(partitions_for_topic=lambda _: set(range(N_PARTITIONS)))
    asked = {one.name: ConsumerProtocolMemberMetadata(0, [EVENTS], b"") for one in members}
    real = RangePartitionAssignor.assign(cluster, asked)
    shares = {name: [n for _, numbers in given.assignment for n in numbers] for name, given in real.items()}
    assert {one.name: list(one.partitions) for one in members} == shares


def test_who_does_not_join_again_is_left_out_and_may_not_commit() -> None:
    async def one_lags(group: Group) -> None:
        laggard, other = member(0), member(1)
        await group.join(laggard)
        group.commit(laggard, group.generation, {0: 1})
        await group.join(other)
        assert other.partitions == (0, 1, 2)
        with pytest.raises(CommitFailedError):
            group.commit(laggard, laggard.generation, {0: 2})
        assert group.committed == {0: 1}

    in_virtual_time(one_lags)


def test_a_silent_member_loses_its_share_when_its_session_is_over() -> None:
    async def one_is_stopped(group: Group) -> None:
        silent = member(0)
        await group.join(silent)
        silent.process.state = "stopped"
        group.fell_silent(silent.process)
        await asyncio.sleep(0.9 * SESSION_S)
        assert group.members == [silent]
        await asyncio.sleep(0.2 * SESSION_S)
        assert group.members == []

    in_virtual_time(one_is_stopped)


def test_a_static_member_that_comes_back_has_its_share_at_once_and_its_past_self_none() -> None:
    async def one_comes_back(group: Group) -> None:
        before, after = member(0, "i"), member(1, "i")
        await group.join(before)
        generation = group.generation
        await group.join(after)
        assert (after.partitions, group.generation) == ((0, 1, 2), generation)
        with pytest.raises(CommitFailedError):
            group.commit(before, generation, {0: 1})

    in_virtual_time(one_comes_back)
