"""The registry: every detector that runs, in the order of its features. Adding one is a file and a line here."""

from typing import Any

from menshen.fraud.detector import Detector
from menshen.fraud.detectors.behaviour.inhuman_typing import InhumanTyping
from menshen.fraud.detectors.behaviour.typing_rhythm import TypingRhythm
from menshen.fraud.detectors.conduct.failed_logins import FailedLogins
from menshen.fraud.detectors.conduct.night_device_switching import NightDeviceSwitching
from menshen.fraud.detectors.device.new_device import NewDevice
from menshen.fraud.detectors.device.shared_device import SharedDevice
from menshen.fraud.detectors.place.gps_ip_mismatch import GpsIpMismatch
from menshen.fraud.detectors.place.impossible_travel import ImpossibleTravel
from menshen.fraud.detectors.place.mocked_location import MockedLocation

DETECTORS: tuple[Detector[Any], ...] = (
    NewDevice(),
    SharedDevice(),
    ImpossibleTravel(),
    GpsIpMismatch(),
    MockedLocation(),
    TypingRhythm(),
    InhumanTyping(),
    FailedLogins(),
    NightDeviceSwitching(),
)

FEATURES: tuple[str, ...] = tuple(feature for detector in DETECTORS for feature in detector.features)
