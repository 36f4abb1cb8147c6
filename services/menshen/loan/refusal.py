"""How long a refused customer waits before applying again."""

from menshen.loan.policy import RefusalKind, Refusals

DAY_MS = 86_400_000


def waits_until_ms(kind: RefusalKind, refused_ms: int, rules: Refusals) -> int:
    """Return from when on the customer may apply again, by the general waiting time or the one of this kind."""
    return refused_ms + rules.by_kind.get(kind, rules.wait_days) * DAY_MS
