"""The line protocol between a Rust test and a Python peer that it started.

The test writes one command a line on our standard input, a JSON array of a name and its arguments:
``["call", "sayHello", ["me", "hello"]]``. Each command is answered on standard output by exactly one
line, ``{"reply": name, "value": …}`` or ``{"reply": name, "error": "Type: text"}``. What happens by
itself is told by lines ``{"event": name, …}``. Lines that are not JSON are prints of the programs under
test, passed on unchanged. ``["stop"]`` or the end of the input ends the peer, so none outlives its test.
"""

import json
import sys
import threading
from collections.abc import Callable
from typing import Any


class _WholeLines:
    """A standard output on which the lines of several threads never mix."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._begun = threading.local()

    def write(self, text: str) -> int:
        pending = getattr(self._begun, "text", "") + text
        whole, newline, self._begun.text = pending.rpartition("\n")
        if newline:
            with self._lock:
                self._stream.write(whole + newline)
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Lines go out when they end; there is nothing to do in between."""


class Driver:
    """Answers commands until told to stop."""

    def __init__(self) -> None:
        sys.stdout = _WholeLines(sys.stdout)
        self._commands: dict[str, Callable[..., Any]] = {}

    def command(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Makes a function a command of its own name. A decorator."""
        self._commands[function.__name__] = function
        return function

    def event(self, name: str, **fields: Any) -> None:
        """Tells the test that something happened."""
        self._print({"event": name, **fields})

    def serve(self) -> None:
        """Runs commands in order until ``stop`` or the end of the input."""
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            if name == "stop":
                return
            try:
                self._print({"reply": name, "value": self._commands[name](*arguments)})
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is to see it
                self._print({"reply": name, "error": f"{type(error).__name__}: {error}"})

    @staticmethod
    def _print(message: dict[str, Any]) -> None:
        # Properties may hold objects of iPOPO's own: the test sees their text.
        print(json.dumps(message, default=str))
