# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the booted system: measures, prints tables. Contenders take turns, so that the load of the host meets all of them."""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import sys
import time

import clock
import contenders
import packages
import records

PAUSE = 0.03  # seconds after each run, so that what it left behind is tidied up at nobody's expense
PARALLEL = (1, 4, 8)
MEASUREMENTS = ("start", "throughput", "output", "records", "install", "runtimes")
RUNTIMES_MANY = 500
NEED_CONTENDERS = {"start", "throughput", "output", "properties"}
ON_REQUEST = ("properties",)

CGROUPS = "/sys/fs/cgroup"
PARTS = {
    "PID 1": "init.scope",
    "jobletd": "system.slice/joblet.service",
    "bus": "system.slice/dbus-broker.service",
    "bus ": "system.slice/dbus.service",
    "journal": "system.slice/systemd-journald.service",
    "command": "joblet-exec",
}


def progress(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def table(title, heads, rows):
    """The first column to the left, the others to the right, an optional last remark to the left."""
    widths = [max(len(str(row[i])) for row in [heads] + rows) for i in range(len(heads))]
    print(f"\n{title}\n")
    for row in [heads] + rows:
        cells = [str(row[0]).ljust(widths[0])] + [str(c).rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells + [str(c) for c in row[len(heads) :]]).rstrip())
    sys.stdout.flush()


def percentile(values, p):
    return statistics.quantiles(values, n=100, method="inclusive")[p - 1] if len(values) > 1 else values[0]


def by_turns(names, rounds, measure):
    """measure(name), each as often as there are rounds, in a new order each round."""
    order, figures = list(names), {name: [] for name in names}
    shuffle = random.Random(1).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            figures[name].append(measure(name))
    return figures


def cpu_msec(cgroup=""):
    """What a control group has used; without a name the whole system."""
    try:
        with open(f"{CGROUPS}/{cgroup}/cpu.stat") as f:
            return int(f.readline().split()[1]) / 1000
    except FileNotFoundError:
        return 0


def timed(argv):
    """Milliseconds until the end, and of CPU time: of the whole system, and of its parts."""
    before = {part: cpu_msec(cgroup) for part, cgroup in PARTS.items()}
    all_before = cpu_msec()
    seconds = clock.run(argv)
    time.sleep(PAUSE)
    cpu = cpu_msec() - all_before
    return seconds * 1000, cpu, {part: cpu_msec(cgroup) - before[part] for part, cgroup in PARTS.items()}


def show_parts(all_of_them, figures):
    """Who spent the CPU time; the rest is what ran for the job: what sets up the sandbox, the relay, the command."""
    parts = ["PID 1", "jobletd", "bus", "journal", "command"]
    rows = []
    for c in all_of_them:
        def median(part):
            return statistics.median(f[2][part] + (f[2]["bus "] if part == "bus" else 0) for f in figures[c.name])

        rest = statistics.median(f[1] - sum(f[2].values()) for f in figures[c.name])
        rows.append([c.name] + [f"{median(part):.1f}" for part in parts] + [f"{rest:.1f}"])
    table("Where that CPU time went, milliseconds; \"command\" is what was typed, \"others\" sandboxes and what is in them",
          [""] + parts + ["others"], rows)


def measure_start(all_of_them, runs):
    by_name = {c.name: c for c in all_of_them}
    by_turns(by_name, 3, lambda name: timed(by_name[name].argv()))  # warm-up
    figures = by_turns(by_name, runs, lambda name: timed(by_name[name].argv()))
    wall = {name: [f[0] for f in figures[name]] for name in figures}
    cpu = {name: statistics.median(f[1] for f in figures[name]) for name in figures}
    base = next(c.name for c in all_of_them if c.same)
    rows = []
    for c in all_of_them:
        ms = wall[c.name]
        rows.append([c.name, f"{min(ms):.1f}", f"{statistics.median(ms):.1f}", f"{percentile(ms, 90):.1f}",
                     f"{statistics.median(ms) / statistics.median(wall[base]):.2f}",
                     f"{cpu[c.name]:.1f}", f"{cpu[c.name] / cpu[base]:.2f}", c.about])
    table(f"From start to exit of `true`, {runs} runs each, in milliseconds, and what CPU time the whole system spent for it;\n"
          "ratios of medians to those of systemd-run with the same properties",
          ["", "min", "median", "p90", "ratio", "CPU", "ratio"], rows)
    show_parts(all_of_them, figures)
    return figures


