"""The catalogue of metrics: every name with its meaning, unit and labels, and nowhere else a name."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_MS = (0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000)

EVENTS = Counter(
    "menshen_detect_events_total",
    "Records taken from the events topic, by fate: judged, known (a duplicate), shed (in a flood), rejected.",
    ["fate"],
    registry=REGISTRY,
)
REJECTIONS = Counter(
    "menshen_detect_rejections_total", "Records sent to the dead letters, by reason.", ["reason"], registry=REGISTRY
)
DEAD_LETTER_SHARE = Gauge(
    "menshen_detect_dead_letter_share",
    "Share of dead letters among the newest records of this process, 0 to 1; red on /readyz above the alarm's share.",
    registry=REGISTRY,
)
VERDICTS = Counter(
    "menshen_detect_verdicts_total",
    "Verdicts published, by kind and decision.",
    ["kind", "decision"],
    registry=REGISTRY,
)
BATCH_EVENTS = Histogram(
    "menshen_detect_batch_events",
    "Records judged together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    registry=REGISTRY,
)
STAGE_MS = Histogram(
    "menshen_detect_stage_ms",
    "Time of a batch (decode, save) or a round (observe, open, step, publish) in one stage, in milliseconds.",
    ["stage"],
    buckets=_MS,
    registry=REGISTRY,
)
LAG_MS = Gauge(
    "menshen_detect_lag_ms",
    "Age of the newest judged record at the moment its verdict was published, in milliseconds.",
    registry=REGISTRY,
)
PARTITIONS = Gauge(
    "menshen_detect_partitions",
    "Partitions of this worker, by state: claimed, waiting (to be claimed), degraded (the log was cut).",
    ["state"],
    registry=REGISTRY,
)
SUBJECTS = Gauge("menshen_detect_subjects_in_memory", "Subjects held in memory.", registry=REGISTRY)
STALE = Counter(
    "menshen_detect_stale_total",
    "Times that Redis did not stand where this worker had left it and the partition was claimed again.",
    registry=REGISTRY,
)
AUDITED = Counter(
    "menshen_detect_audited_subjects_total", "Subjects that were counted again from the log.", registry=REGISTRY
)
AUDIT_DIFFERENCES = Counter(
    "menshen_detect_audit_differences_total",
    "Subjects of which Redis held something else than the log says. It must never rise.",
    registry=REGISTRY,
)
OUTAGES = Counter(
    "menshen_outages_total", "Calls that found a part outside not answering, by part.", ["part"], registry=REGISTRY
)
MODEL_DEGRADED = Gauge(
    "menshen_detect_model_degraded",
    "1 while no learned score is in use: the model is missing, was refused or gave no number; decisions are capped.",
    registry=REGISTRY,
)
POLICY_REFUSALS = Counter(
    "menshen_detect_policy_refusals_total",
    "Policies from the control topic that could not be used; the last good one stayed.",
    registry=REGISTRY,
)
ONBOARD_VERDICTS = Counter(
    "menshen_onboard_verdicts_total",
    "Records of the verdict topic, by fate: HEEDED, or why they count for nothing.",
    ["fate"],
    registry=REGISTRY,
)
TRANSITIONS = Counter(
    "menshen_onboard_transitions_total",
    "Changes of gates, by step and the state that they are in since.",
    ["step", "state"],
    registry=REGISTRY,
)
VERDICT_LAG_MS = Histogram(
    "menshen_onboard_verdict_lag_ms",
    "From a verdict's record time to the commit of what it changed, in milliseconds.",
    buckets=_MS,
    registry=REGISTRY,
)
ALERTS = Counter(
    "menshen_onboard_alerts_total",
    "Alerts for people: RECALL, REVIEW_LAPSED, APPEAL_OVERDUE, BANK_REFUSED.",
    ["code"],
    registry=REGISTRY,
)
OUTBOX = Gauge(
    "menshen_onboard_outbox_waiting", "What is written and has not left yet, by kind.", ["kind"], registry=REGISTRY
)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
