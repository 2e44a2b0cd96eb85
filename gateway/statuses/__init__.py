"""Statuses: the state machine, feedback out and in. The third trip."""
