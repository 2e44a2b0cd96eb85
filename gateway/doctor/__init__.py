"""What `gateway doctor` finds out: layer by layer, which one refuses, why, and what to do. It changes nothing."""

from gateway.doctor.checks import Check, Layer, Verdict
from gateway.doctor.examination import examine

__all__ = ["Check", "Layer", "Verdict", "examine"]
