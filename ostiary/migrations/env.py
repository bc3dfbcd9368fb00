"""Run by Alembic on the connection that ``storage.migrate`` opened, inside its transaction."""

from alembic import context

from ostiary.schema import metadata
from ostiary.storage.feed import triggers

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
for statement in triggers(connection.dialect.name):
    connection.exec_driver_sql(statement)
