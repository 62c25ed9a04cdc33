# rnx run --runtime=python-3.13 --upload=checksums.py python checksums.py
"""Hashes a lot of data with as many threads as there are processors, and keeps the results in a database."""
import hashlib
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor


def digest(seed: int) -> tuple[int, str]:
    return seed, hashlib.sha256(bytes([seed % 256]) * 10_000_000).hexdigest()


with sqlite3.connect("checksums.db") as db, ThreadPoolExecutor(os.process_cpu_count()) as pool:
    db.execute("create table checksum (seed integer primary key, digest text)")
    db.executemany("insert into checksum values (?, ?)", pool.map(digest, range(32)))
    print(*db.execute("select count(*), min(digest) from checksum").fetchone())
