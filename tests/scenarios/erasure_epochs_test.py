#!/usr/bin/env python3
"""Erasure after `polku new-epoch`, through real processes: a case of the closed log goes from the origin and from all
receivers, every hole is explained to both verifiers, and what was erased does not come back by way of a new epoch."""

import json
import shutil
import subprocess
import sys

import harness
from erasure_case import AUDITOR, KELA, REFERRAL, ErasureCase
from harness import cluster


class ErasureEpochsTest(ErasureCase):
    """One story in three parts, which build on each other."""

    def new_epoch(self):
        """What the operators do: the origin's, and everybody else's who follows it."""
        config = self.cluster.config(REFERRAL)
        old = harness.write_next_epoch(config)
        home = self.cluster.directory / REFERRAL
        old_key = (home / "keys/signing.public").read_text().strip()
        result = self.cluster.run("new-epoch", "--config", config, "--old", old, "--reason",
                                  "restored from an old backup", "--json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        made = json.loads(result.stdout)
        earlier = f'earlier_signing_keys: "{made["old_signing_key"]}"\n'
        for name in cluster.INSTANCES:
            path = self.cluster.config(name)
            path.write_text(path.read_text().replace(old_key, made["signing_key"]).replace(
                f'origin: "{made["predecessor"]}"', f'origin: "{made["origin"]}"') + earlier)
        shutil.rmtree(home / "data")  # a copy that nobody needs any more
        type(self).data = {REFERRAL: "data-2"}
        return made

    def all_verify(self):
        self.cluster.settle()
        for name in cluster.INSTANCES:
            self.assertEqual(self.problems(name), (0, []), name)

    def goes(self, case, origin, leaves):
        return {name: [v for v in self.values(name, case, origin) if leaves or v[0] != "leaf"]
                for name in cluster.INSTANCES}

    def none_on_disk(self, values):
        for name in cluster.INSTANCES:
            self.assertEqual(self.on_disk(name, values[name]), [], name)

    def test_1_what_was_erased_does_not_come_back_by_way_of_a_new_epoch(self):
        case, origin = self.cases["T01"], self.cluster.origin(REFERRAL)
        values = self.goes(case, origin, leaves=False)
        self.assertTrue(values[REFERRAL])
        self.assertTrue(values[KELA])
        # The keys of its access stream are made, so that the backup's keystore has them.
        withdrawn = self.request(REFERRAL, case)
        self.cluster.polku("erase", "cancel", withdrawn, "--as", self.official(REFERRAL, 2), "--case", case)
        self.cluster.settle()
        self.cluster.stop(REFERRAL)
        home, backup = self.cluster.directory / REFERRAL, self.directory / "backup"
        for store in ("data", "keystore"):
            shutil.copytree(home / store, backup / store)
        self.cluster.start(REFERRAL)
        self.erase(REFERRAL, case)
        self.complete(REFERRAL, case)
        self.none_on_disk(values)
        self.cluster.settle()
        self.cluster.stop(REFERRAL)
        for store in ("data", "keystore"):
            shutil.rmtree(home / store)
            shutil.copytree(backup / store, home / store)
        self.assertTrue(self.on_disk(REFERRAL, values[REFERRAL]), "the backup has it")
        with self.assertRaisesRegex(RuntimeError, "exit 5"):
            self.cluster.start(REFERRAL)

        self.cluster.stop()
        made = self.new_epoch()
        self.assertGreater(made["gap"], 0)
        self.assertGreater(made["sections"], 0)
        blobs = [v for v in values[REFERRAL] if v[0] == "blob"]
        self.assertEqual(self.on_disk(REFERRAL, blobs), [], "left out before any service runs")
        self.cluster.start_missing()
        self.cluster.wait_until("the old keystore's keys go again",
                                lambda: not self.on_disk(REFERRAL, values[REFERRAL]))
        shown = [json.loads(line) for line in self.cluster.polku(
            "case", case, "--config", self.cluster.config(REFERRAL), "--json").splitlines()]
        self.assertEqual([event for event in shown
                          if event.get("origin") == origin and event.get("opened")], [])
        # Who said so is lost here, so it is a finding until it is said again.
        self.cluster.wait_until("the service finds it itself",
                                lambda: "missing-section" in self.cluster.told(REFERRAL)["health"])
        self.cluster.settle(unhealthy=(REFERRAL,))
        code, problems = self.problems(REFERRAL)
        self.assertEqual((code, {(p["kind"], p["origin"]) for p in problems}),
                         (5, {("missing-section", origin)}))
        self.erase(REFERRAL, case)
        [erasure] = self.complete(REFERRAL, case)
        self.assertEqual((erasure["origin"], erasure["of"]), (made["origin"], [origin]))
        self.cluster.wait_until("the service finds it explained",
                                lambda: self.cluster.told(REFERRAL)["health"] == "ok")
        self.all_verify()

    def test_2_a_case_of_the_closed_log_goes_everywhere_with_its_headers(self):
        case, origin = self.cases["T02"], self.cluster.origin(REFERRAL)
        values = self.goes(case, origin, leaves=True)
        for name in (REFERRAL, KELA, AUDITOR):
            self.assertTrue([v for v in values[name] if v[0] == "leaf"], name)
            self.assertEqual(len(self.on_disk(name, values[name])), len(values[name]),
                             "the search finds what is there")
        plan = json.loads(self.cluster.polku(
            "erase", "--dry-run", "--config", self.cluster.config(REFERRAL), "--case", case, "--tier",
            "entries", "--json"))
        self.assertEqual(plan["of"], [origin])
        self.assertIn(cluster.KELA, {one["agency"] for one in plan["receivers"]})
        self.erase(REFERRAL, case, tier="entries")
        [erasure] = self.complete(REFERRAL, case)
        self.assertEqual(erasure["of"], [origin])
        self.assertEqual(erasure["entries"], plan["entries"])
        answered = {row["origin"] for row in erasure["receivers"]}
        self.assertEqual(answered, {self.cluster.origin(name) for name in cluster.INSTANCES
                                    if name != REFERRAL})
        self.none_on_disk(values)
        self.all_verify()
        shown = self.cluster.polku("case", case, "--config", self.cluster.config(AUDITOR), "--lang", "en")
        self.assertIn(origin, shown, "that entries of the closed log were erased")
        nothing = self.cluster.run("erase", "--as", self.official(REFERRAL, 1), "--case", case, "--basis",
                                   "x", "--tier", "entries")
        self.assert_fails(nothing, 1, "nothing_to_erase")

    def test_3_both_verifiers_say_who_erased_it(self):
        case, origin = self.cases["T03"], self.cluster.origin(REFERRAL)
        self.erase(REFERRAL, case)
        self.complete(REFERRAL, case)
        self.all_verify()
        for name in (REFERRAL, KELA, AUDITOR):
            for number in ("T03", "T02"):
                file = self.directory / f"{name}-{number}.json"
                self.cluster.polku("bundle", "--config", self.cluster.config(name), "--case",
                                   self.cases[number], "--out", file)
                told = json.loads(self.cluster.polku("bundle", "verify", file, "--json"))
                second = subprocess.run(
                    [sys.executable, harness.ROOT / "eventstore/proof/polku_verify.py", "bundle", file,
                     "--json"], capture_output=True, text=True, timeout=600)
                self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
                for report in (told, json.loads(second.stdout)):
                    self.assertEqual({(e["origin"], e["of"]) for e in report["erasures"]},
                                     {(origin[:-1] + "2", origin)}, (name, number))
        # A hole that nobody names is found in the closed log as in any other.
        self.cluster.stop(REFERRAL)
        home = self.cluster.directory / REFERRAL
        position = max(p for what, p, _ in self.values(REFERRAL, self.cases["T05"], origin)
                       if what == "blob")
        self.tool("hole", home / self.data[REFERRAL], origin, position)
        code, problems = self.problems(REFERRAL)
        self.assertEqual(code, 5)
        self.assertEqual({(p["kind"], p["origin"], p["position"]) for p in problems},
                         {("missing-section", origin, position)})


if __name__ == "__main__":
    harness.main()
