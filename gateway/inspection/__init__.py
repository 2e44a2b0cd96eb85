"""Attachments are what they claim: real kinds, executables, macros, antivirus, and an agency's policy for each."""

from gateway.inspection.inspector import FileToInspect, Inspector
from gateway.inspection.policy import Action, Inspection, SetApart
from gateway.inspection.settings import InspectionSettings

__all__ = ["Action", "FileToInspect", "Inspection", "InspectionSettings", "Inspector", "SetApart"]
