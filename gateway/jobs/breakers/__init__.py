"""Breakers: what fails again and again is left alone, on all nodes, and tried by one job at a time until it works."""

from gateway.jobs.breakers.kept import Breakers, close_all, names_after
from gateway.jobs.breakers.machine import Breaker, BreakerState, Phase

__all__ = ["Breaker", "BreakerState", "Breakers", "Phase", "close_all", "names_after"]
