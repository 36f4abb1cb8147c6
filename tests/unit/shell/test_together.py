import asyncio

import pytest

from menshen.shell.together import Together


class Rounds:
    """Doubles numbers, and remembers which of them it was asked to double together."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    async def doubled(self, numbers: list[int]) -> list[int | BaseException]:
        self.seen.append(numbers)
        await asyncio.sleep(0)
        return [ValueError(number) if number < 0 else 2 * number for number in numbers]


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


async def test_what_is_asked_at_one_moment_is_done_together_and_each_hears_of_its_own(rounds: Rounds) -> None:
    together = Together(rounds.doubled)
    asked = [together.ask(number) for number in (1, -2, 3)]
    one, two, three = await asyncio.gather(*asked, return_exceptions=True)
    assert (one, three) == (2, 6)
    assert isinstance(two, ValueError)
    assert await together.ask(4) == 8
    assert rounds.seen == [[1, -2, 3], [4]]


async def test_what_weighs_more_than_the_limit_goes_into_rounds_of_its_own_which_do_not_wait_for_one_another(
    rounds: Rounds,
) -> None:
    together = Together(rounds.doubled, weigh=lambda number: number, limit=10)
    answers = await asyncio.gather(*(together.ask(number) for number in (4, 6, 1, 30, 5, 5)))
    assert answers == [8, 12, 2, 60, 10, 10]
    assert rounds.seen == [[4, 6], [1], [30], [5, 5]]


async def test_an_error_of_a_round_is_raised_for_all_who_were_in_it() -> None:
    async def fails(_: list[int]) -> list[int]:
        raise ZeroDivisionError

    asked = [Together(fails).ask(number) for number in range(2)]
    heard = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in heard] == [ZeroDivisionError] * 2


async def test_who_was_cancelled_holds_up_nobody(rounds: Rounds) -> None:
    together = Together(rounds.doubled)
    gone, stays = together.ask(1), together.ask(2)
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 4
