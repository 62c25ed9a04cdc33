# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured: each contender prepares itself once and then makes a command line for each run."""

import itertools
import json
import os
import shlex
import sys

import clock

TOP = "/run/joblet-bench"
SECCOMP_PROFILE = "/usr/share/containers/seccomp.json"


class Contender:
    """name is shown, about tells what the command gets; same: it is what the others are compared with;
    foreign: there are hosts on which it does not run in a container, and then it is left out."""

    def __init__(self, name, about, argv, same=False, foreign=False):
        self.name, self.about, self.make, self.same, self.foreign = name, about, argv, same, foreign

    def argv(self, *command):
        return self.make(list(command) or ["true"])


def make_runtime(name):
    """A runtime of three small files."""
    path = f"/opt/joblet/runtimes/shell/{name}"
    os.makedirs(f"{path}/bin", exist_ok=True)
    os.makedirs(f"{path}/share", exist_ok=True)
    with open(f"{path}/share/hello", "w") as f:
        f.write("hello\n")
    with open(f"{path}/bin/{name}", "w") as f:
        f.write(f"#!/bin/sh\ncat {path}/share/hello\n")
    os.chmod(f"{path}/bin/{name}", 0o755)
    with open(f"{path}/runtime.yml", "w") as f:
        f.write(
            f"name: {name}\nlanguage: shell\nversion: 1.0\ndescription: Made for the benchmark\n"
            "mounts:\n"
            '  - {source: bin, target: /usr/local/bin, readonly: true}\n'
            '  - {source: share, target: /usr/local/share, readonly: true}\n'
            'environment: {PATH: "/usr/local/bin:/usr/bin:/bin"}\n'
        )
    return name


def same_properties():
    """The command line of systemd-run that rnx says is equivalent."""
    argv = shlex.split(clock.output(["rnx", "run", "--dry-run", "true"]))
    end = argv.index("--")
    return lambda command: argv[: end + 1] + command


def make_rootfs(path):
    for directory in ("usr", "proc", "sys", "dev", "run", "tmp", "etc", "work", "var/tmp"):
        os.makedirs(f"{path}/{directory}", exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        if not os.path.lexists(f"{path}/{name}"):
            os.symlink(f"usr/{name}", f"{path}/{name}")
    return path


def seccomp_section():
    """Podman's own filter in the form of OCI, without the rules that depend on capabilities and the machine."""
    with open(SECCOMP_PROFILE) as f:
        profile = json.load(f)
    rules = []
    for rule in profile["syscalls"]:
        if rule.get("includes") or rule.get("excludes"):
            continue
        rules.append({k: rule[k] for k in ("names", "action", "args", "errnoRet") if rule.get(k) not in (None, [])})
    rules.append({"names": ["arch_prctl", "clone", "clone3"], "action": "SCMP_ACT_ALLOW"})
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile.get("defaultErrnoRet", 38), "syscalls": rules}


def crun_maker():
    bundle = f"{TOP}/crun"
    make_rootfs(f"{bundle}/rootfs")
    if not os.path.exists(f"{bundle}/config.json"):
        clock.run(["sh", "-c", f"cd {bundle} && crun spec"])
    with open(f"{bundle}/config.json") as f:
        config = json.load(f)
    config["process"]["terminal"] = False
    config["root"] = {"path": "rootfs", "readonly": True}
    config["mounts"].append({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro", "nosuid", "nodev"]})
    config["mounts"].append({"destination": "/work", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]})
    config["linux"]["seccomp"] = seccomp_section()
    numbers = itertools.count()

    def make(command):
        n = next(numbers)
        directory = f"{bundle}-{n}" if command != ["true"] else bundle
        if directory != bundle:
            os.makedirs(directory, exist_ok=True)
            config["root"]["path"] = f"{bundle}/rootfs"
        config["process"]["args"] = command
        with open(f"{directory}/config.json", "w") as f:
            json.dump(config, f)
        return ["crun", "run", "--bundle", directory, f"bench-{os.getpid()}-{n}"]

    return make


def podman_maker():
    rootfs = make_rootfs(f"{TOP}/podman")
    return lambda command: [
        "podman", f"--root={TOP}/storage", "--storage-driver=vfs", "run", "--rm", "--network=none", "--read-only", "--pids-limit=0", "--volume=/usr:/usr:ro", "--tmpfs=/work", "--rootfs", rootfs, *command,
    ]


BWRAP = (
    "bwrap --unshare-all --die-with-parent --new-session --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/sbin /sbin "
    "--symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp --tmpfs /work --chdir /work --clearenv "
    "--setenv PATH /usr/bin:/bin --cap-drop ALL --"
).split()


def prepare():
    """All of them, in the order of the table."""
    os.makedirs(TOP, exist_ok=True)
    runtime = make_runtime("tiny")
    contenders = [
        Contender("rnx run", "attached, its sandbox, record and journal", lambda c: ["rnx", "run", *c]),
        Contender("rnx run --runtime", "the same in a runtime of three files", lambda c: ["rnx", "run", f"--runtime={runtime}", *c]),
        Contender("rnx run --json", "the same as the first, until the record is final", lambda c: ["rnx", "run", "--json", *c]),
        Contender("systemd-run, same properties", "what rnx run --dry-run prints", same_properties(), same=True),
        Contender("systemd-run", "--wait --pipe, no sandbox", lambda c: ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *c]),
        Contender("podman run", "--network=none --read-only --rootfs, podman's seccomp", podman_maker(), foreign=True),
        Contender("crun run", "pid, net, ipc, uts, mount, cgroup namespaces, podman's seccomp", crun_maker(), foreign=True),
        Contender("bwrap", "--unshare-all (so with user namespace), no seccomp, no cgroup", lambda c: [*BWRAP, *c], foreign=True),
        Contender("bare exec", "nothing", lambda c: c),
    ]
    return [c for c in contenders if not c.foreign or runs(c)]


def runs(contender):
    try:
        clock.run(contender.argv())
        return True
    except clock.Failed as e:
        print(f"==> left out, it does not run here: {e}", file=sys.stderr)
        return False
