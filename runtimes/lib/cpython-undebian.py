# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes back what Debian changed for a Python at /usr that apt owns: this one is a prefix of its own.

Usage: cpython-undebian.py <prefix>/lib/python3.X INTERPRETER. Every text that is to be replaced must be there exactly
once.
"""
import os
import re
import struct
import sys

lib, interpreter = sys.argv[1:]


def edit(path, *changes):
    path = os.path.join(lib, path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for pattern, replacement in changes:
        text, n = re.subn(pattern, lambda match: replacement, text, flags=re.M | re.S)
        if n != 1:
            sys.exit(f"error: {path}: expected one match of {pattern!r}, found {n}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


# site-packages below the own prefix, in a virtual environment or not.
edit(
    "site.py",
    (r"^    is_virtual_environment = [^\n]*\n\n", ""),
    (r"^            if is_virtual_environment:\n.*?# this one is deprecated for Debian\n", ""),
    (r'(?<="python%d\.%d" % sys\.version_info\[:2\],\n)( +)"dist-packages"\)\n +sitepackages\.append\(path\)',
     ' ' * 36 + '"site-packages")\n                sitepackages.append(path)'),
)
edit(
    "sysconfig.py",
    (r"^    if sys\.base_prefix != sys\.prefix or hasattr\(sys, \"real_prefix\"\):\n        # virtual environments\n.*?"
     r"(?=    return \{\n        'prefix': prefix_scheme)", "    prefix_scheme = 'posix_prefix'\n\n"),
)
edit(
    "distutils/sysconfig.py",
    (r"^def is_virtual_environment\(\):\n    return [^\n]*\n", "def is_virtual_environment():\n    return True\n"),
)
# pip for virtual environments comes out of ensurepip/_bundled, as upstream.
edit(
    "ensurepip/__init__.py",
    (r"^def _ensurepip_is_disabled_in_debian_for_system\(\):\n.*?\n\n\n", "\n"),
    (r"^    # Ensure that we are only running this inside of a virtual environment\n    # of some kind\.\n"
     r"    _ensurepip_is_disabled_in_debian_for_system\(\)\n\n", ""),
    (r"^_WHEEL_PKG_DIR = [^\n]*$",
     "_WHEEL_PKG_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), '_bundled')"),
)

# What the build wrote down about its own prefix.
for entry in os.listdir(lib):
    if entry.startswith("_sysconfigdata_") and not os.path.islink(os.path.join(lib, entry)):
        path = os.path.join(lib, entry)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        text = re.sub(r"'/usr(?=[/'])(?!/share/zoneinfo)(?!/local)", "'/usr/local", text)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def thaw(path, module):
    """The interpreter carries some modules frozen, as Debian changed them: make it read this one from the disk.

    _PyImport_FrozenStdlib points to a table of { char *name; ...; } of 32 bytes each; a name that is empty is never
    asked for. Only binaries linked at a fixed address have the pointers in the file.
    """
    with open(path, "rb") as f:
        data = bytearray(f.read())
    (e_type,), (e_phoff, e_shoff) = struct.unpack_from("<H", data, 16), struct.unpack_from("<QQ", data, 32)
    e_phentsize, e_phnum, e_shentsize, e_shnum = struct.unpack_from("<4H", data, 54)
    assert data[:6] == b"\x7fELF\x02\x01" and e_type == 2, "not a fixed-address 64-bit ELF program"
    loads = [struct.unpack_from("<IIQQQQ", data, e_phoff + i * e_phentsize) for i in range(e_phnum)]
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, e_shoff + i * e_shentsize) for i in range(e_shnum)]

    def offset(address):
        return next(o + address - v for t, _, o, v, _, size in loads if t == 1 and v <= address < v + size)

    def string(at):
        return bytes(data[at:data.index(0, at)]).decode()

    symbols = next(s for s in sections if s[1] == 11)
    names = sections[symbols[6]][4]
    table = next(value for name, _, _, _, value, _ in struct.iter_unpack("<IBBHQQ", data[symbols[4]:symbols[4] + symbols[5]])
                 if string(names + name) == "_PyImport_FrozenStdlib")
    entry = offset(*struct.unpack_from("<Q", data, offset(table)))
    while (name := struct.unpack_from("<Q", data, entry)[0]) and string(offset(name)) != module:
        entry += 32
    assert name, f"{module} is not frozen"
    struct.pack_into("<Q", data, entry, name + len(module))
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


thaw(interpreter, "site")
