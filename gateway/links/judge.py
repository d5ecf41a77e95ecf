"""Whether a wire does as it should, judged over five minutes: noise, answers that come too late, somebody else on it. Pure.

    >>> judge = Judge("BUS 127.0.0.1:4001", timeout_s=0.25, standing={})
    >>> judge.late += 5
    >>> judge.look(at=10.0)
    [('late_answers', 'BUS 127.0.0.1:4001: 5 answers came after the timeout of 250 ms')]

What was found stands for the rest of its five minutes and the next five, and ends when those were clean. Times are seconds
of the event loop.
"""

from __future__ import annotations

JUDGED_S = 300.0                # figures of a wire are judged over this time
NOISY = 0.01                    # share of garbled answers that is reported
FEW = 5                         # of any that are no accident
CAUSES = frozenset({"noisy_bus", "late_answers", "second_master"})


class Judge:
    """See the module. ``asked``, ``garbled``, ``strange``, ``late``: since the last five minutes began.

    ``standing``: what is so now, by its cause, in words; others may keep theirs in it too.
    """

    __slots__ = ("_began_at", "_found", "_timeout_s", "_where", "asked", "garbled", "late", "standing", "strange")

    def __init__(self, where: str, timeout_s: float, standing: dict[str, str]) -> None:
        self._where, self._timeout_s, self.standing = where, timeout_s, standing
        self.asked = self.garbled = self.strange = self.late = 0
        self._found: set[str] = set()           # in these five minutes
        self._began_at = 0.0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look at."""
        return not (self.late or self.garbled or self.strange or self.standing)

    def look(self, at: float) -> list[tuple[str, str]]:
        """What was found that was not yet in these five minutes; what ended is gone from ``standing``."""
        if at - self._began_at >= JUDGED_S:
            over = CAUSES if at - self._began_at >= 2 * JUDGED_S else CAUSES - self._found
            for cause in over:
                self.standing.pop(cause, None)
            if self._found or at - self._began_at < 2 * JUDGED_S:
                self.garbled = self.strange = self.late = 0
            self.asked = 0                      # after a long stretch without trouble what was counted is new
            self._began_at, self._found = at, set()
        news: list[tuple[str, str]] = []
        if self.garbled >= FEW and self.garbled > NOISY * self.asked:
            news.append(("noisy_bus", f"{self.garbled} garbled answers to {self.asked} requests"))
        if self.late >= FEW:
            news.append(("late_answers", f"{self.late} answers came after the timeout of {self._timeout_s * 1000:.0f} ms"))
        if self.strange >= FEW:
            news.append(("second_master", f"{self.strange} frames of units that are not on this link"))
        news = [(fact, f"{self._where}: {words}") for fact, words in news if fact not in self._found]
        self.standing |= dict(news)
        self._found |= {fact for fact, _ in news}
        return news