def measure_properties(same, runs):
    """What each property costs, by the difference that it makes to leave it out."""
    line = same.argv()
    names = {word.split("=")[1] for word in line if word.startswith("--property=")} - {"Description", "User", "Slice"}
    lines = {f"without {n}": [w for w in line if not w.startswith(f"--property={n}=")] for n in sorted(names)}
    for name in list(lines):
        try:
            clock.run(lines[name])
        except clock.Failed:
            del lines[name]  # nothing runs without it
    lines = {"all": line, **lines}
    figures = by_turns(lines, runs, lambda name: timed(lines[name]))
    median = {name: [statistics.median(f[i] for f in figures[name]) for i in (0, 1)] for name in lines}
    rows = [["all", f"{median['all'][0]:.1f}", f"{median['all'][1]:.1f}"]]
    for name in sorted(list(lines)[1:], key=lambda name: median[name][1]):
        rows.append([name] + [f"{median[name][i] - median['all'][i]:+.1f}" for i in (0, 1)])
    table(f"systemd-run with the same properties but one, medians of {runs}, milliseconds and difference", ["", "start to exit", "CPU"], rows)
    return figures


def wait_until_idle():
    while clock.output("busctl get-property org.joblet /org/joblet org.joblet.Manager1 NJobsRunning".split()).split()[1] != "0":
        time.sleep(0.002)


def measure_throughput(ours, theirs, jobs, blocks):
    def once(key):
        contender, parallel = key
        begin = time.monotonic()
        clock.run_many(contender.argv, jobs, parallel)
        wait_until_idle()  # a job counts when it is recorded, not when rnx ends
        seconds = time.monotonic() - begin
        time.sleep(10 * PAUSE)
        return jobs / seconds

    figures = by_turns([(c, n) for n in PARALLEL for c in (ours, theirs)], blocks, once)
    rows = []
    for n in PARALLEL:
        a, b = statistics.median(figures[ours, n]), statistics.median(figures[theirs, n])
        rows.append([n, f"{a:.1f}", f"{b:.1f}", f"{a / b:.2f}"])
    table(f"Jobs per second with so many submitters at a time, until all are recorded; medians of {blocks} times {jobs} jobs",
          ["submitters", ours.name, theirs.name, "ratio"], rows)
    return {f"{c.name}, {n} submitters": f for (c, n), f in figures.items()}


def measure_output(several, kind, size, runs):
    command = {"zeros": f"head -c {size} /dev/zero", "text": f"yes 'a line of text as the output of a job may have it' | head -c {size}"}[kind]
    command = ["sh", "-c", command]
    by_name = {c.name: c for c in several}
    figures = by_turns(by_name, runs, lambda name: size / clock.drain(by_name[name].argv(*command), size) / 2**20)
    base = statistics.median(figures[next(c.name for c in several if c.same)])
    rows = [[c.name, f"{statistics.median(figures[c.name]):.0f}", f"{statistics.median(figures[c.name]) / base:.2f}"] for c in several]
    table(f"Output of {size >> 20} MiB of {kind} through a pipe, MiB per second, medians of {runs}", ["", "MiB/s", "ratio"], rows)
    return figures


def measure_records(count, runs):
    figures = records.measure(count, runs)
    before, after = figures["without"], figures["with"]
    rows = [
        ["jobs known", before["jobs"], after["jobs"]],
        ["resident memory of jobletd (MiB)", f"{before['rss'] / 1024:.1f}", f"{after['rss'] / 1024:.1f}"],
        ["  of it its own (MiB)", f"{before['private'] / 1024:.1f}", f"{after['private'] / 1024:.1f}"],
        ["start of jobletd (ms)", f"{before['start']:.0f}", f"{after['start']:.0f}"],
    ]
    for key, title in records.COMMANDS.items():
        rows.append([f"{title} (ms)", f"{statistics.median(before[key]):.1f}", f"{statistics.median(after[key]):.1f}"])
    table(f"With many ended jobs, medians of {runs}", ["", "few", "many"], rows)
    return figures


