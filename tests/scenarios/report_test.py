#!/usr/bin/env python3
"""Reports over a generated region, by the command line: table, CSV, JSON and SQLite say the same; both time axes, counted
again here from the events themselves; what is shown is on record, and small numbers are not shown."""

import csv
import io
import json
import shutil
import sqlite3
import subprocess
import tempfile
import unittest
from collections import defaultdict
from pathlib import Path

from harness import BINARIES, ROOT

WHO = ["--stopped", "--official", "tilasto-1", "--purpose", "statistics", "--basis", "laki 552/2019"]
SUPERVISOR = ["--stopped", "--official", "valvoja-1", "--purpose", "supervision", "--basis", "laki 611/2021"]


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="polku-test-"))
        cls.region = cls.directory / "oulu"
        cls.polku("generate", "--profile", ROOT / "deploy/profiles/oulu.textproto", "--clients", 45, "--months", 12,
                  "--seed", 3, "--out", cls.region, "--port", 17600)
        cls.config = cls.region / "hyvinvointi-audit" / "service.textproto"
        cls.events = [json.loads(line) for line in
                      cls.polku("replay", "--config", cls.config, *SUPERVISOR).splitlines()]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @staticmethod
    def run_polku(*arguments):
        return subprocess.run([BINARIES / "polku", *map(str, arguments)], capture_output=True, text=True, timeout=600)

    @classmethod
    def polku(cls, *arguments):
        result = cls.run_polku(*arguments)
        if result.returncode != 0:
            raise AssertionError(f"{arguments}: exit {result.returncode}\n{result.stderr}")
        return result.stdout

    def report(self, name, *more, who=WHO):
        return self.polku("report", name, "--config", self.config, "--until", "2025-12-31", *who, *more)

    def rows(self, name, *more, who=SUPERVISOR):
        """Unsuppressed, by group and key."""
        told = json.loads(self.report(name, "--json", "--no-suppression", *more, who=who))
        return {(row["group"], row["key"]): row for row in told["reports"][0]["rows"]}

    def of_type(self, name):
        return [event for event in self.events if event["type"].endswith("." + name)]

    def test_1_csv_json_and_sqlite_say_the_same(self):
        told = json.loads(self.report("all", "--json"))
        database = self.directory / "all.db"
        self.report("all", "--sqlite", database)
        connection = sqlite3.connect(database)
        csv_rows = defaultdict(list)
        for row in csv.reader(io.StringIO(self.report("all", "--format", "csv")), delimiter=";"):
            if row[0] != "report":
                csv_rows[row[0]].append(row[1:])
        self.assertEqual(len(told["reports"]), 10)
        for report in told["reports"]:
            values = [list(row.values()) for row in report["rows"]]
            self.assertEqual([list(row) for row in connection.execute(f"SELECT * FROM {report['name']}")], values)
            self.assertEqual([[".." if cell is None else str(cell) for cell in row] for row in values],
                             csv_rows[report["name"]])
        self.assertEqual(connection.execute("SELECT count(*) FROM about WHERE small_counts_hidden = 1").fetchone(),
                         (10,))
        connection.close()

    def test_2_small_numbers_are_not_shown(self):
        for report in json.loads(self.report("all", "--json"))["reports"]:
            for row in report["rows"]:
                self.assertNotIn(row["persons"], (1, 2, 3, 4), report["name"])
        refused = self.run_polku("report", "clients", "--config", self.config, "--no-suppression", *WHO)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--purpose", refused.stderr)

    def test_3_as_known_then_and_as_it_was_in_the_world(self):
        for flags, counts in [
            (["--as-of", "2025-08-31"], lambda e: e["recorded_at"] < "2025-08-31T21"),
            (["--valid-on", "2025-08-31"], lambda e: e["event"]["ended_on"] <= "2025-08-31"),
            ([], lambda e: True),
        ]:
            expected = {(e["case"], e["event"]["period_id"]) for e in self.of_type("ServiceEnded")
                        if counts(e) and "2025-01-01" <= e["event"]["ended_on"] <= "2025-12-31"}
            self.assertGreater(len(expected), 3)
            rows = self.rows("outcomes", *flags)
            self.assertEqual(rows["all", "all"]["periods"], len(expected), flags)
        # A day that was corrected later counts as it was known.
        for as_of in ("2025-05-31", "2025-09-30", "2025-12-31"):
            days = {}
            for event in self.events:
                if event["type"].endswith((".DayRecorded", ".DayCorrected")) and event["recorded_at"] < as_of + "T21":
                    days[event["case"], event["event"]["period_id"], event["event"]["date"]] = event["event"]["outcome"]
            attended = sum(outcome == "DAY_OUTCOME_ATTENDED" for outcome in days.values())
            self.assertEqual(self.rows("attendance", "--as-of", as_of)["outcome", "attended"]["days"], attended)

    def test_4_money_is_the_sum_of_its_events(self):
        sums = defaultdict(int)
        for event in self.of_type("AllowanceAccrued"):
            sums[event["event"]["kind"], event["author"]] += int(event["event"]["amount_cents"])
        for event in self.of_type("AllowanceReversed"):
            sums[event["event"]["kind"], event["author"]] -= int(event["event"]["amount_cents"])
        rows = self.rows("money")
        self.assertTrue(sums)
        for (kind, agency), cents in sums.items():
            key = f"{kind.removeprefix('ALLOWANCE_KIND_').lower()} {agency}"
            self.assertEqual(rows["kind_and_payer", key]["net_cents"], cents)

    def test_5_the_read_is_on_record(self):
        self.rows("stock")
        reads = [json.loads(line) for line in self.polku("replay", "--config", self.config, "--type", "AccessRecorded",
                                                         *SUPERVISOR).splitlines()]
        commands = {event["event"]["command"] for event in reads}
        self.assertIn("report stock no-suppression", commands)
        self.assertIn("report all", commands)

    def test_6_a_part_and_what_is_asked_wrongly(self):
        self.assertIn('"rows"', self.report("clients", "--json", "--municipality", "564"))
        for arguments, word in [(["nothing"], "no such report"), (["clients", "--format", "xml"], "table, csv"),
                                (["clients", "--from", "2026-01-01"], "--until"),
                                (["clients", "--valid-on", "31.3.2025"], "2025-03-31")]:
            wrong = self.run_polku("report", *arguments, "--config", self.config, "--until", "2025-12-31", *WHO)
            self.assertEqual(wrong.returncode, 2, arguments)
            self.assertIn(word, wrong.stderr)
        again = self.directory / "again.db"
        again.write_text("")
        there = self.run_polku("report", "clients", "--config", self.config, *WHO, "--sqlite", again)
        self.assertNotEqual(there.returncode, 0)
        self.assertIn("is there already", there.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
