"""The page of the detectors: what each asks, when it fires and when it must not."""

import inspect
from collections.abc import Iterator
from typing import Any

from menshen.fraud.detector import Detector
from menshen.fraud.detectors import DETECTORS
from menshen.reference.tables import NOTE

_LAYERS = ("device", "place", "behaviour", "conduct")


def page() -> str:
    """Return the page."""
    introduction = (
        "Each detector is one file under `services/menshen/fraud/detectors/`, named in the registry beside it.\n"
        "A doubt is given per mille; the policy says how many points it is worth."
    )
    return f"{NOTE}\n# Signals\n\n{introduction}\n" + "".join(_layers())


def _layers() -> Iterator[str]:
    for layer in _LAYERS:
        yield f"\n## {layer.capitalize()}\n"
        yield from (_detector(detector) for detector in DETECTORS if detector.layer == layer)


def _detector(detector: Detector[Any]) -> str:
    described = (inspect.getdoc(type(detector)) or "").partition("\nParameters\n")[0].strip()
    listens = ", ".join(str(kind.__struct_config__.tag) for kind in detector.listens)
    facts = [
        f"- reasons: {_code(detector.codes)}",
        f"- listens to: {listens}",
        f"- values for the model: {_code(detector.features) if detector.features else 'none'}",
    ]
    return f"\n### {detector.name}\n\n{described}\n\n" + "\n".join(facts) + "\n"


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
