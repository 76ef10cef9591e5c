#!/usr/bin/env python3
"""A stand-in for the supervisor of nix-community's nixpkgs-update service, for measurements.

Usage: supervisor.py DATABASE INPUT_DIR SOCKET

It is not that program: it was written anew from what that program does, so that Quoin can be
measured beside something of the same make: one asyncio loop, SQLite with the same tables, indexes
and triggers in its default durability, a row inserted for each line, and a query that groups and
walks the queue in the order of its index, past all rows that were given out, for each job. To
measure beside the original itself, name its file in QUOIN_BENCH_SUPERVISOR.
"""
import asyncio
import ctypes
import hashlib
import os
import re
import sqlite3
import struct
import sys
import time

NAME = re.compile(r"([^./]+)\.([0-9]+)\.txt(\.part)?\Z")
CREATED, MODIFIED, DELETED, MOVED_FROM, MOVED_TO = 0x100, 0x2, 0x200, 0x40, 0x80
HOLD_SECONDS = 12 * 3600

TABLES = """
CREATE TABLE fetchers (fetcher_id integer PRIMARY KEY AUTOINCREMENT, name text NOT NULL UNIQUE)
  STRICT;
CREATE TABLE fetcher_runs (fetcher_id integer NOT NULL REFERENCES fetchers (fetcher_id),
  run_started integer NOT NULL, is_complete integer NOT NULL DEFAULT 0,
  PRIMARY KEY (fetcher_id, run_started)) STRICT;
CREATE INDEX fetcher_run_started_index ON fetcher_runs (run_started, fetcher_id);
CREATE TABLE queue (fetcher_id integer NOT NULL, fetcher_run_started integer NOT NULL,
  attr_path text NOT NULL, payload text NOT NULL, is_dequeued integer NOT NULL DEFAULT 0,
  last_started integer, order_jitter integer,
  PRIMARY KEY (fetcher_run_started, fetcher_id, attr_path),
  FOREIGN KEY (fetcher_id, fetcher_run_started)
    REFERENCES fetcher_runs (fetcher_id, run_started) ON DELETE CASCADE) STRICT;
CREATE INDEX queue_order_index ON queue
  (last_started ASC, order_jitter, attr_path, fetcher_id, fetcher_run_started DESC);
CREATE INDEX queue_attr_path_index ON queue (attr_path ASC);
CREATE TABLE log (attr_path text PRIMARY KEY, started integer NOT NULL, finished integer,
  exit_code integer) STRICT, WITHOUT ROWID;
CREATE TRIGGER queue_insert_started AFTER INSERT ON queue BEGIN
  UPDATE queue SET last_started = started FROM log
  WHERE log.attr_path = NEW.attr_path AND queue.rowid = NEW.rowid; END;
CREATE TRIGGER log_insert_started AFTER INSERT ON log BEGIN
  UPDATE queue SET last_started = NEW.started WHERE attr_path = NEW.attr_path; END;
CREATE TRIGGER log_update_started AFTER UPDATE OF started ON log BEGIN
  UPDATE queue SET last_started = NEW.started WHERE attr_path = NEW.attr_path; END;
"""

NEXT = """
SELECT fetcher_id, attr_path, payload FROM queue LEFT JOIN log USING (attr_path)
GROUP BY last_started, order_jitter, attr_path, fetcher_id
HAVING is_dequeued = 0
  AND (started IS NULL OR finished IS NOT NULL OR started + ? < ?)
  AND (1 OR max(fetcher_run_started))
ORDER BY last_started ASC, order_jitter, attr_path, fetcher_id LIMIT 1
"""


