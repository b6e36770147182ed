#!/usr/bin/env python3
"""Witnesses through real processes: who stands behind an entry, what an answer waits for, proofs that
others can check, what a service says of itself when nobody can be asked, a mirror that holds it all."""

import json
import shutil
import subprocess
import sys
import time
import unittest

import harness
from harness import cluster

REFERRAL = "oulu-referral"
AUDITOR = "tarkastaja-audit"
WITNESSES = ["kela-compensation", "toimintatupa-attendance"]


def need(number):
    return json.dumps({
        "official": "oma-1", "case": f"{number:032x}", "type": "polku.referral.v1.NeedIdentified",
        "event": {"identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
                  "municipality_code": "564"}})


class WitnessTest(harness.SystemTest):
    def setUp(self):
        self.cluster.start_missing()

    def publish(self, number, *more):
        return self.cluster.run("publish", "--as", self.cluster.client("oulu", REFERRAL), "--json",
                                *more, "-", stdin=need(number))

    def behind_newest(self, agencies):
        status = self.cluster.status(REFERRAL)
        return status if status["agencies_behind_newest"] == agencies else None

    def test_1_every_agency_that_follows_stands_behind_the_newest_entry(self):
        self.assertEqual(self.publish(1).returncode, 0)
        # Kela, the county, the association, the auditor: idle replicas cosign without being asked.
        status = self.cluster.wait_until("four agencies cosign", lambda: self.behind_newest(4))
        self.assertTrue(status["confirmed"])
        self.assertEqual(status["forks"], [])
        self.assertEqual(len(status["witnesses"]), 5)  # the county has two services
        # Who follows is told apart, also where one agency has two services.
        names = [subscriber["name"] for subscriber in status["subscribers"]]
        self.assertEqual(len(set(names)), 5, names)
        text = self.cluster.polku("status", "--config", self.cluster.config(REFERRAL))
        self.assertIn("4 of 4 agencies behind entry", text)
        # Others are told within a heartbeat, and keep it: who else stands behind a log they follow.
        def told():
            for subscription in self.cluster.status("tarkastaja-audit")["subscriptions"]:
                if subscription["origin"] == self.cluster.origin(REFERRAL):
                    sizes = [w["cosigned_size"] for w in subscription["witnesses"]]
                    return len([s for s in sizes if s == status["size"]]) >= 3
            return False
        self.cluster.wait_until("the auditor is told of the others", told)

    def test_2_an_answer_waits_for_two_agencies_and_its_proof_verifies_elsewhere(self):
        proofs = self.directory / "proofs"
        result = self.publish(2, "--witnesses", "2", "--proof", proofs)
        self.assertEqual(result.returncode, 0, result.stderr)
        answer = json.loads(result.stdout)
        self.assertGreaterEqual(len(answer["witnessed_by"]), 2)
        self.assertNotIn(cluster.OULU, answer["witnessed_by"])
        self.assertFalse(answer["unconfirmed"])
        [receipt], [proof] = answer["receipts"], answer["proofs"]
        policy = self.write_policy(2)
        verified = self.verify(proof, policy, receipt["leaf_hash"])
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        # Of another leaf, or with another witness count, it proves nothing.
        other = self.verify(proof, policy, "00" * 32)
        self.assertNotEqual(other.returncode, 0)
        # A repeat has the same receipt, the same witnesses, and records nothing.
        size = self.cluster.status(REFERRAL)["size"]
        again = json.loads(self.publish(2, "--witnesses", "2").stdout)
        self.assertTrue(again["receipts"][0]["repeated"])
        self.assertEqual(self.cluster.status(REFERRAL)["size"], size)

    def verify(self, proof, policy, leaf_hash):
        return subprocess.run(
            [sys.executable, harness.ROOT / "eventstore/proof/polku_verify.py", "proof", "--policy",
             policy, "--leaf-hash", leaf_hash, proof], capture_output=True, text=True, timeout=600)

    def write_policy(self, threshold):
        policy = self.directory / "policy.txt"
        keys = self.cluster.directory
        lines = [f"log {(keys / REFERRAL / 'keys/signing.public').read_text().strip()}"]
        names = [name for name, (agency, _) in cluster.INSTANCES.items() if agency != cluster.OULU]
        for name in names:
            key = (keys / name / "keys/cosigning.public").read_text().strip()
            lines.append(f"witness {name} {key}")
        lines += [f"group quorum-of {threshold} {' '.join(names)}", "quorum quorum-of"]
        policy.write_text("\n".join(lines) + "\n")
        return policy

    def test_3_more_agencies_than_there_are_is_refused_at_once(self):
        size = self.cluster.status(REFERRAL)["size"]
        started = time.monotonic()
        result = self.publish(3, "--witnesses", "5")
        self.assertEqual(result.returncode, 3, result.stdout + result.stderr)
        self.assertEqual(json.loads(result.stdout)["refusal"]["code"], "too_few_witnesses")
        self.assertLess(time.monotonic() - started, cluster.PATIENCE, "not when the time is over")
        self.assertEqual(self.cluster.status(REFERRAL)["size"], size)

    def test_4_with_witnesses_away_the_answer_is_partial_after_its_time_and_others_do_not_wait(self):
        self.cluster.wait_until("all cosign", lambda: self.behind_newest(4))
        self.cluster.stop(*WITNESSES, kill=True)
        started = time.monotonic()
        waiting = subprocess.Popen(
            [self.cluster.binaries / "polku", "publish", "--as",
             self.cluster.client("oulu", REFERRAL), "--json", "--witnesses", "4", "--wait", "30", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waiting.stdin.write(need(4))
        waiting.stdin.close()
        time.sleep(0.5)
        self.assertEqual(self.publish(5).returncode, 0)
        self.assertEqual(self.publish(6, "--witnesses", "2", "--wait", "20").returncode, 0)
        self.assertIsNone(waiting.poll(), "others do not wait for what one asked for")
        out, err = waiting.stdout.read(), waiting.stderr.read()
        self.assertEqual(waiting.wait(), 4, out + err)
        waiting.stdout.close()
        waiting.stderr.close()
        self.assertGreaterEqual(time.monotonic() - started, 30)
        self.assertIn("RECORDED", err)
        answer = json.loads(out)
        self.assertEqual(answer["witnessed_by"], [cluster.AUDITOR, cluster.WELLBEING])
        self.assertEqual(len(answer["receipts"]), 1)
        # They are back: the same command gets all four, and records nothing twice.
        size = self.cluster.status(REFERRAL)["size"]
        self.cluster.start(*WITNESSES)
        again = self.publish(4, "--witnesses", "4", "--wait", "60")
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertTrue(json.loads(again.stdout)["receipts"][0]["repeated"])
        self.assertEqual(self.cluster.status(REFERRAL)["size"], size)

    def test_5_a_service_that_reaches_no_witness_serves_and_says_unconfirmed(self):
        self.cluster.stop()
        self.cluster.start(REFERRAL)
        alone = self.publish(7)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        self.assertTrue(json.loads(alone.stdout)["unconfirmed"])
        self.assertFalse(self.cluster.status(REFERRAL)["confirmed"])
        self.cluster.start("tarkastaja-audit")
        self.cluster.wait_until("a witness confirms",
                                lambda: self.cluster.status(REFERRAL)["confirmed"])
        self.assertFalse(json.loads(self.publish(8).stdout)["unconfirmed"])

    def test_6_a_mirror_holds_every_entry_and_everybody_is_healthy(self):
        self.cluster.settle()
        logs = self.cluster.polku("summary", "--logs", "--json", "--config",
                                  self.cluster.config("tarkastaja-audit"))
        [held] = [log for log in json.loads(logs)["logs"]
                  if log["origin"] == self.cluster.origin(REFERRAL)]
        self.assertEqual(held["withheld"], 0)
        for name in cluster.INSTANCES:
            self.assertEqual(self.cluster.status(name)["health"], "ok", name)

    def test_7_everything_held_is_verified_while_the_services_run(self):
        def verified():
            status = {name: self.cluster.status(name)["verification"] for name in cluster.INSTANCES}
            return status if all(v["finished_at_us"] for v in status.values()) else None
        for name, done in self.cluster.wait_until("a pass is through", verified).items():
            self.assertEqual(done["problems"], 0, f"{name}: {done['first_problem']}")
            self.assertGreater(done["entries"], 0)

    def test_8_a_witness_put_back_to_a_backup_cosigns_again_when_it_has_caught_up(self):
        home = self.cluster.directory / AUDITOR
        remembered = home / "keys/cosigned.txt"
        self.assertEqual(self.publish(9).returncode, 0)
        self.cluster.wait_until("the auditor cosigns", self.auditor_cosigned_all)
        self.cluster.stop(AUDITOR)
        shutil.copytree(home / "data", self.directory / "backup")
        self.cluster.start(AUDITOR)
        self.assertEqual(self.publish(10).returncode, 0)
        size = self.cluster.told(REFERRAL)["size"]
        # The file follows within a second, while the service runs; a kill at any time leaves it whole.
        self.cluster.wait_until(
            "it is remembered",
            lambda: f"{self.cluster.origin(REFERRAL)}\n{size}\n" in remembered.read_text())
        self.cluster.stop()
        shutil.rmtree(home / "data")
        shutil.copytree(self.directory / "backup", home / "data")
        self.cluster.start(AUDITOR)
        subscription = self.auditor_of_referral()
        self.assertIn("is older than the", subscription["fault"])
        self.assertEqual(subscription["cosigned_size"], 0)
        self.cluster.start(REFERRAL)
        self.cluster.wait_until("it has caught up and cosigns", self.auditor_cosigned_all)
        self.assertEqual(self.auditor_of_referral()["fault"], "")

    def auditor_of_referral(self):
        [found] = [s for s in self.cluster.told(AUDITOR)["subscriptions"]
                   if s["origin"] == self.cluster.origin(REFERRAL)]
        return found

    def auditor_cosigned_all(self):
        return self.auditor_of_referral()["cosigned_size"] == self.cluster.told(REFERRAL)["size"]

    def test_9_what_was_cosigned_cannot_be_kept_or_read(self):
        keys = self.cluster.directory / AUDITOR / "keys"
        blocked = keys / "cosigned.txt.new"
        blocked.mkdir()
        self.assertEqual(self.publish(11).returncode, 0)
        self.cluster.wait_until("health tells it", lambda: "what was cosigned cannot be kept" in
                                self.cluster.told(AUDITOR)["health"])
        blocked.rmdir()
        self.cluster.wait_until("it is over",
                                lambda: self.cluster.told(AUDITOR)["health"] == "ok")
        self.cluster.stop(AUDITOR)
        file = keys / "cosigned.txt"
        whole = file.read_bytes()
        file.write_bytes(whole[:-10])
        refused = subprocess.run([self.cluster.binaries / "polku-audit", "--config",
                                  self.cluster.config(AUDITOR)],
                                 capture_output=True, text=True, timeout=600)
        self.assert_fails(refused, 5, "cosigned.txt", "newest backup", "remove the file")
        file.unlink()
        self.cluster.start(AUDITOR)
        self.cluster.wait_until("it is written anew", file.exists)


if __name__ == "__main__":
    harness.main()
