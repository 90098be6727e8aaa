"""Finished trials, each taken once."""

from typing import Any, List, Optional, Sequence, Tuple

from optuna.trial import FrozenTrial


class Follower:
    """Takes each finished trial of a study once, in whatever order they finish.

    Optuna hands out all trials every time: the same objects, or copies, some of them finished by other processes. A finished
    trial no longer changes, so that only those that were open and those that are new need a look. Where trials were deleted, the last
    one that was seen is elsewhere, and everything is taken again.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._last: Optional[Tuple[Any, ...]] = None
        #: The places of trials that have not finished.
        self.open: List[int] = []

    def follow(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes what has finished since the last time; all of it when `trials` does not continue what was seen."""
        if self._seen > len(trials) or (self._seen and identity(trials[self._seen - 1]) != self._last):
            self.clear()
            self._seen, self.open = 0, []
        still_open = []
        for places in (self.open, range(self._seen, len(trials))):
            for place in places:
                if trials[place].state.is_finished():
                    self.take(trials[place])
                else:
                    still_open.append(place)
        self.open, self._seen = still_open, len(trials)
        self._last = identity(trials[-1]) if trials else None

    def take(self, trial: FrozenTrial) -> None:
        """Takes a trial that has finished."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forgets all trials."""
        raise NotImplementedError


def identity(trial: FrozenTrial) -> Tuple[Any, ...]:
    """What tells a trial from others: storages may use a number again, but not within the same microsecond."""
    return trial._trial_id, trial.number, trial.datetime_start
