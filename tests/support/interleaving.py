"""Threads whose AWS calls are made in a chosen order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Semaphore, Thread, get_ident


class Interleaving:
    """Makes the AWS calls of several threads one at a time, each call by the worker whose turn it is."""

    def __init__(self, workers: Sequence[Callable[[], None]]) -> None:
        self._works = workers
        self._turns = [Semaphore(0) for _ in workers]
        self._arrived = Semaphore(0)
        self._alive = list(range(len(workers)))
        self._index_of_thread: dict[int, int] = {}
        self.faults: list[BaseException] = []

    def __call__(self, point: str) -> None:
        index = self._index_of_thread.get(get_ident())
        if index is not None and point.startswith("before"):
            self._arrived.release()
            self._turns[index].acquire()

    def _run(self, index: int) -> None:
        self._index_of_thread[get_ident()] = index
        try:
            self._works[index]()
        except BaseException as fault:
            self.faults.append(fault)
            raise
        finally:
            # A later thread, such as one of an upload's, may get the same number.
            del self._index_of_thread[get_ident()]
            self._alive.remove(index)
            self._arrived.release()

    def play(self, turns: Iterable[int]) -> None:
        """Let the worker `turns` names go on to its next call; when they are used up, the first alive."""
        threads = [Thread(target=self._run, args=(index,)) for index in self._alive]
        for thread in threads:
            thread.start()
            self._arrived.acquire()
        remaining = iter(turns)
        while self._alive:
            turn = next(remaining, 0)
            self._turns[self._alive[turn % len(self._alive)]].release()
            self._arrived.acquire()
        for thread in threads:
            thread.join()
        assert not self.faults
