"""Run by Alembic on the connection that ``storage.migrate`` opened, inside its transaction."""

from alembic import context

from ostiary.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
