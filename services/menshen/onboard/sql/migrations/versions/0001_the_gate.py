"""The tables of the gate; three of them only ever grow."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("inbox", "history", "votes")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("prefix", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "applications",
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("refusal", sa.String(length=16), nullable=True),
        sa.Column("refused_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("n_changes", sa.Integer(), nullable=False),
        sa.Column("n_events", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("application_id", name=op.f("pk_applications")),
    )
    op.create_index(
        op.f("ix_applications_subject_id_product_id"), "applications", ["subject_id", "product_id"], unique=False
    )
    op.create_table(
        "inbox",
        sa.Column("verdict_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("revokes", sa.String(length=36), nullable=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("fate", sa.String(length=24), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_application_id"), "inbox", ["application_id"], unique=False)
    op.create_index(op.f("ix_inbox_event_id"), "inbox", ["event_id"], unique=False)
    op.create_index(op.f("ix_inbox_revokes"), "inbox", ["revokes"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=36), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "replies",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "idempotency_key", name=op.f("pk_replies")),
    )
    op.create_table(
        "gates",
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("draw_id", sa.String(length=64), nullable=True),
        sa.Column("payee_ref", sa.String(length=64), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("verdict_id", sa.String(length=36), nullable=True),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("wake_ms", sa.BigInteger(), nullable=True),
        sa.Column("paid_ms", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.application_id"], name=op.f("fk_gates_application_id")
        ),
        sa.PrimaryKeyConstraint("gate_id", name=op.f("pk_gates")),
    )
    op.create_index(op.f("ix_gates_application_id"), "gates", ["application_id"], unique=False)
    op.create_index(op.f("ix_gates_device_id"), "gates", ["device_id"], unique=False)
    op.create_index(op.f("ix_gates_payee_ref"), "gates", ["payee_ref"], unique=False)
    op.create_index(op.f("ix_gates_subject_id_step"), "gates", ["subject_id", "step"], unique=False)
    op.create_index(op.f("ix_gates_verdict_id"), "gates", ["verdict_id"], unique=False)
    op.create_index(op.f("ix_gates_wake_ms"), "gates", ["wake_ms"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.gate_id"], name=op.f("fk_alerts_gate_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_alerts")),
    )
    op.create_table(
        "challenges",
        sa.Column("challenge_id", sa.String(length=36), nullable=False),
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.gate_id"], name=op.f("fk_challenges_gate_id")),
        sa.PrimaryKeyConstraint("challenge_id", name=op.f("pk_challenges")),
        sa.UniqueConstraint("gate_id", "number", name=op.f("uq_challenges_gate_id_number")),
    )
    op.create_table(
        "history",
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.application_id"], name=op.f("fk_history_application_id")
        ),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.gate_id"], name=op.f("fk_history_gate_id")),
        sa.PrimaryKeyConstraint("application_id", "number", name=op.f("pk_history")),
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("n_tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.gate_id"], name=op.f("fk_outbox_gate_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_sent_ms_kind_number"), "outbox", ["sent_ms", "kind", "number"], unique=False)
    op.create_table(
        "questions",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.gate_id"], name=op.f("fk_questions_gate_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_questions")),
        sa.UniqueConstraint("gate_id", "attempt", name=op.f("uq_questions_gate_id_attempt")),
    )
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("gate_id", sa.String(length=200), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=True),
        sa.Column("n_people", sa.Integer(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.gate_id"], name=op.f("fk_reviews_gate_id")),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_closed_ms_due_ms"), "reviews", ["closed_ms", "due_ms"], unique=False)
    op.create_index(op.f("ix_reviews_gate_id"), "reviews", ["gate_id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.review_id"], name=op.f("fk_votes_review_id")),
        sa.PrimaryKeyConstraint("review_id", "operator", name=op.f("pk_votes")),
    )
    for table in APPEND_ONLY:
        _only_grows(table)


def _only_grows(table: str) -> None:
    """Have the database itself refuse to change or delete a row."""
    if op.get_bind().dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            refuse = f"SELECT RAISE(ABORT, '{table} only grows')"
            op.execute(f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} BEGIN {refuse}; END")
        return
    function = f"{table}_only_grows"
    body = f"BEGIN RAISE EXCEPTION '{table} only grows'; END"
    op.execute(f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    deeds = f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
    op.execute(f"CREATE TRIGGER {function} {deeds} FOR EACH STATEMENT EXECUTE FUNCTION {function}()")
