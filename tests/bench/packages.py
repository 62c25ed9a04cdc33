# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runtimes: installing one from its package beside unzip, and listing many beside what else lists many things."""

import os
import tempfile
import time

import clock
import contenders

RUNTIMES = "/opt/joblet/runtimes"
PEER = "/opt/joblet/unzipped"  # on the same file system
AWAY = "/opt/joblet/away"
LISTS = {
    "rnx runtime list": "rnx runtime list",
    "systemctl list-unit-files": "systemctl list-unit-files --no-pager",
    "busctl list": "busctl list --no-pager",
    "rnx --version": "rnx --version",  # what the client costs that asks nobody
}


def installers(package):
    """How to get the files of a package onto the disk; the last one leaves it open when they arrive there."""
    return {
        "rnx runtime install": ["rnx", "runtime", "install", package],
        "unzip, sync": ["sh", "-c", f"unzip -q {package} -d {PEER} && sync -f {PEER}"],
        "unzip alone": ["unzip", "-q", package, "-d", PEER],
    }


def put_away():
    """Empty directories and nothing to write: none pays for what another one left. Nothing is deleted until the end, since ext4 avoids
    inodes that were deleted in the last minutes, and takes longer to find others than all the rest takes."""
    os.makedirs(AWAY, exist_ok=True)
    away = tempfile.mkdtemp(dir=AWAY)
    for name in os.listdir(RUNTIMES):
        os.rename(f"{RUNTIMES}/{name}", f"{away}/{name}")
    if os.path.exists(PEER):
        os.rename(PEER, f"{away}/.peer")
    os.makedirs(PEER)
    clock.run(["sync", "-f", PEER])


def install(package, argv):
    """Milliseconds until it is done, from a package in memory to empty directories."""
    put_away()
    clock.run(["cat", package])
    return 1000 * clock.run(argv)


def make_many(count):
    for i in range(count):
        contenders.make_runtime(f"many-{i}")
    clock.run(["rnx", "runtime", "list"])  # once, for their sizes


def list_once(name):
    milliseconds = 1000 * clock.run(LISTS[name].split())
    time.sleep(0.03)
    return milliseconds


def lines(name):
    return len(clock.output(LISTS[name].split()).splitlines())
