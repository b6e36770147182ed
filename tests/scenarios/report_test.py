#!/usr/bin/env python3
"""Reports over a generated region, by the command line: table, CSV, JSON and SQLite say the same; both time axes, counted
again here from the events themselves; what is shown is on record, what is not held is blank, and small numbers are not shown."""

import base64
import calendar
import csv
import io
import json
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import unittest
from collections import Counter, defaultdict
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
        cls.directories = {name: cls.region / name / "service.textproto" for name in
                           ("hyvinvointi-audit", "kela-compensation", "toimintatupa-attendance")}
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

    def report(self, name, *more, who=WHO, at="hyvinvointi-audit"):
        until = [] if "--until" in more else ["--until", "2025-12-31"]
        return self.polku("report", name, "--config", self.directories[at], *until, *who, *more)

    def told(self, name, *more, who=SUPERVISOR, at="hyvinvointi-audit"):
        """Unsuppressed: the report as JSON has it."""
        return json.loads(self.report(name, "--json", "--no-suppression", *more, who=who, at=at))["reports"][0]

    def rows(self, name, *more, who=SUPERVISOR, at="hyvinvointi-audit"):
        """Unsuppressed, by group and key."""
        return {(row["group"], row["key"]): row for row in self.told(name, *more, who=who, at=at)["rows"]}

    def of_type(self, name):
        return [event for event in self.events if event["type"].endswith("." + name)]

    def test_1_csv_json_and_sqlite_say_the_same(self):
        self.all_forms_agree(self.report, WHO)
        # Of a reader that is not given everything, too.
        self.all_forms_agree(lambda *asked, **more: self.report(*asked, at="kela-compensation", **more), WHO)

    def all_forms_agree(self, report_of, who):
        told = json.loads(report_of("all", "--json", "--lang", "sv", who=who))
        database = Path(tempfile.mkdtemp(dir=self.directory)) / "all.db"
        report_of("all", "--sqlite", database, "--lang", "sv", who=who)
        self.assertEqual(stat.S_IMODE(database.stat().st_mode), 0o600)
        connection = sqlite3.connect(database)
        connection.row_factory = sqlite3.Row
        csv_rows, header = defaultdict(list), None
        for line in csv.reader(io.StringIO(report_of("all", "--format", "csv", "--lang", "sv", who=who)), delimiter=";"):
            if line[0] == "report":
                header = line
            else:
                csv_rows[line[0]].append(dict(zip(header, line, strict=True)))
        self.assertEqual(len(told["reports"]), 10)
        hidden_cells = blank_cells = 0
        for report in told["reports"]:
            in_database = list(connection.execute(f"SELECT * FROM {report['name']}"))
            self.assertEqual(len(in_database), len(report["rows"]))
            self.assertEqual(len(csv_rows[report["name"]]), len(report["rows"]))
            for row, stored, line in zip(report["rows"], in_database, csv_rows[report["name"]]):
                self.assertEqual((stored["group_name"], stored["key"]), (row["group"], row["key"]))
                hidden = row.pop("hidden", [])
                self.assertEqual(stored["hidden"].split(), hidden)
                for name in ("group", "key", "group_label", "key_label"):
                    self.assertEqual(line[name], row[name])
                for name in row.keys() - {"group", "key", "group_label", "key_label"}:
                    self.assertEqual(stored[name], row[name], (report["name"], row))
                    if name in hidden:
                        hidden_cells += 1
                        self.assertEqual((line[name], row[name]), ("..", None))
                    elif row[name] is None:
                        blank_cells += 1
                        self.assertEqual(line[name], "")
                    else:
                        self.assertEqual(line[name], str(row[name]))
                self.assertEqual((line["from"], line["until"], line["small_numbers"]),
                                 (told["from"], told["until"], "hidden"))
            self.assertEqual({entry["what"] for entry in connection.execute(
                "SELECT what FROM not_held WHERE report = ?", (report["name"],))},
                {gap["what"] for gap in report["not_held"]})
        self.assertGreater(hidden_cells, 20)
        self.assertGreater(blank_cells, 5)
        about = connection.execute("SELECT count(*) FROM about WHERE small_numbers_hidden = 1 AND until_day = '2025-12-31'")
        self.assertEqual(about.fetchone()[0], 10)
        connection.close()

    def test_2_small_numbers_are_not_shown(self):
        for report in json.loads(self.report("all", "--json"))["reports"]:
            for row in report["rows"]:
                for name, value in row.items():
                    # Days from step to step are nobody's number; sums of money are of five at least where persons are.
                    if isinstance(value, int) and not name.endswith(("_cents", "median_days", "within_days")):
                        self.assertNotIn(value, (1, 2, 3, 4), (report["name"], name))
        refused = self.run_polku("report", "clients", "--config", self.config, "--no-suppression", *WHO)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--purpose", refused.stderr)

    def test_3_as_known_then_and_as_it_was_in_the_world(self):
        for flags, until, counts in [
            (["--as-of", "2025-08-31"], "2025-08-31", lambda e: e["recorded_at"] < "2025-08-31T21"),
            (["--valid-on", "2025-08-31"], "2025-08-31", lambda e: e["event"]["ended_on"] <= "2025-08-31"),
            ([], "2025-12-31", lambda e: True),
        ]:
            expected = {(e["case"], e["event"]["period_id"]) for e in self.of_type("ServiceEnded")
                        if counts(e) and "2025-01-01" <= e["event"]["ended_on"] <= until}
            self.assertGreater(len(expected), 3)
            rows = self.rows("outcomes", *flags, "--from", "2025-01-01", "--until", until)
            self.assertEqual(rows["all", "all"]["periods"], len(expected), flags)
        # A day that was corrected later counts as it was known.
        for as_of in ("2025-05-31", "2025-09-30", "2025-12-31"):
            days = {}
            for event in self.events:
                if event["type"].endswith((".DayRecorded", ".DayCorrected")) and event["recorded_at"] < as_of + "T21":
                    days[event["case"], event["event"]["period_id"], event["event"]["date"]] = event["event"]["outcome"]
            attended = sum(outcome == "DAY_OUTCOME_ATTENDED" for outcome in days.values())
            rows = self.rows("attendance", "--as-of", as_of, "--from", "2025-01-01", "--until", as_of)
            self.assertEqual(rows["outcome", "attended"]["days"], attended)
        # Who somebody is holds on every day, whenever it was recorded.
        ages = self.rows("clients", "--valid-on", "2025-01-31", "--until", "2025-01-31")
        self.assertNotIn(("age", "not_known"), ages)
        self.assertGreater(ages["all", "all"]["persons"], 3)

    def test_4_money_is_the_sum_of_its_events(self):
        sums, given = defaultdict(Counter), {}
        for event in self.events:
            kind, body = event["type"].rsplit(".", 1)[1], event.get("event", {})
            if kind == "AllowanceAccrued":
                given[event["id"]] = (body["kind"].removeprefix("ALLOWANCE_KIND_").lower(), event["author"],
                                      int(body["amount_cents"]))
            elif kind == "TravelGranted":
                given[event["id"]] = ("travel", event["author"], int(body.get("amount_cents", 0)))
            elif kind == "PerkGiven":
                given[event["id"]] = (body["kind"].removeprefix("PERK_KIND_").lower(), event["author"], 0)
            else:
                reference = body.get("reversed_event_id") or body.get("given_event_id")
                if kind not in ("AllowanceReversed", "TravelReversed", "PerkWithdrawn"):
                    continue
                what = given[self.uuid(reference)]
                sums[what[:2]]["reversed_cents" if what[2] else "back_in_kind"] += what[2] or 1
                continue
            what = given[event["id"]]
            sums[what[:2]]["accrued_cents" if what[2] else "in_kind"] += what[2] or 1
        rows = self.rows("money", "--from", "2024-01-01")
        found = {key for key in rows if key[0] in ("kind_and_payer", "in_kind")}
        for (kind, agency), expected in sums.items():
            if expected["accrued_cents"]:
                row = rows["kind_and_payer", f"{kind} {agency}"]
                found.discard((row["group"], row["key"]))
                self.assertEqual(row["accrued_cents"], expected["accrued_cents"])
                self.assertEqual(row["reversed_cents"], expected["reversed_cents"])
                self.assertEqual(row["net_cents"], expected["accrued_cents"] - expected["reversed_cents"])
                self.assertIsNone(row["given_in_kind"])
            if expected["in_kind"] > expected["back_in_kind"]:
                row = rows["in_kind", f"{kind} {agency}"]
                found.discard((row["group"], row["key"]))
                self.assertEqual(row["given_in_kind"], expected["in_kind"] - expected["back_in_kind"])
                self.assertIsNone(row["net_cents"])
        self.assertEqual(found, set())
        self.assertGreater(len(sums), 3)
        self.assertEqual(rows["all", "all"]["net_cents"],
                         sum(e["accrued_cents"] - e["reversed_cents"] for e in sums.values()))
        paid = Counter()
        for event in self.of_type("PaymentPaid"):
            paid[event["author"]] += int(event["event"]["total_cents"])
        self.assertEqual({agency: rows["paid", agency]["accrued_cents"] for agency in paid}, dict(paid))

    @staticmethod
    def uuid(encoded):
        text = base64.b64decode(encoded).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def periods(self):
        """By case and period: first and last day, and the end that holds."""
        periods = {}
        for event in self.events:
            kind, body = event["type"].rsplit(".", 1)[1], event.get("event", {})
            key = event.get("case"), body.get("period_id")
            if kind == "ServiceStarted":
                periods[key] = {"from": body["starts_on"], "until": body["ends_on"], "end": None}
            elif kind == "ServiceExtended" and key in periods:
                periods[key]["until"] = body["ends_on"]
            elif kind == "ServiceEnded" and key in periods:
                periods[key]["end"] = body
                periods[key]["until"] = body["ended_on"]
        return periods

    def test_4b_where_clients_went_counted_from_the_events(self):
        asked = {}
        for event in self.of_type("FollowUpRecorded"):
            body = event["event"]
            key = event["case"], body["period_id"], body["months"]
            if body.get("reached") or not asked.get(key, {}).get("reached"):
                asked[key] = body
        expected = defaultdict(list)
        for (case, period), facts in self.periods().items():
            end = facts["end"]
            if end is None or not "2025-01-01" <= end["ended_on"] <= "2025-12-31":
                continue
            expected["at_end", self.code(end)].append(case)
            expected["all", "all"].append(case)
            for months in (3, 6):
                told = asked.get((case, period, months))
                key = ("not_due_yet" if told is None and self.plus(end["ended_on"], months) > "2025-12-31" else
                       "not_asked" if told is None else self.code(told) if told.get("reached") else "not_reached")
                expected[f"after_{months}_months", key].append(case)
        rows = self.rows("outcomes")
        self.assertEqual({key: (row["persons"], row["periods"]) for key, row in rows.items()},
                         {key: (len(set(cases)), len(cases)) for key, cases in expected.items()})
        self.assertGreater(len({key for group, key in rows if group == "after_3_months"}), 5)

    @staticmethod
    def code(body):
        return body["exit_code"].removeprefix("EXIT_CODE_").lower()

    @staticmethod
    def plus(day, months):
        year, month, number = map(int, day.split("-"))
        year, month = year + (month - 1 + months) // 12, (month - 1 + months) % 12 + 1
        return f"{year:04}-{month:02}-{min(number, calendar.monthrange(year, month)[1]):02}"

    def test_4c_the_stock_of_each_month_counted_from_the_events(self):
        rows = self.rows("stock")
        self.assertEqual(len(rows), 12)
        for month in range(1, 13):
            last = f"2025-{month:02}-{calendar.monthrange(2025, month)[1]:02}"
            there = {case for (case, _), facts in self.periods().items() if facts["from"] <= last <= facts["until"]}
            self.assertEqual(rows["month_end", last]["persons"], len(there), last)

    def test_4d_what_a_reader_does_not_hold_is_blank_and_named(self):
        outcomes = self.told("outcomes", at="kela-compensation")
        rows = {(row["group"], row["key"]): row for row in outcomes["rows"]}
        for group in ("after_3_months", "after_6_months"):
            self.assertEqual([key for key in rows if key[0] == group], [(group, "not_held")])
            self.assertIsNone(rows[group, "not_held"]["persons"])
        # Of those who live on social assistance alone Kela is told nothing.
        told = self.polku("replay", "--config", self.directories["kela-compensation"], "--type", "ServiceEnded", *SUPERVISOR)
        ended = {(event["case"], event["event"]["period_id"]) for event in map(json.loads, told.splitlines())
                 if event["event"]["ended_on"] <= "2025-12-31"}
        self.assertEqual(rows["all", "all"]["periods"], len(ended))
        self.assertLess(len(ended), self.rows("outcomes")["all", "all"]["periods"])
        self.assertEqual({gap["what"]: gap["whole"] for gap in outcomes["not_held"]}["follow_ups"], True)
        for row in self.told("feedback", at="kela-compensation")["rows"]:
            self.assertIsNone(row["with_final_evaluation"])
            self.assertIsNone(row["satisfaction_sum"])
        for name in ("handovers", "overdue", "plans"):
            for row in self.told(name, at="kela-compensation")["rows"]:
                self.assertIsNone(row["persons"], name)
        money = self.told("money", at="kela-compensation")
        self.assertIn({"what": "travel", "whole": True}, [{k: gap[k] for k in ("what", "whole")} for gap in money["not_held"]])
        self.assertEqual([gap["agencies"] for gap in money["not_held"] if gap["what"] == "allowances"],
                         [["FI/MUN/9999991-7/hyvinvointi"]])
        for row in self.told("money", at="toimintatupa-attendance")["rows"]:
            self.assertEqual((row["key"], row["persons"], row["net_cents"]), ("not_held", None, None))
        # Who is given everything misses nothing.
        for report in json.loads(self.report("all", "--json"))["reports"]:
            self.assertEqual(report["not_held"], [], report["name"])
        text = self.report("outcomes", "--lang", "fi", at="kela-compensation")
        self.assertIn("Ei tiedossa täällä: seuranta 3 ja 6 kk:n kuluttua", text)

    def test_4e_people_read_their_own_language_and_the_question(self):
        texts = {}
        for language, day, money in (("fi", "1.1.2025", ","), ("sv", "1.1.2025", ","), ("en", "2025-01-01", ".")):
            text = texts[language] = self.report("all", "--lang", language, "--as-of", "2025-12-31", "--valid-on",
                                                 "2025-12-31", "--municipality", "564")
            self.assertIn(day, text)
            self.assertIn("564", text)
            self.assertRegex(text, rf"\d\{money}00\b")
            told = json.loads(self.report("all", "--json", "--lang", language))
            for report in told["reports"]:
                for row in report["rows"]:
                    for label in ("group_label", "key_label"):
                        self.assertNotIn("_", row[label], (language, row))
        self.assertIn("pienet luvut piilotettu", texts["fi"])
        self.assertIn("små tal dolda", texts["sv"])
        self.assertIn("small numbers hidden", texts["en"])
        for word in ("persons", "median", "provider", "nine of ten", "attended", "total", "period"):
            self.assertNotIn(word, texts["fi"].replace("mediaani", ""), word)
        lists = {language: self.polku("report", "list", "--lang", language) for language in ("fi", "sv", "en")}
        self.assertEqual(len(set(lists.values())), 3)

    def test_5_the_read_is_on_record(self):
        self.rows("stock")
        reads = [json.loads(line) for line in self.polku("replay", "--config", self.config, "--type", "AccessRecorded",
                                                         *SUPERVISOR).splitlines()]
        commands = {event["event"]["command"] for event in reads}
        self.assertIn("report stock no-suppression", commands)
        self.assertIn("report all", commands)

    def test_6_a_part_and_what_is_asked_wrongly(self):
        self.assertIn('"rows"', self.report("clients", "--json", "--municipality", "564"))
        for arguments, words in [
            (["nothing"], ["no such report"]), (["clients", "--format", "xml"], ["table, csv"]),
            (["clients", "--from", "2026-01-01", "--until", "2025-12-31"], ["--from", "--until"]),
            (["clients", "--valid-on", "31.3.2025"], ["2025-03-31"]),
            # What cannot be known yet is not stated.
            (["stock", "--as-of", "2025-06-30", "--until", "2025-12-31"], ["--as-of", "--until 2025-06-30"]),
            (["outcomes", "--valid-on", "2025-06-30", "--until", "2025-12-31"], ["--valid-on", "--until 2025-06-30"]),
            (["overdue", "--until", "2999-12-31"], ["today"]),
            (["stock", "--as-of", "2025-06-30", "--from", "2025-07-01"], ["--from"]),
            (["clients", "--municipality", "999"], ["999", "564"]),
            (["clients", "--municipality", "Oulu"], ["three digits"]),
            (["clients", "--official", "a b"], ["--official"]),
        ]:
            who = WHO if "--official" not in arguments else [*WHO[:1], *WHO[3:]]
            wrong = self.run_polku("report", *arguments, "--config", self.config, *who)
            self.assertEqual(wrong.returncode, 2, (arguments, wrong.stderr))
            for word in words:
                self.assertIn(word, wrong.stderr)
            self.assertEqual(wrong.stdout, "")
        again = self.directory / "again.db"
        again.write_text("")
        for path, word in [(again, "is there already"), (self.directory / "nowhere" / "new.db", "is no directory")]:
            there = self.run_polku("report", "clients", "--config", self.config, *WHO, "--sqlite", path)
            self.assertEqual(there.returncode, 3)
            self.assertIn(word, there.stderr)
        self.assertEqual(again.read_text(), "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
