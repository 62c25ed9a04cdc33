#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# soak.py JOBS [--no-memory]: uses Joblet in all the ways that leave something to let go of, then compares what the daemon
# holds with what it held before: descriptors, event sources, memory, processes. Runs as root in a machine; alice and bob
# submit. AddressSanitizer keeps for a while what is freed, its memory is not to be compared.
import collections, concurrent.futures, glob, os, pathlib, subprocess, sys, time

JOBS_PER_ROUND = 8
jobs_wanted = int(sys.argv[1])
failures = collections.Counter()


def run(*command, user=None, expect=0, input=None):
    if user:
        command = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *command)
    home = f"/home/{user}" if user else "/root"
    p = subprocess.run(command, cwd=home, env={"PATH": "/usr/bin:/bin:/usr/sbin", "HOME": home, "SYSTEMD_PAGER": ""}, text=True,
                       input=input, stdin=None if input else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if expect is not None and p.returncode != expect:
        failures[f"exit code {p.returncode} instead of {expect}: {' '.join(command)}: {p.stderr.strip()[-200:]}"] += 1
    return p.stdout.strip()


def daemon():
    return int(run("systemctl", "show", "--value", "-p", "MainPID", "joblet.service"))


def held(pid):
    """What the daemon holds: {kind of descriptor: how many}, event sources in its epolls, resident memory in KiB, children."""
    fds, sources = collections.Counter(), 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            if "eventpoll" in target:
                sources += pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text().count("\ntfd:")
        except OSError:
            continue
        fds[target.split(":")[0] if not target.startswith("/") else target] += 1
    memory = next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return fds, sources, memory, len(children)


def settled(pid):
    """The same, once nothing of what was done is under way any more."""
    end = time.monotonic() + 60
    before = None
    while time.monotonic() < end:
        now = held(pid)
        running = run("busctl", "get-property", "org.joblet", "/org/joblet", "org.joblet.Manager1", "NJobsRunning")
        if running == "t 0" and now[3] == 0 and before and before[:2] == now[:2]:
            return now
        before = now
        time.sleep(0.2)
    sys.exit(f"does not come to rest: {before}")


def detached(user, *arguments):
    return run("rnx", "run", "--detach", *arguments, user=user)


def attached_jobs(user):
    run("rnx", "run", "true", user=user)
    run("rnx", "run", "sh", "-c", "mkdir -p a/b && seq 1000 >a/b/c; seq 1000; exit 3", user=user, expect=3)
    run("rnx", "run", "--upload=.profile", "--download=out", "sh", "-c", "cp .profile out", user=user)
    run("rnx", "run", "--env=A=b", "no-such-program", user=user, expect=127)
    return []


def detached_jobs(user):
    left = detached(user, "sh", "-c", "mkdir -p a/b && seq 1000 >a/b/c; echo said")
    stopped = detached(user, "sh", "-c", "echo ready; touch a; sleep 300")
    late = detached(user, "--timeout=0.3", "sleep", "300")
    follow = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", "rnx", "log", "-f", stopped],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run("rnx", "wait", left, user=user)
    if "said" not in run("rnx", "log", left, user=user):
        failures["a line is missing"] += 1
    run("rnx", "status", left, stopped, user=user)
    run("rnx", "list", user=user)
    run("rnx", "stop", stopped, user=user)
    if follow.wait(30) != 0:
        failures["rnx log -f failed"] += 1
    run("rnx", "wait", late, user=user, expect=None)
    killed = detached(user, "sh", "-c", "kill -KILL $$")
    run("rnx", "wait", killed, user=user, expect=137)
    return [left, stopped, late, killed]


def runtime_comes_and_goes(n):
    source = f"/root/soak/t-soak-{n}"
    os.makedirs(f"{source}/bin", exist_ok=True)
    pathlib.Path(f"{source}/runtime.yml").write_text(f"name: t-soak-{n}\nversion: '1'\nmounts:\n  - source: bin\n    target: /usr/local/bin\n")
    pathlib.Path(f"{source}/bin/tool").write_text("#!/bin/sh\necho soaked\n")
    os.chmod(f"{source}/bin/tool", 0o755)
    run("rnx", "runtime", "pack", source, "-o", f"/root/soak/{n}.zip")
    run("rnx", "runtime", "install", f"/root/soak/{n}.zip")
    if run("rnx", "run", f"--runtime=t-soak-{n}", "tool", user="alice") != "soaked":
        failures["the runtime does not work"] += 1
    for verb in (("list",), ("info", f"t-soak-{n}"), ("verify", f"t-soak-{n}"), ("remove", f"t-soak-{n}")):
        run("rnx", "runtime", *verb)
    run("rnx", "runtime", "install", f"/root/soak/{n}.zip", user="carol", expect=None)  # not allowed
    subprocess.run(["rm", "-r", source, f"/root/soak/{n}.zip"], check=False)


def forget_all():
    ids = [name for name in os.listdir("/var/lib/joblet/jobs") if name.isdigit()]
    for i in range(0, len(ids), 100):
        run("rnx", "delete", *ids[i:i + 100])


def rounds(count):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for n in range(count):
            work = [pool.submit(function, user) for function in (attached_jobs, detached_jobs) for user in ("alice", "bob")][:2 + 2 * (n % 2)]
            if n % 10 == 0:
                work.append(pool.submit(runtime_comes_and_goes, n))
            for w in work:
                w.result()
            if n % 50 == 49:
                forget_all()


os.makedirs("/root/soak", exist_ok=True)
run("systemctl", "start", "joblet.service")
pid = daemon()
rounds(4)  # caches, the first of all kinds
forget_all()
before = settled(pid)
start, first = time.monotonic(), int(open("/run/joblet/last-id").read())
while (done := int(open("/run/joblet/last-id").read()) - first) < jobs_wanted:
    rounds(min(50, (jobs_wanted - done) // JOBS_PER_ROUND + 1))
forget_all()
after = settled(pid)

if daemon() != pid:
    failures["the daemon was started again"] += 1
n_before, n_after = sum(before[0].values()), sum(after[0].values())
print(f"{done} jobs in {time.monotonic() - start:.0f} s: descriptors {n_before} -> {n_after}, event sources {before[1]} -> {after[1]}, "
      f"resident {before[2]} -> {after[2]} KiB")
if n_after > n_before + 2:
    failures[f"descriptors left: {dict(after[0] - before[0])}"] += 1
if after[1] > before[1] + 2:
    failures["event sources left"] += 1
if "--no-memory" not in sys.argv and after[2] > before[2] + 1024 + done // 4:
    failures["memory left"] += 1
for directory in ("/run/joblet/jobs", "/var/lib/joblet/work", "/var/lib/joblet/outcomes"):
    if os.listdir(directory):
        failures[f"files left in {directory}: {os.listdir(directory)[:5]}"] += 1
if leftovers := glob.glob("/opt/joblet/runtimes/.#*"):
    failures[f"left of installations: {leftovers}"] += 1
for failure, times in failures.items():
    print(f"{times} times: {failure}")
sys.exit(bool(failures))
