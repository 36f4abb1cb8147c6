"""The tables. Times are milliseconds since 1970, money is whole hundredths, bodies are JSON."""

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
APPEND_ONLY = ("inbox", "history", "votes")
"""Tables whose rows are never changed and never deleted: triggers of the database itself refuse it."""

NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""A row number that the database counts; SQLite counts none that is not called INTEGER."""


class Money(TypeDecorator[Decimal]):
    """An amount with two places, kept as a whole number of hundredths, so that the database adds without rounding."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Return hundredths; ValueError if the amount has more places than two."""
        if value is None:
            return None
        hundredths = value.scaleb(2)
        if hundredths != hundredths.to_integral_value():
            raise ValueError(f"{value} is no amount with two places")
        return int(hundredths)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Return the amount."""
        return None if value is None else Decimal(value).scaleb(-2)


applications = Table(
    "applications",
    METADATA,
    Column("application_id", String(64), primary_key=True),
    Column("subject_id", String(64), nullable=False),
    Column("product_id", String(64), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("refusal", String(16)),
    Column("refused_until_ms", BigInteger),
    Column("n_changes", Integer, nullable=False),
    Column("n_events", Integer, nullable=False),
    Index(None, "subject_id", "product_id"),
)

gates = Table(
    "gates",
    METADATA,
    Column("gate_id", String(200), primary_key=True),
    Column("application_id", ForeignKey("applications.application_id"), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("step", String(32), nullable=False),
    Column("draw_id", String(64)),
    Column("payee_ref", String(64)),
    Column("device_id", String(64)),
    Column("amount", Money),
    Column("state", String(16), nullable=False),
    Column("verdict_id", String(36)),
    Column("opened_ms", BigInteger, nullable=False),
    Column("wake_ms", BigInteger),
    Column("paid_ms", BigInteger),
    Column("body", LargeBinary, nullable=False),
    Index(None, "application_id"),
    Index(None, "wake_ms"),
    Index(None, "verdict_id"),
    Index(None, "subject_id", "step"),
    Index(None, "payee_ref"),
    Index(None, "device_id"),
)
"""`body` is the whole gate; the columns beside it are what is searched for. `wake_ms`: when its time is up."""

questions = Table(
    "questions",
    METADATA,
    Column("event_id", String(36), primary_key=True),
    Column("gate_id", ForeignKey("gates.gate_id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("gate_id", "attempt"),
)
"""Each checkpoint as it was published: what a verdict must be about, to the letter."""

inbox = Table(
    "inbox",
    METADATA,
    Column("verdict_id", String(36), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("application_id", String(64), nullable=False),
    Column("revokes", String(36)),
    Column("received_ms", BigInteger, nullable=False),
    Column("fate", String(24), nullable=False),
    Column("key_id", String(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index(None, "event_id"),
    Index(None, "revokes"),
    Index(None, "application_id"),
)
"""Every trusted verdict about an application of ours, once and for ever, with what became of it."""

history = Table(
    "history",
    METADATA,
    Column("application_id", ForeignKey("applications.application_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("gate_id", ForeignKey("gates.gate_id"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("gate_id", ForeignKey("gates.gate_id"), nullable=False),
    Column("key", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("written_ms", BigInteger, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("n_tries", Integer, nullable=False),
    Index(None, "sent_ms", "kind", "number"),
)
"""What has to leave: `event` and `onboarding` to Kafka, `challenge` and `payment` to the services outside."""

challenges = Table(
    "challenges",
    METADATA,
    Column("challenge_id", String(36), primary_key=True),
    Column("gate_id", ForeignKey("gates.gate_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("method", String(16), nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    UniqueConstraint("gate_id", "number"),
)

reviews = Table(
    "reviews",
    METADATA,
    Column("review_id", String(36), primary_key=True),
    Column("gate_id", ForeignKey("gates.gate_id"), nullable=False),
    Column("application_id", String(64), nullable=False),
    Column("step", String(32), nullable=False),
    Column("event_id", String(36)),
    Column("n_people", Integer, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("outcome", String(16)),
    Index(None, "closed_ms", "due_ms"),
    Index(None, "gate_id"),
)

votes = Table(
    "votes",
    METADATA,
    Column("review_id", ForeignKey("reviews.review_id"), primary_key=True),
    Column("operator", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("decision", String(8), nullable=False),
    Column("note", String(500), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

alerts = Table(
    "alerts",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("gate_id", ForeignKey("gates.gate_id"), nullable=False),
    Column("application_id", String(64), nullable=False),
    Column("code", String(24), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("prefix", String(16), primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("role", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

replies = Table(
    "replies",
    METADATA,
    Column("caller", String(64), primary_key=True),
    Column("idempotency_key", String(64), primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
"""What was answered to a request that may be sent again."""

leases = Table(
    "leases",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("holder", String(36), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
"""Which process sends now: one at a time, so that records leave in order."""
