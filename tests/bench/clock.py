# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands, timed by the monotonic clock from the fork to the exit."""

import os
import tempfile
import threading
import time


class Failed(Exception):
    pass


def run(argv, stdout=None):
    """Runs a command with nothing to read, returns its seconds. Whatever does not end with 0 is an error."""
    with tempfile.TemporaryFile() as stderr, open(os.devnull, "r+b") as null:
        actions = [
            (os.POSIX_SPAWN_DUP2, null.fileno(), 0),
            (os.POSIX_SPAWN_DUP2, null.fileno() if stdout is None else stdout, 1),
            (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2),
        ]
        begin = time.monotonic()
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        seconds = time.monotonic() - begin
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            stderr.seek(0)
            text = stderr.read().decode(errors="replace").strip()
            raise Failed(f"{' '.join(argv)[:300]}\n  ended with {code}: {text or 'it said nothing'}")
        return seconds


def output(argv):
    """What a command prints."""
    with tempfile.TemporaryFile() as stdout:
        run(argv, stdout.fileno())
        stdout.seek(0)
        return stdout.read().decode()


def run_many(make_argv, count, submitters):
    """Runs count commands, so many at a time; returns the seconds until the last has ended."""
    lock = threading.Lock()
    todo = [make_argv() for _ in range(count)]
    failures = []

    def submit():
        while True:
            with lock:
                if failures or not todo:
                    return
                argv = todo.pop()
            try:
                run(argv)
            except (Failed, OSError) as e:
                failures.append(e)

    threads = [threading.Thread(target=submit) for _ in range(submitters)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begin
    if failures:
        raise failures[0]
    return seconds


def drain(argv, size):
    """Runs a command that prints size bytes and reads them all; returns its seconds."""
    reader, writer = os.pipe()
    got = 0

    def read():
        nonlocal got
        buffer = bytearray(1 << 20)
        while n := os.readv(reader, [buffer]):
            got += n

    thread = threading.Thread(target=read)
    begin = time.monotonic()
    thread.start()
    try:
        run(argv, writer)
    finally:
        os.close(writer)
        thread.join()
        seconds = time.monotonic() - begin
        os.close(reader)
    if got != size:
        raise Failed(f"{' '.join(argv)[:300]}\n  printed {got} bytes instead of {size}")
    return seconds
