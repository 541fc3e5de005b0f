"""What Alembic runs: on the connection that guiche.migrate hands over."""

from alembic import context

from guiche.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