class Queue:
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA foreign_keys = ON")
        if self.db.execute("PRAGMA user_version").fetchone()[0] < 2:
            self.db.executescript("BEGIN;" + TABLES + "PRAGMA user_version = 2; COMMIT;")

    def known(self):
        return {(name, run): done for name, run, done in self.db.execute(
            "SELECT name, run_started, is_complete FROM fetchers JOIN fetcher_runs"
            " USING (fetcher_id)")}

    def put_run(self, name, run, is_complete):
        with self.db:
            self.db.execute("BEGIN")
            self.db.execute("INSERT OR IGNORE INTO fetchers (name) VALUES (?)", (name,))
            self.db.execute(
                "INSERT INTO fetcher_runs VALUES ((SELECT fetcher_id FROM fetchers WHERE name = ?),"
                " ?, ?) ON CONFLICT DO UPDATE SET is_complete = excluded.is_complete",
                (name, run, is_complete))

    def drop_run(self, name, run):
        self.db.execute(
            "DELETE FROM fetcher_runs WHERE run_started = ? AND fetcher_id ="
            " (SELECT fetcher_id FROM fetchers WHERE name = ?)", (run, name))

    def put_lines(self, name, run, lines):
        with self.db:
            self.db.execute("BEGIN")
            self.db.executemany(
                "INSERT INTO queue (fetcher_id, fetcher_run_started, attr_path, payload,"
                " order_jitter) SELECT fetcher_id, ?, ?, ?, ? FROM fetchers WHERE name = ?"
                " ON CONFLICT DO UPDATE SET payload = excluded.payload",
                ((run, key, rest, scramble(key), name) for key, rest in lines))

    def take(self, now):
        with self.db:
            self.db.execute("BEGIN")
            row = self.db.execute(NEXT, (HOLD_SECONDS, now)).fetchone()
            if row is None:
                return None
            self.db.execute(
                "UPDATE queue SET is_dequeued = 1 WHERE fetcher_id = ? AND attr_path = ?", row[:2])
            self.db.execute(
                "INSERT INTO log (attr_path, started) VALUES (?, ?) ON CONFLICT DO UPDATE SET"
                " started = excluded.started, finished = NULL, exit_code = NULL", (row[1], now))
            return row[1:]

    def end(self, key, now, code):
        self.db.execute(
            "UPDATE log SET finished = ?, exit_code = ? WHERE attr_path = ?", (now, code, key))


def scramble(key):
    digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "little", signed=True)


async def serve(queue, path):
    async def worker(reader, writer):
        try:
            while line := await reader.readline():
                now = int(time.time())
                if line.startswith(b"DONE "):
                    words = line.split(b" ")
                    queue.end(words[1].decode(), now, int(words[2]))
                elif line != b"READY\n":
                    print(f"Unexpected command from worker: {line!r}")
                    break
                job = queue.take(now)
                writer.write(f"JOB {job[0]} {job[1]}\n".encode() if job else b"NOJOBS\n")
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_unix_server(worker, path)
    await server.serve_forever()


class Folder:
    def __init__(self, queue, path):
        self.queue, self.path, self.files = queue, path, {}
        libc = ctypes.CDLL(None)
        self.bell = libc.inotify_init1(0x80800)
        watched = CREATED | MODIFIED | DELETED | MOVED_FROM | MOVED_TO
        libc.inotify_add_watch(self.bell, os.fsencode(path), watched)
        known = queue.known()
        for name in os.listdir(path):
            if (key := self.parse(name)) and not known.pop(key[:2], False):
                self.see(name)
        for name, run in known:
            queue.drop_run(name, run)
        asyncio.get_running_loop().add_reader(self.bell, self.rang)

    def parse(self, name):
        found = NAME.match(name)
        return found and (found[1], int(found[2]), not found[3])

    def rang(self):
        data, at = os.read(self.bell, 65536), 0
        while at < len(data):
            _, mask, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + length].rstrip(b"\0").decode()
            at += 16 + length
            if not (key := self.parse(name)):
                continue
            if mask & (CREATED | MODIFIED | MOVED_TO):
                self.see(name)
            elif not (mask & MOVED_FROM and key[:2] in self.files):
                self.files.pop(key[:2], None)
                self.queue.drop_run(*key[:2])

    def see(self, name):
        feed, run, is_complete = self.parse(name)
        if (feed, run) not in self.files:
            self.files[feed, run] = open(os.path.join(self.path, name), encoding="utf-8")
            self.queue.put_run(feed, run, False)
        file, lines = self.files[feed, run], []
        while True:
            place = file.tell()
            line = file.readline()
            if not line.endswith("\n"):
                file.seek(place)
                break
            words = line.strip().split(" ", maxsplit=1)
            if len(words) == 2:
                lines.append(words)
            else:
                print(f"Unexpected line in {name!r}: {line!r}")
        if lines:
            self.queue.put_lines(feed, run, lines)
        if is_complete:
            self.queue.put_run(feed, run, True)


async def main(database, folder, socket):
    os.makedirs(folder, exist_ok=True)
    queue = Queue(database)
    serving = asyncio.create_task(serve(queue, socket))
    await asyncio.sleep(0)
    Folder(queue, folder)
    await serving


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
