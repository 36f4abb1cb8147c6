"""The topics by name. Their partitions, retention and owners are data: `schemas/topics/`."""

EVENTS = "menshen.events.v1"
ASSESSMENTS = "menshen.assessment.v1"
VERDICTS = "menshen.verdict.v1"
ONBOARDING = "menshen.onboarding.v1"
CONTROL = "menshen.control.v1"
DEAD_LETTERS = "menshen.dlq.v1"

ALL = (EVENTS, ASSESSMENTS, VERDICTS, ONBOARDING, CONTROL, DEAD_LETTERS)
