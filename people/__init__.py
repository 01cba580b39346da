"""Operators, their roles, the one authorisation function, tokens, the audit trail."""
