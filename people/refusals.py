"""For migrations: what the database itself refuses, whoever asks for it."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation


class RefusalByDatabase(Operation):
    """On PostgreSQL: functions and triggers that refuse what no code of ours ever does. Code of before does not meet them."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, made: str, gone: str) -> None:
        self.made, self.gone = made, gone

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Models know nothing of it."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(self.made, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(self.gone, params=None)

    def describe(self) -> str:
        return "What PostgreSQL itself refuses"
