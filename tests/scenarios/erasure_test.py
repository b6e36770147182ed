#!/usr/bin/env python3
"""Erasure through real processes: two officials, every receiver, the raw bytes on every disk, kills in the middle,
old copies put back, a receiver that was away, and what a law of the receiver's own keeps until its day."""

import datetime
import json
import shutil
import time

import harness
from erasure_case import ATTENDANCE, AUDITOR, BACKUP_DAYS, BASIS, KELA, REFERRAL, ErasureCase
from harness import cluster, demo


class ErasureTest(ErasureCase):
    # ---- Tests ----

    def test_1_the_dry_run_says_what_would_go_and_who_keeps_what(self):
        case = self.cases["T01"]
        size = self.cluster.status(ATTENDANCE)["size"]
        plan = json.loads(self.cluster.polku("erase", "--dry-run", "--config",
                                             self.cluster.config(ATTENDANCE), "--case", case, "--tier",
                                             "entries", "--json"))
        self.assertGreater(plan["entries"], 5)
        self.assertGreater(plan["sections"], plan["entries"] // 2)
        # By the clock, as status has it: an Erased is recorded when it is done, whatever the business date.
        days = (datetime.date.fromisoformat(plan["final_on"]) - datetime.date.today()).days
        self.assertIn(days, (BACKUP_DAYS, BACKUP_DAYS + 1))
        self.assertIs(plan["closed"], False)
        receivers = {one["agency"]: one for one in plan["receivers"]}
        self.assertIn(cluster.WELLBEING, receivers)
        self.assertIsNotNone(receivers[cluster.KELA]["retained_until"])
        self.assertIn("1336/1997", receivers[cluster.KELA]["legal_basis"])
        self.assertIsNone(receivers[cluster.WELLBEING]["retained_until"])
        self.assertEqual(self.cluster.status(ATTENDANCE)["size"], size, "nothing is recorded")
        nobody = self.cluster.run("erase", "--dry-run", "--config", self.cluster.config(ATTENDANCE),
                                  "--case", "00" * 15 + "01")
        self.assert_fails(nobody, 3, "holds nothing")
        of_nothing = self.cluster.run("erase", "--as", self.official(ATTENDANCE, 1), "--case",
                                      "00" * 15 + "01", "--basis", BASIS)
        self.assert_fails(of_nothing, 1, "nothing_to_erase")
        no_rule = self.cluster.run("erase", "--as", self.official(ATTENDANCE, 1), "--case", case,
                                   "--basis", BASIS, "--rule", "muu:1")
        self.assert_fails(no_rule, 1, "unknown_rule")
        not_due = self.cluster.run("erase", "--as", self.official(ATTENDANCE, 1), "--case", case,
                                   "--basis", BASIS, "--rule", "social_care_records:1", "--config",
                                   self.cluster.config(ATTENDANCE))
        self.assert_fails(not_due, 1, "rule_not_due")
        self.assertEqual(self.cluster.status(ATTENDANCE)["size"], size, "nothing is recorded")

    def test_2_two_officials_erase_and_every_receiver_answers_and_no_disk_has_the_bytes(self):
        case, origin = self.cases["T01"], self.cluster.origin(ATTENDANCE)
        held = {name: self.values(name, case, origin) for name in cluster.INSTANCES}
        goes = {name: [v for v in held[name] if v[0] != "leaf"] for name in held}
        for name in (ATTENDANCE, REFERRAL, KELA):
            self.assertTrue(goes[name], name)
            self.assertEqual(len(self.on_disk(name, goes[name])), len(goes[name]),
                             "the search finds what is there")
        request = self.request(ATTENDANCE, case)
        refused = self.confirm(ATTENDANCE, case, request, number=1)
        self.assertEqual(refused.returncode, 1, refused.stdout + refused.stderr)
        self.assertEqual(json.loads(refused.stdout)["refusal"]["code"], "same_official")
        self.assertEqual(self.erasure(ATTENDANCE, case), [])
        def requests():
            shown = self.cluster.run("erasure", "status", "--config", self.cluster.config(ATTENDANCE),
                                     "--json")
            return json.loads(shown.stdout)["requests"]
        [asked] = requests()
        self.assertEqual((asked["erasure"], asked["case"], asked["tier"], asked["legal_basis"],
                          asked["requested_by"]),
                         (request, case, "sections", BASIS, "toimintatupa-tietosuoja-1"))
        confirmed = self.cluster.run("erase", "confirm", request, "--as", self.official(ATTENDANCE, 2),
                                     "--case", case, "--config", self.cluster.config(ATTENDANCE))
        self.assertEqual(confirmed.returncode, 0, confirmed.stdout + confirmed.stderr)
        for part in (case, BASIS, "toimintatupa-tietosuoja-1", "sections", "is not closed"):
            self.assertIn(part, confirmed.stderr)
        self.assertEqual(requests(), [])
        [erasure] = self.complete(ATTENDANCE, case)
        self.assertEqual(erasure["legal_basis"], BASIS)
        self.assertEqual({erasure["requested_by"], erasure["confirmed_by"]},
                         {"toimintatupa-tietosuoja-1", "toimintatupa-tietosuoja-2"})
        by_origin = {row["origin"]: row for row in erasure["receivers"]}
        for name in cluster.INSTANCES:
            if name == ATTENDANCE:
                continue
            row = by_origin[self.cluster.origin(name)]
            self.assertEqual(row["outcome"], "retained" if name == KELA else "erased", row)
        self.assertIn("1336/1997", by_origin[self.cluster.origin(KELA)]["legal_basis"])
        for name in cluster.INSTANCES:
            if name != KELA:
                self.assertEqual(self.on_disk(name, goes[name]), [], name)
        kept = self.values(KELA, case, origin)
        self.assertTrue([v for v in kept if v[0] == "blob"], "Kela keeps the days it paid on")
        # The case takes no more there, and is read on elsewhere.
        self.cluster.settle()
        for name in cluster.INSTANCES:
            self.assertEqual(self.problems(name)[1], [], name)
        text = self.cluster.polku("erasure", "status", "--config", self.cluster.config(ATTENDANCE))
        self.assertIn("keeps a part", text)
        self.assertIn("gone from this service's disks", text)

    def test_3_a_hole_that_no_erasure_explains_is_found(self):
        self.cluster.stop(REFERRAL)
        home = self.cluster.directory / REFERRAL
        case = self.cases["T05"]
        position = max(p for what, p, _ in self.values(REFERRAL, case, self.cluster.origin(REFERRAL))
                       if what == "blob")
        whole = self.directory / "whole"
        shutil.copytree(home / "data", whole)

        def put_back():
            shutil.rmtree(home / "data")
            shutil.move(whole, home / "data")
        self.addCleanup(put_back)
        self.tool("hole", home / "data", self.cluster.origin(REFERRAL), position)
        code, problems = self.problems(REFERRAL)
        self.assertEqual(code, 5)
        self.assertIn(("missing-section", position),
                      [(p["kind"], p["position"]) for p in problems])

    def test_4_killed_in_the_middle_origin_and_receivers_finish_and_leaves_are_gone_too(self):
        for number, case in enumerate((self.cases["T02"], self.cases["T03"])):
            origin = self.cluster.origin(REFERRAL)
            held = {name: self.values(name, case, origin) for name in cluster.INSTANCES}
            self.assertTrue([v for v in held[REFERRAL] if v[0] == "leaf"])
            self.assertTrue(held[AUDITOR], "a mirror holds all of it")
            request = self.request(REFERRAL, case, tier="entries")
            confirmed = self.confirm(REFERRAL, case, request)
            self.assertEqual(confirmed.returncode, 0, confirmed.stdout + confirmed.stderr)
            for pause in (0.0, 0.02, 0.1, 0.3):
                time.sleep(pause)
                self.cluster.stop(kill=True)
                self.cluster.start_missing()
            self.complete(REFERRAL, case)
            [erasure] = self.erasure(REFERRAL, case)
            self.assertGreater(erasure["entries"], 5)
            self.cluster.settle()
            for name in cluster.INSTANCES:
                self.assertEqual(self.on_disk(name, held[name]), [], name)
                self.assertEqual(self.problems(name)[1], [], name)
            refused = self.cluster.run(
                "publish", "--as", self.cluster.client("oulu", REFERRAL), "--json", "-",
                stdin=json.dumps({"official": "oma-1", "case": case,
                                  "type": "polku.referral.v1.NeedIdentified",
                                  "event": {"identified_on": "2025-01-07",
                                            "source": "NEED_SOURCE_CLIENT",
                                            "municipality_code": "564"}}))
            self.assertEqual(refused.returncode, 1)
            self.assertEqual(json.loads(refused.stdout)["refusal"]["code"], "case_erased")

    def test_5_old_copies_bring_nothing_back(self):
        case, origin = self.cases["T04"], self.cluster.origin(REFERRAL)
        names = (REFERRAL, "hyvinvointi-assessment")
        # A keystore from before a key was made lacks it, and is no good; these backups have all that is needed.
        withdrawn = self.request(REFERRAL, case)
        self.cluster.polku("erase", "cancel", withdrawn, "--as", self.official(REFERRAL, 2), "--case", case)
        self.cluster.polku("case", case, "--config", self.cluster.config(names[1]))
        self.cluster.settle()
        held = {name: self.values(name, case, origin) for name in names}
        self.cluster.stop(*names)
        backup = self.directory / "backup"
        for name in names:
            for store in ("data", "keystore"):
                shutil.copytree(self.cluster.directory / name / store, backup / name / store)
        self.cluster.start_missing()
        self.erase(REFERRAL, case, tier="entries")
        self.complete(REFERRAL, case)
        self.cluster.settle()
        self.cluster.stop(*names)

        def put_back(name, store):
            shutil.rmtree(self.cluster.directory / name / store)
            shutil.copytree(backup / name / store, self.cluster.directory / name / store)

        # The origin's old data directory: refused, by the high-water mark and, without it, by the fence.
        newest = self.directory / "newest"
        shutil.move(self.cluster.directory / REFERRAL / "data", newest)
        shutil.copytree(backup / REFERRAL / "data", self.cluster.directory / REFERRAL / "data")
        mark = next((self.cluster.directory / REFERRAL / "keys").glob("*high*"))
        for without_mark in (False, True):
            if without_mark:
                mark.rename(mark.with_suffix(".away"))
            with self.assertRaisesRegex(RuntimeError, "exit 5"):
                self.cluster.start(REFERRAL)
        mark.with_suffix(".away").rename(mark)
        log = self.cluster.log_file(REFERRAL).read_text()
        self.assertIn("its fence", log)
        self.assertIn("polku recover", log)
        shutil.rmtree(self.cluster.directory / REFERRAL / "data")
        shutil.move(newest, self.cluster.directory / REFERRAL / "data")
        # Its old keystore alone: the keys are erased again before it serves.
        put_back(REFERRAL, "keystore")
        keys = [v for v in held[REFERRAL] if v[0] == "key"]
        self.assertTrue(keys)
        self.assertTrue(self.on_disk(REFERRAL, keys), "the backup has them")
        # The receiver's old data directory is refused, too: its own answer is not in it.
        receiver = self.cluster.directory / names[1]
        shutil.move(receiver / "data", newest)
        shutil.copytree(backup / names[1] / "data", receiver / "data")
        with self.assertRaisesRegex(RuntimeError, "exit 5"):
            self.cluster.start(names[1])
        shutil.rmtree(receiver / "data")
        shutil.move(newest, receiver / "data")
        put_back(names[1], "keystore")
        # Before the services run on the old keystores: what was erased is not shown, what others recorded is.
        lines = [json.loads(line) for line in self.cluster.polku(
            "case", case, "--config", self.cluster.config(names[1]), "--json").splitlines()]
        shown = [line for line in lines if "erased_from" not in line]
        self.assertEqual([line["origin"] for line in lines if line.get("erased_from") == origin], [origin])
        self.assertTrue(any(event["opened"] for event in shown))
        self.assertEqual([event["type"] for event in shown
                          if event["origin"] == origin and event["opened"]], [])
        self.cluster.start_missing()
        self.cluster.settle()
        for name in names:
            self.cluster.wait_until(
                f"the bytes are gone from {name} again",
                lambda name=name: not self.on_disk(name, held[name]))
        for name in names:
            self.assertEqual(self.problems(name)[1], [], name)

    def test_6_a_receiver_that_was_away_is_waited_for(self):
        case = self.cases["T06"]
        self.cluster.stop(KELA)
        self.erase(REFERRAL, case)

        def others():
            [erasure] = self.erasure(REFERRAL, case)
            silent = [r["agency"] for r in erasure["receivers"] if r["outcome"] == "not_answered"]
            return erasure if silent == [cluster.KELA] and not erasure["under_way"] else None
        erasure = self.cluster.wait_until("all but Kela answer", others)
        self.assertFalse(erasure["complete"])
        self.assertIn("NOT ANSWERED", self.cluster.run(
            "erasure", "status", "--config", self.cluster.config(REFERRAL)).stdout)
        self.cluster.start_missing()
        self.complete(REFERRAL, case)

    def test_7_what_a_law_keeps_goes_when_its_day_has_passed(self):
        case, origin = self.cases["T01"], self.cluster.origin(ATTENDANCE)
        kept = [v for v in self.values(KELA, case, origin) if v[0] != "leaf"]
        self.assertTrue(kept)
        [erasure] = self.erasure(ATTENDANCE, case)
        [until] = [r["retained_until"] for r in erasure["receivers"] if r["outcome"] == "retained"]
        config = self.cluster.config(KELA)
        text = config.read_text()
        self.cluster.stop(KELA)
        config.write_text(text.replace(f'business_date: "{demo.BUSINESS_DATE}"',
                                       f'business_date: "{until}"'))
        self.cluster.start(KELA)
        time.sleep(2)
        self.assertTrue(self.values(KELA, case, origin), "the last day is inclusive")
        self.cluster.stop(KELA)
        config.write_text(text.replace(f'business_date: "{demo.BUSINESS_DATE}"',
                                       f'business_date: "{int(until[:4]) + 1}-01-31"'))
        self.cluster.start(KELA)

        def gone():
            [now] = self.erasure(ATTENDANCE, case)
            return [r["outcome"] for r in now["receivers"]] == ["erased"] * len(now["receivers"])
        self.cluster.wait_until("Kela erases the rest", gone)
        self.assertEqual(self.on_disk(KELA, kept), [])
        self.cluster.settle()
        self.assertEqual(self.problems(KELA)[1], [])
        self.assertEqual(self.problems(ATTENDANCE)[1], [])

    def test_8_usage_is_told(self):
        case = self.cases["T07"]
        as_one = self.official(REFERRAL, 1)
        for arguments, part in (
                (("erase", "--as", as_one, "--case", case), "--basis"),
                (("erase", "--as", as_one, "--case", case, "--basis", "  "), "--basis"),
                (("erase", "--as", as_one, "--case", "x", "--basis", "y"), "--case"),
                (("erase", "--as", as_one, "--case", case, "--basis", "y", "--tier", "all"), "--tier"),
                (("erase", "confirm", "--as", as_one, "--case", case), "needs the erasure's id"),
                (("erase", "undo", "x", "--as", as_one, "--case", case), "confirm or cancel"),
                (("erasure", "status"), "--config"),
                (("retention", "soon", "--config", "x"), "it is due")):
            self.assert_fails(self.cluster.run(*arguments), 2, part)
        # An author's key may not.
        may_not = self.cluster.run("erase", "--as", self.cluster.client("oulu", REFERRAL), "--case",
                                   case, "--basis", BASIS, "--official", "oma-1")
        self.assert_fails(may_not, 1, "RIGHT_ERASE")
        due = json.loads(self.cluster.polku(
            "retention", "due", "--config", self.cluster.config(REFERRAL), "--official", "arkisto-1",
            "--purpose", "records-management", "--basis", BASIS, "--on", "2100-01-01", "--json"))
        self.assertEqual(due["due"], [], "no case is closed yet")
        self.assertGreater(due["not_closed"], 0)


if __name__ == "__main__":
    harness.main()
