# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes what pip installed to <tree>/ml-venv a part of the runtime; prints a line per wheel for packages.json.

Usage: wheels-tidy.py TREE VERSION HOME LOCK BUNDLED PRUNE, where HOME is where the tree will live, BUNDLED holds the
wheels of ensurepip and PRUNE is a list of patterns below site-packages that are left out.
"""
import base64
import csv
import email
import glob
import hashlib
import io
import os
import re
import shutil
import sys
import zipfile

tree, version, home, lock, bundled, prune = sys.argv[1:]
venv = os.path.join(tree, "ml-venv")
site = os.path.join(venv, "lib", f"python{version}", "site-packages")


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def licence(metadata):
    """The expression if there is one, else a short text of the field, else what the classifiers say."""
    text = metadata.get("License-Expression") or metadata.get("License") or ""
    if text and "\n" not in text and len(text) <= 80 and text != "UNKNOWN":
        return text
    found = [c.split(" :: ")[-1] for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    return ", ".join(found) or "see its METADATA"


# Scripts name the interpreter beside them, wherever the tree is.
bin_dir = os.path.join(venv, "bin")
for script in sorted(os.listdir(bin_dir)):
    path = os.path.join(bin_dir, script)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if re.match(r"pip[0-9.]*$", script):
        os.unlink(path)
        continue
    if not text.startswith("#!") or "python" not in text.split("# -*-", 1)[0]:
        continue
    body = re.sub(r"\A#![^\n]*\n(?:'''exec' [^\n]*\n' '''\n)?", "", text)
    write(path, f"#!/bin/sh\n'''exec' \"${{0%/*}}/python3\" \"$0\" \"$@\"\n' '''\n{body}", 0o755)

os.symlink(f"../../bin/python{version}", os.path.join(bin_dir, f"python{version}"))
os.symlink(f"python{version}", os.path.join(bin_dir, "python3"))
os.symlink("python3", os.path.join(bin_dir, "python"))
write(os.path.join(venv, "pyvenv.cfg"),
      f"home = {home}/bin\ninclude-system-site-packages = false\nversion = {sys.version.split()[0]}\n")
for name in ("pip", "pip3", f"pip{version}"):
    write(os.path.join(tree, "bin", name), f'#!/bin/sh\nexec "${{0%/*}}/python{version}" -m pip "$@"\n', 0o755)

# Namespace packages need no start-up code: these files would cost every start of the interpreter.
for path in glob.glob(os.path.join(site, "*-nspkg.pth")):
    os.unlink(path)
for pattern in prune.split():
    for path in glob.glob(os.path.join(site, pattern), recursive=True):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)

# RECORD tells what is there.
for record in glob.glob(os.path.join(site, "*.dist-info", "RECORD")):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    with open(record, newline="", encoding="utf-8") as f:
        for path, digest, size in csv.reader(f):
            full = os.path.normpath(os.path.join(site, path))
            if not os.path.exists(full):
                continue
            if path.startswith("../") and digest:
                with open(full, "rb") as script:
                    data = script.read()
                encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                digest, size = f"sha256={encoded}", str(len(data))
            writer.writerow((path, digest, size))
    write(record, out.getvalue())

digests = {}
with open(lock, encoding="utf-8") as f:
    for line in f:
        if match := re.match(r"([^=]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", line):
            digests[match[1]] = match[3]
metadata = {}
for path in glob.glob(os.path.join(site, "*.dist-info", "METADATA")):
    with open(path, encoding="utf-8") as f:
        message = email.message_from_file(f)
    metadata[re.sub(r"[-_.]+", "-", message["Name"]).lower()] = message
for path in glob.glob(os.path.join(bundled, "*.whl")):
    with zipfile.ZipFile(path) as wheel:
        member = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        message = email.message_from_bytes(wheel.read(member))
    metadata.setdefault(re.sub(r"[-_.]+", "-", message["Name"]).lower(), message)
if set(metadata) != set(digests):
    sys.exit(f"error: installed and locked differ: {sorted(set(metadata) ^ set(digests))}")
for name in sorted(digests):
    print("pypi", name, metadata[name]["Version"], licence(metadata[name]), "sha256 " + digests[name], sep="\t")
