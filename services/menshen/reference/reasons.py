"""The page of the reason codes."""

from menshen.fraud.detectors import DETECTORS
from menshen.fraud.reasons import REASONS
from menshen.fraud.scoring import OTHER_LAYERS
from menshen.reference.tables import NOTE, table


def page() -> str:
    """Return the page."""
    layers = {**OTHER_LAYERS, **{code: detector.layer for detector in DETECTORS for code in detector.codes}}
    parts = [
        f"{NOTE}\n# Reasons\n\nCodes are stable. What a code weighs, and what it forces, stands in the policy.\n\n",
        table(
            ["code", "layer", "for the analyst", "分析员"],
            [[f"`{code}`", layers[code], *reversed(text.analyst)] for code, text in REASONS.items()],
        ),
        "\nThe customer is told what to do, never which signal fired:\n\n",
        table(
            ["code", "for the customer", "客户"],
            [[f"`{code}`", *reversed(text.customer)] for code, text in REASONS.items()],
        ),
    ]
    return "".join(parts)
