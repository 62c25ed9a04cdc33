# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run by the built interpreter: imports the libraries and holds them against `packages:` of runtime.yml.

Usage: wheels-test.py TREE RUNTIME.YML MODULE...
"""
import importlib
import importlib.metadata
import os
import re
import sys

tree = os.path.realpath(sys.argv[1])
failed = []

os.environ["MPLBACKEND"] = "Agg"
for name in sys.argv[3:]:
    try:
        module = importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name}: {error!r}")
        continue
    if not os.path.realpath(module.__file__).startswith(tree + "/"):
        failed.append(f"{name}: comes from {module.__file__}")

from pip._vendor.packaging.requirements import Requirement  # noqa: E402

with open(sys.argv[2], encoding="utf-8") as f:
    listed = re.search(r"^packages:\n((?: +- .*\n?)*)", f.read(), re.M)[1]
for line in re.findall(r'- "([^"]+)"', listed):
    requirement = Requirement(line)
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        failed.append(f"{line}: not installed")
        continue
    if not requirement.specifier.contains(version):
        failed.append(f"{line}: {version} is installed")

with open("/proc/self/maps") as f:
    for path in {line.split(None, 5)[5].strip() for line in f if ".so" in line}:
        host = re.match(r"(lib(c|m|dl|pthread|rt|util)\.so|ld-linux)", os.path.basename(path))
        if not path.startswith(tree + "/") and not host:
            failed.append(f"library of the host: {path}")

for line in failed:
    print("error:", line)
sys.exit(bool(failed))
