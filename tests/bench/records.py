# SPDX-License-Identifier: LGPL-2.1-or-later
"""jobletd with many ended jobs: its memory, its start, and how long it takes to list them."""

import os
import time

import clock

DIRECTORY = "/var/lib/joblet/jobs"
COMMANDS = {"list": "rnx list", "newest": "rnx list --limit=10", "run": "rnx run true"}


def multiply(count):
    """Copies the record of the newest job until there are so many. Of the format this needs to know one line only, the id."""
    ids = sorted(int(name) for name in os.listdir(DIRECTORY) if name.isdigit())
    with open(f"{DIRECTORY}/{ids[-1]}") as f:
        text = f.read()
    line = f"\nID={ids[-1]}\n"
    if line not in text:
        raise clock.Failed(f"the record of job {ids[-1]} has no line {line.strip()}")
    for i in range(ids[-1] + 1, ids[-1] + 1 + count - len(ids)):
        fd = os.open(f"{DIRECTORY}/{i}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, text.replace(line, f"\nID={i}\n").encode())
        os.close(fd)


def restart(between=lambda: None):
    """Milliseconds until jobletd is there again."""
    clock.run(["systemctl", "stop", "joblet.service"])
    between()
    return 1000 * clock.run(["systemctl", "start", "joblet.service"])


def sample(start, runs):
    count = len(clock.output(["rnx", "list", "--no-legend"]).splitlines())
    figures = {"jobs": count, "start": start, **{key: [] for key in COMMANDS}}
    for _ in range(runs):
        for key, command in COMMANDS.items():
            figures[key].append(1000 * clock.run(command.split()))
            time.sleep(0.03)
    pid = clock.output(["systemctl", "show", "-P", "MainPID", "joblet.service"]).strip()
    with open(f"/proc/{pid}/smaps_rollup") as f:
        kib = {line.split(":")[0]: int(line.split()[1]) for line in f if line.endswith("kB\n")}
    figures.update(rss=kib["Rss"], private=kib["Private_Clean"] + kib["Private_Dirty"])
    return figures


def measure(count, runs):
    clock.run(["rnx", "run", "true"])
    few = sample(restart(), runs)
    many = sample(restart(lambda: multiply(count)), runs)
    if many["jobs"] < count:
        raise clock.Failed(f"rnx list shows {many['jobs']} jobs instead of {count}")
    return {"without": few, "with": many}
