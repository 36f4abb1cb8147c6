"""What judges, read from files at the start: policy, model, and the detectors of the registry."""

from menshen.fraud.detectors import DETECTORS, FEATURES
from menshen.fraud.model import Model
from menshen.fraud.policy import PolicyError, parse_policy
from menshen.fraud.step import Rules
from menshen.shell import metrics
from menshen.shell.errors import Refusal
from menshen.shell.logs import logger
from menshen.shell.models import ModelRefused, load
from menshen.shell.settings import DetectSettings

log = logger(__name__)


class Rulebook:
    """The rules that hold now; replaced as a whole, between batches."""

    def __init__(self, current: Rules) -> None:
        self.current = current


def load_rules(settings: DetectSettings, geo: str) -> Rules:
    """Read policy and model.

    A policy that cannot be used is a `Refusal`: there is no deciding without one. A model that cannot be used leaves
    the rules alone to judge, says so in the metric and in every verdict, and blocks nobody.
    """
    codes = {code for detector in DETECTORS for code in detector.codes}
    try:
        policy = parse_policy(settings.policy_file.read_text(), codes)
    except (OSError, PolicyError) as error:
        raise Refusal(f"MENSHEN_POLICY_FILE: {settings.policy_file}: {error}") from error
    return Rules(settings.tenant, DETECTORS, policy, _model(settings), geo)


def _model(settings: DetectSettings) -> Model | None:
    try:
        model = load(settings.model_dir, FEATURES)
    except ModelRefused as refused:
        log.error("model refused: rules only, decisions are capped at review", why=str(refused))
        metrics.MODEL_DEGRADED.set(1)
        return None
    metrics.MODEL_DEGRADED.set(0)
    return model
