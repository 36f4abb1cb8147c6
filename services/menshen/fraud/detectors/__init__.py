"""The registry: every detector that runs, in the order of its features. Adding one is a file and a line here."""

from typing import Any

from menshen.fraud.detector import Detector
from menshen.fraud.detectors.behaviour.inhuman_typing import InhumanTyping
from menshen.fraud.detectors.behaviour.typing_rhythm import TypingRhythm
from menshen.fraud.detectors.device.new_device import NewDevice

DETECTORS: tuple[Detector[Any], ...] = (
    NewDevice(),
    TypingRhythm(),
    InhumanTyping(),
)

FEATURES: tuple[str, ...] = tuple(feature for detector in DETECTORS for feature in detector.features)
