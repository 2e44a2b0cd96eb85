"""Settling Unknown outcomes: evidence is looked for during a bounded time, then a person is asked (rule 2)."""
