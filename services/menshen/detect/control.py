"""The control topic: a new policy takes effect with the next batch; a bad one is refused, the last good one stays."""

import os
from dataclasses import replace
from typing import Any

from menshen.contract.topics import CONTROL
from menshen.detect.rules import Rulebook
from menshen.fraud.policy import PolicyError, parse_policy
from menshen.shell import metrics
from menshen.shell.kafka.clients import Reader
from menshen.shell.logs import logger

log = logger(__name__)
POLICY_KEY = b"policy"


class Control:
    """Takes the control topic to heart in every worker: all that it holds before the first event, then what comes."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._next = 0

    async def catch_up(self, reader: Reader) -> None:
        """Apply what the topic holds now. Raises `Unavailable` if it cannot be read; call again."""
        first, end = await reader.span(CONTROL, 0)
        async for record in reader.read(CONTROL, 0, max(first, self._next), end):
            self.apply(record)

    async def follow(self, stream: Any) -> None:
        """Apply record after record. An unexpected error ends the process: Faust would go on and lose the record."""
        async for event in stream.events():
            try:
                self.apply(event.message)
            except Exception:
                log.critical("stopping at an unexpected error", exc_info=True)
                os._exit(70)

    def apply(self, record: Any) -> None:
        """Apply a record that has not been applied: `policy` is a policy as TOML; other keys are for others."""
        if record.offset < self._next:
            return
        self._next = record.offset + 1
        if record.key == POLICY_KEY and record.value is not None:
            self._replace_policy(record.value)

    def _replace_policy(self, text: bytes) -> None:
        rules = self._rulebook.current
        try:
            policy = parse_policy(text.decode(errors="replace"), rules.layers)
        except PolicyError as error:
            metrics.POLICY_REFUSALS.inc()
            log.error("policy refused", why=str(error), stays=rules.policy.version)
            return
        self._rulebook.current = replace(rules, policy=policy)
        log.info("policy", version=policy.version, was=rules.policy.version)