def measure_install(package, rounds):
    commands = packages.installers(package)
    figures = by_turns(commands, rounds, lambda name: packages.install(package, commands[name]))
    packages.put_away()
    median = {name: statistics.median(figures[name]) for name in commands}
    rows = [[name, f"{min(figures[name]):.0f}", f"{median[name]:.0f}", f"{max(figures[name]):.0f}", f"{median[name] / median['unzip, sync']:.2f}"]
            for name in commands]
    table(f"Installing {os.path.basename(package)}, {os.path.getsize(package) >> 20} MiB; {rounds} runs each, milliseconds",
          ["", "min", "median", "max", "ratio"], rows)
    return figures


def measure_runtimes(count, runs):
    packages.make_many(count)
    by_turns(packages.LISTS, 2, packages.list_once)
    figures = by_turns(packages.LISTS, runs, packages.list_once)
    rows = [[name, packages.lines(name), f"{min(figures[name]):.1f}", f"{statistics.median(figures[name]):.1f}", f"{percentile(figures[name], 90):.1f}"]
            for name in packages.LISTS]
    table(f"With {count} runtimes installed, {runs} runs each, milliseconds", ["", "lines", "min", "median", "p90"], rows)
    return figures


def describe_machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    bus = "dbus-broker" if os.path.exists("/usr/bin/dbus-broker") else "dbus-daemon"
    with open("/etc/debian_version") as f:
        debian = f.read().strip()
    return {
        "cpus": os.cpu_count(), "model": model, "kernel": platform.release(), "debian": debian, "bus": bus,
        "systemd": clock.output(["systemctl", "--version"]).splitlines()[0], "load": os.getloadavg()[0],
        "versions": [clock.output([c, "--version"]).splitlines()[0] for c in ("rnx", "crun", "bwrap", "podman")],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--package")
    parser.add_argument("measurements", nargs="*")
    arg = parser.parse_args()
    runs = arg.runs or (10 if arg.quick else 40)
    wanted = arg.measurements or MEASUREMENTS
    for name in wanted:
        if name not in MEASUREMENTS + ON_REQUEST:
            parser.error(f"there is no measurement {name}, only: {' '.join(MEASUREMENTS + ON_REQUEST)}")

    all_of_them = contenders.prepare() if set(wanted) & NEED_CONTENDERS else []
    first, same = (all_of_them[0], next(c for c in all_of_them if c.same)) if all_of_them else (None, None)
    machine = describe_machine()
    result = {"machine": machine}
    print("{cpus} CPUs ({model}), Linux {kernel}, Debian {debian} in a container, {systemd}, {bus}, load {load:.1f}".format(**machine))
    print(", ".join(machine["versions"]))

    if "start" in wanted:
        progress(f"start to exit, {runs} runs of {len(all_of_them)} commands")
        result["start_ms"] = measure_start(all_of_them, runs)
    if "properties" in wanted:
        progress(f"properties, {runs} runs without each")
        result["properties_ms"] = measure_properties(same, runs)
    if "throughput" in wanted:
        progress("throughput")
        result["jobs_per_second"] = measure_throughput(first, same, *((16, 2) if arg.quick else (48, 3)))
    if "output" in wanted:
        progress("output")
        for kind in ("zeros", "text"):
            result[f"mib_per_second of {kind}"] = measure_output([first, same, all_of_them[-1]], kind, *((1 << 28, 2) if arg.quick else (1 << 30, 3)))
    if "records" in wanted:
        progress("records")
        result["records"] = measure_records(10000, runs)
    if "install" in wanted and arg.package:
        progress("install")
        result["install_ms"] = measure_install(arg.package, 3 if arg.quick else 7)
    if "runtimes" in wanted:
        progress("runtimes")
        result["runtimes_ms"] = measure_runtimes(RUNTIMES_MANY, runs)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")

    shutil.rmtree(contenders.TOP, ignore_errors=True)
    if arg.json:
        with open(arg.json, "w") as f:
            json.dump(result, f, indent=1)


try:
    main()
except clock.Failed as e:
    sys.exit(f"benchmark failed: {e}")
