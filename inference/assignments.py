"""Who has which batch: credit, slowness, silence, second answers and order, without any socket or clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from inference.member import Member

_SLOW = 4.0
"""A worker that takes so many times as long as the quickest one is slow."""


@dataclass
class _Open:
    holders: set[bytes] = field(default_factory=set)
    given_s: float = 0.0
    times_given: int = 0
    reason: str = ""


class Assignments:
    """Hands batches to workers and closes each batch exactly once; not thread-safe.

    A batch is open -> given -> closed by the first answer. It is given again when a worker that has it is silent for
    `silence_s` or fails on it, and closed without an answer after `attempts` times, because a batch that no worker
    survives must not hold up the run for ever.

    Answers leave in order, so one batch on a bad cable holds up all behind it. A slow worker is therefore given work
    only where the quickest would be as long at what waits, and a batch that is late by `late_s`, and by the pace of a
    worker that has room, is given to that one too; the first answer counts.
    """

    def __init__(self, silence_s: float, attempts: int = 3, late_s: float = 0.5) -> None:
        self._silence_s = silence_s
        self._attempts = attempts
        self._late_s = late_s
        self._members: dict[bytes, Member] = {}
        self._open: dict[int, _Open] = {}
        self._waiting: deque[int] = deque()
        self.given_again = 0
        self.ignored_answers = 0

    @property
    def members(self) -> dict[bytes, Member]:
        """Workers by their routing id."""
        return self._members

    def hear(self, worker: bytes, now_s: float) -> bool:
        """Note that a worker lives; False if it is not a member."""
        member = self._members.get(worker)
        if member is None:
            return False
        member.heard_s = now_s
        return True

    def join(
        self, worker: bytes, name: str, provider: str, credit: int, now_s: float, *, windows: bool = False
    ) -> None:
        """Take in a worker, or what it says anew of itself."""
        member = self._members.setdefault(worker, Member(name, now_s))
        member.name, member.provider, member.credit, member.heard_s = name, provider, credit, now_s
        member.windows = windows

    def leave(self, worker: bytes) -> None:
        """Let a worker go; what it holds is given again."""
        member = self._members.pop(worker, None)
        for batch in sorted(member.holds, reverse=True) if member else ():
            self._take_back(batch, worker)

    def add(self, batch: int) -> None:
        """Take in a batch to be answered."""
        self._open[batch] = _Open()
        self._waiting.append(batch)

    def give(self, now_s: float) -> list[tuple[bytes, int]]:
        """Hand waiting batches to the workers with most credit left, then to who did least; return who gets what.

        Where none waits, late batches go to a second worker.
        """
        given: list[tuple[bytes, int]] = []
        while self._waiting:
            worker = self._chosen(now_s)
            if worker is None:
                return given
            given.append(self._hand(worker, self._waiting.popleft(), now_s))
        for batch, entry in self._open.items():
            second = self._quicker(entry, now_s)
            if second is not None:
                given.append(self._hand(second, batch, now_s))
        return given

    def give_to(self, name: str, batch: int, now_s: float) -> bytes | None:
        """Hand a waiting batch to the worker of a name; None if it has not joined, or has no credit left."""
        worker = next((worker for worker, member in self._members.items() if member.name == name), None)
        if worker is None or self._credit_left(worker) <= 0:
            return None
        self._waiting.remove(batch)
        return self._hand(worker, batch, now_s)[0]

    def answer(self, worker: bytes, batch: int, now_s: float) -> bool:
        """Close a batch with this worker's answer; False if the answer is late or a second one, and to be ignored."""
        if batch not in self._open:
            self.ignore(worker, batch, now_s)
            return False
        self.close(batch)
        member = self._members.get(worker)
        if member is not None:
            member.put_down(batch, now_s)
            member.answered += 1
        return True

    def ignore(self, worker: bytes, batch: int, now_s: float) -> None:
        """Count an answer that nobody needs; it gives its credit back all the same."""
        self.ignored_answers += 1
        member = self._members.get(worker)
        if member is not None:
            member.put_down(batch, now_s)

    def close(self, batch: int) -> None:
        """End a batch; workers that still have it keep their credit in it until they answer."""
        if self._open.pop(batch, None) is not None and batch in self._waiting:
            self._waiting.remove(batch)

    def fail(self, worker: bytes, batch: int, reason: str) -> None:
        """Note that a worker failed on a batch; it is given again."""
        member = self._members.get(worker)
        if member is None or batch not in member.holds:
            return
        del member.holds[batch]
        if batch in self._open:
            self._open[batch].reason = reason
            self._take_back(batch, worker)

    def let_go(self, name: str) -> None:
        """Let go of the workers of a name, which are known to be dead; what they hold is given again."""
        for worker in [worker for worker, member in self._members.items() if member.name == name]:
            self.leave(worker)

    def expire(self, now_s: float) -> dict[bytes, Member]:
        """Let go of workers that hold work and are silent for too long; return them with what they held."""
        silent = {
            worker: member
            for worker, member in self._members.items()
            if now_s - member.heard_s > self._silence_s * (1 if member.holds else 3)
        }
        for worker in silent:
            self.leave(worker)
        return silent

    def given_up(self) -> dict[int, str]:
        """Close batches that were tried too often; return them with the reason."""
        done = {
            batch: self._open[batch].reason or "the workers that had it fell silent"
            for batch in self._waiting
            if self._open[batch].times_given >= self._attempts
        }
        for batch in done:
            del self._open[batch]
        self._waiting = deque(batch for batch in self._waiting if batch not in done)
        return done

    def clear(self) -> None:
        """Forget every batch and every worker's credit and count, as a run begins or ends."""
        self._open.clear()
        self._waiting.clear()
        for member in self._members.values():
            member.holds.clear()
            member.credit = member.answered = 0
            member.pace_s = None

    def _hand(self, worker: bytes, batch: int, now_s: float) -> tuple[bytes, int]:
        entry = self._open[batch]
        entry.holders.add(worker)
        entry.given_s = now_s
        entry.times_given += 1
        self.given_again += entry.times_given > 1
        self._members[worker].holds[batch] = now_s
        return worker, batch

    def _chosen(self, now_s: float) -> bytes | None:
        """Return who gets the next batch that waits."""
        paces = {worker: member.lately_s(now_s) for worker, member in self._members.items() if member.credit > 0}
        known = [pace for pace in paces.values() if pace is not None]
        patience = max(_SLOW, len(self._waiting)) * min(known, default=0.0)
        fit = [
            worker
            for worker, pace in paces.items()
            if self._credit_left(worker) > 0 and (pace is None or pace <= patience)
        ]
        return max(fit, key=self._readiness, default=None)

    def _quicker(self, entry: _Open, now_s: float) -> bytes | None:
        """Return who is to answer a late batch as well; at most two have one at a time."""
        late_s = now_s - entry.given_s
        if len(entry.holders) != 1 or late_s < self._late_s:
            return None
        paces = {
            worker: member.pace_s
            for worker, member in self._members.items()
            if member.pace_s is not None and worker not in entry.holders and self._credit_left(worker) > 0
        }
        quickest = min(paces, key=lambda worker: paces[worker], default=None)
        return quickest if quickest is not None and late_s > _SLOW * paces[quickest] else None

    def _readiness(self, worker: bytes) -> tuple[int, int]:
        # Where there is little to do, nobody is idle so long that it is not known whether it could.
        return self._credit_left(worker), -self._members[worker].answered

    def _credit_left(self, worker: bytes) -> int:
        member = self._members[worker]
        return member.credit - len(member.holds)

    def _take_back(self, batch: int, worker: bytes) -> None:
        entry = self._open.get(batch)
        if entry is None:
            return
        entry.holders.discard(worker)
        if not entry.holders and batch not in self._waiting:
            # First in line: the events behind it wait for it.
            self._waiting.appendleft(batch)
