"""How Alembic reaches the database: on the engine that `Database` gives it, one migration a transaction."""

from alembic import context

from menshen.onboard.sql.tables import METADATA

with context.config.attributes["engine"].connect() as connection:
    context.configure(
        connection=connection, target_metadata=METADATA, render_as_batch=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
