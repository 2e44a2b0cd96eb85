"""Looks at every file of a packet before it is taken over: real kind, executables, macros, antivirus, then policy."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from gateway.edxml.sinks import Source
from gateway.inspection.antivirus import Antivirus, Infected, NoAntivirus, Verdict, antivirus_of
from gateway.inspection.executables import runs
from gateway.inspection.kinds import agreement, claimed, look_at
from gateway.inspection.macros import macros
from gateway.inspection.policy import Action, FileFacts, Inspection, SetApart, decide, policies_for
from gateway.inspection.settings import InspectionSettings
from gateway.inspection.sniffing import Sniffer, sniffer


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToInspect:
    """One real file (after unzipping). `position` counts from 1."""

    position: int
    attachment_name: str
    content_type: str | None
    source: Source


class Inspector:
    """Inspects files; reads blobs and talks to clamd, so never call it inside a transaction."""

    def __init__(self, settings: InspectionSettings, *, antivirus: Antivirus | None = None) -> None:
        self._settings = settings
        self._antivirus = antivirus or antivirus_of(settings)

    async def inspect(self, files: Sequence[FileToInspect], unit_codes: Collection[str]) -> Inspection:
        """What came in, for these units of ours. Raises only what the sources raise."""
        facts = [await self._facts(file, self._antivirus) for file in files]
        return decide(facts, policies_for(self._settings, unit_codes), self._settings)

    async def inspect_outgoing(self, files: Sequence[FileToInspect], unit_code: str) -> Inspection:
        """What a unit of ours sends: warnings for its sender to read; only an infected file is set apart (refused)."""
        antivirus = self._antivirus if self._settings.antivirus_outgoing else NoAntivirus()
        facts = [await self._facts(file, antivirus) for file in files]
        outcome = decide(facts, policies_for(self._settings, [unit_code]), self._settings)
        if any(isinstance(file.verdict, Infected) for file in facts):
            return replace(outcome, action=Action.QUARANTINE, reason=SetApart.INFECTED)
        return replace(outcome, action=Action.DELIVER, reason=None)

    async def _facts(self, file: FileToInspect, antivirus: Antivirus) -> FileFacts:
        verdict = await antivirus.scan(file.source)
        return await asyncio.to_thread(facts_of, file, verdict, None)


def facts_of(file: FileToInspect, verdict: Verdict, by: Sniffer | None = None) -> FileFacts:
    """Everything about one file; blocks while it reads. `by` is the process's sniffer unless given."""
    seen = look_at(file.source, by or sniffer())
    claim = claimed(file.attachment_name, file.content_type)
    return FileFacts(
        position=file.position,
        claim=claim,
        kind=seen.kind,
        agreement=agreement(claim, seen.kind),
        runs=runs(file.attachment_name, seen),
        macros=macros(seen),
        verdict=verdict,
    )
