"""What a batch leaves in the log: an assessment an event, verdicts that can be checked, letters for the rest."""

from tests.integration.loop.world import N_PARTITIONS, PARTITION, SUBJECT, World, checkpoint, login

from menshen.contract.decoding import encode_event
from menshen.contract.routing import partition_of
from menshen.contract.topics import DEAD_LETTERS, VERDICTS


async def test_a_batch_leaves_one_assessment_an_event_and_a_verdict_at_each_decision_point(world: World) -> None:
    await world.send(login("e1"), checkpoint("e2"), b"broken", login("e3", device_id="laptop"))
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]
    assert [(v.event_id, v.kind) for v in await world.verdicts()] == [("e1", "login"), ("e2", "gate"), ("e3", "login")]
    assert [letter.value for letter in await world.log(DEAD_LETTERS)] == [b"broken"]


async def test_what_names_an_application_is_signed_over_its_exact_bytes(world: World) -> None:
    await world.send(login("e1"), checkpoint("e2"))
    await world.judge(await world.claim())
    unsigned, signed = await world.log(VERDICTS)
    assert unsigned.headers == ()
    world.keys.verify(signed.value, signed.headers)


async def test_an_event_that_comes_again_has_one_assessment_and_with_another_content_none(world: World) -> None:
    owned = await world.claim()
    await world.send(login("e1"), login("e1"), login("e1", method="otp"))
    await world.judge(owned)
    await world.send(login("e1"), login("e2"))
    await world.judge(owned)
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2"]
    (letter,) = await world.log(DEAD_LETTERS)
    assert dict(letter.headers)["reason"] == b"ID_REUSE"
    assert letter.value == encode_event(login("e1", method="otp"))


async def test_two_subjects_may_use_one_event_id(world: World) -> None:
    other = next(name for name in map(str, range(100)) if partition_of(name.encode(), N_PARTITIONS) == PARTITION)
    await world.send(login("e1"))
    await world.judge(await world.claim())
    await world.send(login("e1", subject_id=other))
    await world.judge(await world.claim())
    assert [a.subject_id for a in await world.assessments()] == [SUBJECT, other]
