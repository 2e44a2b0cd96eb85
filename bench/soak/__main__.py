"""`python -m bench.soak`: the proof, from start to verdict. Exit 1 when anything was lost, doubled or left over."""

import asyncio
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path

from bench.soak import report
from bench.soak.books import Books, books, under_way
from bench.soak.caller import Caller, Unwilling
from bench.soak.cast import Json, agency_of
from bench.soak.corpus import Corpus
from bench.soak.faults import AxisFaults
from bench.soak.hooks import Hooks
from bench.soak.ledger import Ledger, Posting
from bench.soak.options import Options, options
from bench.soak.person import Person
from bench.soak.processes import Stuck
from bench.soak.storm import Storm
from bench.soak.systems import DocumentSystem
from bench.soak.verify import Evidence, not_offered, verify
from bench.soak.world import World, world

_PROGRESS_SECONDS = 5.0
_MOST_CALMS = 5
"""How many times the time without progress all of the end may take."""


class Soak:
    """One run."""

    def __init__(self, wanted: Options, folder: Path) -> None:
        self._options = wanted
        self._folder = folder
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._corpus = Corpus(wanted)
        self._hooks = Hooks(self._ledger, wanted.seed)
        self._began = time.monotonic()
        self._chance = random.Random(f"{wanted.seed} days")
        self._left = ""
        self._followers: list[asyncio.Task[None]] = []

    async def run(self) -> dict[str, list[str]]:
        """From the start of the processes to the verdict. Raises Stuck when the world cannot be had."""
        async with world(self._options, self._folder, self._hooks.address) as made:
            report.say(f"{time.monotonic() - self._began:6.0f} s  everything runs: {self._folder}")
            callers = {
                agency.cast.name: Caller(agency.addresses, agency.key, f"{self._options.seed} {agency.cast.name}")
                for agency in made.agencies
            }
            systems = [
                DocumentSystem(agency.cast, callers[agency.cast.name], self._ledger, self._options.seed)
                for agency in made.agencies
            ]
            people = [Person(made, one, callers[one.cast.name], self._ledger) for one in made.agencies]
            secrets = {code: secret for one in made.agencies for code, secret in one.hook_secrets.items()}
            await self._hooks.listen(systems, secrets.__getitem__)
            faults = AxisFaults(made.axis_address, made.http, self._options.seed)
            storm = Storm(made, faults, self._hooks, self._ledger, self._options)
            background = [asyncio.create_task(one.run()) for one in systems]
            background += [asyncio.create_task(one.sit()) for one in people]
            background.append(asyncio.create_task(self._tell(storm, faults)))
            try:
                await self._through_the_storm(storm, {one.cast.name: one for one in systems}, background)
                await self._until_calm(made, people, background)
                await self._last_events(systems)
            finally:
                playing = [*background, *self._followers]
                for task in playing:
                    task.cancel()
                await asyncio.gather(*playing, return_exceptions=True)
            found = verify(await self._evidence(made, systems, faults, storm))
            self._print(made, callers, people, storm, faults, found)
            for caller in callers.values():
                await caller.close()
            await self._hooks.close()
            return found

    async def _through_the_storm(
        self, storm: Storm, systems: dict[str, DocumentSystem], background: list["asyncio.Task[None]"]
    ) -> None:
        raging = asyncio.create_task(storm.rage())
        handing = asyncio.create_task(self._hand_over(systems))
        lasting = asyncio.create_task(asyncio.sleep(self._options.storm))
        waiting = {handing, lasting}
        while waiting:
            over, _ = await asyncio.wait({*waiting, raging, *background}, return_when=asyncio.FIRST_COMPLETED)
            if fallen := over - waiting:
                for task in waiting:
                    task.cancel()
                for task in fallen:
                    task.result()
                raise Stuck("a part of the soak ended before its time")
            for task in over:
                task.result()
            waiting -= over
        raging.cancel()
        with suppress(asyncio.CancelledError):
            await raging
        await storm.abate()
        report.say(f"{time.monotonic() - self._began:6.0f} s  the storm is over; everything has to come to its end")

    async def _hand_over(self, systems: dict[str, DocumentSystem]) -> None:
        """All documents, spread over the storm, no more than the window under way at a time; until they are accepted.

        Those that are about another follow when that one has come to its end, be it after the storm.
        """
        waits = sorted(self._chance.uniform(0, self._options.storm * 0.9) for _ in range(self._options.documents))
        bound = self._began + self._options.seconds
        start = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for wait, posting in zip(waits, self._corpus.postings(), strict=True):
                await asyncio.sleep(max(start + wait - time.monotonic(), 0))
                while self._ledger.under_way >= self._options.window and time.monotonic() < bound:
                    await asyncio.sleep(0.1)
                if time.monotonic() > bound:
                    report.say("the time is over: no more documents are handed over")
                    return
                self._ledger.add(posting)
                system = systems[agency_of(posting.sender).name]
                if posting.of is None:
                    tasks.create_task(self._one(posting, system))
                else:
                    self._followers.append(asyncio.create_task(self._follow(posting, posting.of, system, bound)))

    async def _one(self, posting: Posting, system: DocumentSystem) -> None:
        contents = await asyncio.to_thread(self._corpus.contents, posting)
        try:
            await system.hand_over(posting, contents)
        except Unwilling as error:
            self._ledger.fault(str(error))

    async def _follow(self, posting: Posting, about: Posting, system: DocumentSystem, bound: float) -> None:
        while not about.finished:
            if time.monotonic() > bound:
                self._ledger.withdraw(posting)
                return
            await asyncio.sleep(0.2)
        await self._one(posting, system)

    async def _until_calm(self, made: World, people: list[Person], background: list["asyncio.Task[None]"]) -> None:
        """Until nothing is under way anywhere, or nothing more has come of it for long."""
        began = moved = time.monotonic()
        before: tuple[object, ...] = ()
        while True:
            for task in [*background, *self._followers]:
                if task.done():
                    task.result()
            self._left = await self._under_way(made, people)
            if not self._left:
                return
            now = (self._left, *self._ledger.figures())
            if now != before:
                before, moved = now, time.monotonic()
            calm = self._options.calm
            if time.monotonic() > min(moved + calm, began + _MOST_CALMS * calm):
                report.say(f"it did not come to its end: nothing new for {calm:g} s; left: {self._left}")
                return
            await asyncio.sleep(1)

    async def _under_way(self, made: World, people: list[Person]) -> str:
        """What there is still to be done, in words; nothing when all is done."""
        unfinished = sum(not one.finished for one in self._ledger.postings)
        if unfinished:
            return f"{unfinished} documents"
        for agency in made.agencies:
            if left := await asyncio.to_thread(under_way, agency.database_url):
                return f"of agency {agency.cast.name}: {left}"
        desks = [len(await person.desk()) for person in people]
        if any(desks):
            return f"things on desks: {desks}"
        items = (await made.axis_ledger())["items"]
        waiting = sum(one["state"] not in ("done", "fail") for one in items)
        return f"{waiting} items of the axis" if waiting else ""

    async def _last_events(self, systems: list[DocumentSystem]) -> None:
        """The followers of the feed, and who claims notices, have a moment to see its end."""
        for system in systems:
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    while not_offered(system.noticed, await system.every_event()):
                        await asyncio.sleep(0.2)
            if not system.seqs:
                continue
            last = max((one["seq"] for one in await system.every_event()), default=0)
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    while last not in system.seqs:
                        await asyncio.sleep(0.1)

    async def _evidence(self, made: World, systems: list[DocumentSystem], faults: AxisFaults, storm: Storm) -> Evidence:
        by_name = {one.cast.name: one for one in systems}
        shown: dict[int, Json] = {}
        for posting in self._ledger.postings:
            if posting.href is not None:
                answer = await by_name[agency_of(posting.sender).name].caller.get(posting.href)
                shown[posting.number] = answer.json() if answer.status_code == 200 else {}
        rows: dict[str, Books] = {}
        for agency in made.agencies:
            rows[agency.cast.name] = await asyncio.to_thread(books, agency.database_url)
        return Evidence(
            ledger=self._ledger,
            wire=made.wire,
            axis=await made.axis_ledger(),
            books=rows,
            feeds={one.cast.name: await one.every_event() for one in systems},
            shown={number: one for number, one in shown.items() if one},
            systems=by_name,
            hooks=self._hooks,
            garbage=frozenset(faults.garbage),
            deaths=storm.deaths,
        )

    async def _tell(self, storm: Storm, faults: AxisFaults) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            settled = len(self._ledger.decisions)
            line = report.progress(self._ledger, self._began, settled, len(storm.deaths), faults.struck.total())
            report.say(f"{line}, left: {self._left}" if self._left else line)

    def _print(
        self,
        made: World,
        callers: dict[str, Caller],
        people: list[Person],
        storm: Storm,
        faults: AxisFaults,
        found: dict[str, list[str]],
    ) -> None:
        done: Counter[str] = Counter()
        for person in people:
            done += person.done
        trouble: Counter[str] = Counter()
        for caller in callers.values():
            trouble += caller.trouble
        kills = Counter(death.what for death in storm.deaths)
        counters = {
            "faults of the axis": faults.struck,
            "on the line": made.wire.harm,
            "receivers of webhooks": self._hooks.harm,
            "kills": kills,
            "the person": done,
            "what document systems met": trouble,
            "seen": Counter(self._ledger.counts),
        }
        seconds = time.monotonic() - self._began
        lines = [*report.account(self._options, self._ledger, storm.deaths, counters, seconds), ""]
        lines += report.verdict(found)
        report.say("\n".join(["", *lines]))
        everything = [f"{rule}: {one}" for rule, broken in found.items() for one in broken]
        (self._folder / "findings.txt").write_text("\n".join(everything) + "\n")


def main() -> int:
    """Run; 0 when everything came out even."""
    wanted = options()
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=wanted.folder))
    report.say(f"seed {wanted.seed}: {wanted.documents} documents, a storm of {wanted.storm:g} s, {folder}")
    try:
        found = asyncio.run(Soak(wanted, folder).run())
    except (Stuck, BaseExceptionGroup):
        report.complain(traceback.format_exc())
        report.complain(f"the soak could not go on: seed {wanted.seed}; everything is kept in {folder}")
        return 1
    broken = sum(len(one) for one in found.values())
    if broken:
        report.complain(f"BROKEN: {broken} findings, seed {wanted.seed}; everything is kept in {folder}")
        return 1
    report.say(f"\nlost 0, doubled 0, left over 0: all {len(found)} rules hold (seed {wanted.seed})")
    if not wanted.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
