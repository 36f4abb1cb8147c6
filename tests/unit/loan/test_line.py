"""How much of the line is free, and whether a draw fits."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.unit.loan.story import NOON_MS, POLICY, draw_gate

from menshen.contract.onboarding import State
from menshen.loan.gate import DAY_MS
from menshen.loan.line import HOLDING, DoesNotFit, Draw, check_draw, free
from menshen.loan.path import MEANING

LIMIT = Decimal("10000.00")


def drawn(amount: str, state: State = "done", opened_ms: int = NOON_MS) -> Draw:
    return Draw(replace(draw_gate(amount), state=state), opened_ms)


@pytest.mark.parametrize("state", MEANING)
def test_a_draw_takes_up_the_line_while_its_money_has_gone_or_may_still_go(state: State) -> None:
    taken = Decimal(0) if state in ("waiting", "refused", "failed", "repaid", "provisional") else Decimal("2000.50")
    assert free(LIMIT, [drawn("2000.50", state)]) == LIMIT - taken
    assert (state in HOLDING) == (taken > 0)


def test_a_draw_fits_to_the_last_hundredth() -> None:
    check_draw(Decimal("7999.50"), LIMIT, [drawn("2000.50")], NOON_MS, POLICY)
    with pytest.raises(DoesNotFit, match=r"7999\.51 is asked for, 7999\.50 of the limit of 10000\.00 is free"):
        check_draw(Decimal("7999.51"), LIMIT, [drawn("2000.50")], NOON_MS, POLICY)


def test_a_day_has_so_many_draws_whatever_became_of_them() -> None:
    for opened_ms, fits in ((NOON_MS - DAY_MS, True), (NOON_MS - DAY_MS + 1, False)):
        earlier = [drawn("1.00", "failed", opened_ms)] * POLICY.draws_a_day
        if fits:
            check_draw(Decimal(1), LIMIT, earlier, NOON_MS, POLICY)
        else:
            with pytest.raises(DoesNotFit, match="10 draws were asked for within 24 hours"):
                check_draw(Decimal(1), LIMIT, earlier, NOON_MS, POLICY)
