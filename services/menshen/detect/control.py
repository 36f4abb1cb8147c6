"""The control topic: a new policy takes effect with the next batch; a bad one is refused, the last good one stays."""

import os
from dataclasses import replace
from typing import Any

from menshen.detect.rules import Rulebook
from menshen.fraud.policy import PolicyError, parse_policy
from menshen.shell import metrics
from menshen.shell.logs import logger

log = logger(__name__)
POLICY_KEY = b"policy"


class Control:
    """Follows the control topic from its beginning, in every worker."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook

    async def follow(self, stream: Any) -> None:
        """Apply record after record. An unexpected error ends the process: Faust would go on and lose the record."""
        async for key, value in stream.items():
            try:
                self.apply(key, value)
            except Exception:
                log.critical("stopping at an unexpected error", exc_info=True)
                os._exit(70)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record to heart: `policy` is a policy as TOML; other keys are for others."""
        if key != POLICY_KEY or value is None:
            return
        rules = self._rulebook.current
        try:
            policy = parse_policy(value.decode(errors="replace"), rules.layers)
        except PolicyError as error:
            metrics.POLICY_REFUSALS.inc()
            log.error("policy refused", why=str(error), stays=rules.policy.version)
            return
        self._rulebook.current = replace(rules, policy=policy)
        log.info("policy", version=policy.version, was=rules.policy.version)
