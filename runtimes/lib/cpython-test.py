# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run by the built interpreter: imports every module of the standard library and checks where things come from.

Usage: cpython-test.py PREFIX VERSION ["debian"]: the last word if site-packages are where Debian has them.
"""
import importlib
import os
import sys

tree, version = os.path.realpath(sys.argv[1]), sys.argv[2]
# Left out on purpose (README.md), for other systems, or doing things when imported.
absent = {
    "_tkinter", "tkinter", "turtle", "turtledemo", "idlelib", "nis", "_aix_support", "_osx_support", "_scproxy",
    "msilib", "_msi", "msvcrt", "_winapi", "winreg", "winsound", "_overlapped", "_wmi", "nt", "ossaudiodev", "_ios_support", "_android_support",
    "antigravity", "this",
}
failed = []
for name in sorted(sys.stdlib_module_names - absent):
    try:
        module = importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name}: {error!r}")
        continue
    origin = getattr(module, "__file__", None)
    if origin and not os.path.realpath(origin).startswith(tree + "/"):
        failed.append(f"{name}: comes from {origin}")

import ctypes, curses, hashlib, lzma, site, sqlite3, ssl, sysconfig, zoneinfo  # noqa: E401,E402

assert "%d.%d" % sys.version_info[:2] == version, sys.version
assert sys.prefix == sys.base_prefix == sys.exec_prefix == tree, (sys.prefix, sys.exec_prefix)
debian = sys.argv[3:] == ["debian"]
assert debian or site.getsitepackages() == [f"{tree}/lib/python{version}/site-packages"], site.getsitepackages()
assert debian or sysconfig.get_path("purelib") == f"{tree}/lib/python{version}/site-packages", sysconfig.get_path("purelib")
assert ctypes.CDLL(None).getpid() == os.getpid()
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
assert lzma.decompress(lzma.compress(b"x")) == b"x"
assert {"sha256", "sha3_256", "blake2b", "md5", "scrypt"} <= set(dir(hashlib)), "hashlib"
assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED

# Every shared library of this process is either ours or the C library's.
allowed = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "ld-linux")
with open("/proc/self/maps") as f:
    for path in {line.split(None, 5)[5].strip() for line in f if ".so" in line}:
        if not path.startswith(tree + "/") and not os.path.basename(path).startswith(allowed):
            failed.append(f"library of the host: {path}")

# Bytecode is for a tree that never changes: a .pyc that is checked against its source costs every start.
for path, _, names in os.walk(tree):
    for name in names:
        if name.endswith(".pyc"):
            with open(os.path.join(path, name), "rb") as f:
                if f.read(8)[4] != 1:
                    failed.append(f"{path}/{name}: not an unchecked bytecode file")

for line in failed:
    print("error:", line)
sys.exit(bool(failed))
