#!/usr/bin/env python3
"""A service that is started on an old copy of its log, through real processes: found out by its mark or
by its witnesses, brought back from a mirror, or gone on from in a new epoch."""

import json
import re
import shutil
import subprocess
import sys
import time
import unittest

import harness
from harness import cluster

REFERRAL = "oulu-referral"
MIRROR = "tarkastaja-audit"
WITNESSES = ["kela-compensation", MIRROR]


def need(number, day="2025-01-07"):
    return json.dumps({
        "official": "oma-1", "case": f"{number:032x}",
        "id": f"00000000-0000-4000-8000-{number:012x}",
        "type": "polku.referral.v1.NeedIdentified",
        "event": {"identified_on": day, "source": "NEED_SOURCE_CLIENT",
                  "municipality_code": "564"}})


class RollbackCase(harness.SystemTest):
    """What the stories share. Each has a cluster of its own: histories are spoilt here."""

    def setUp(self):
        self.cluster.start(REFERRAL, *WITNESSES)
        self.home = self.cluster.directory / REFERRAL
        self.receipts = {}

    # ---- Acts ----

    def publish(self, number, **more):
        return self.cluster.run("publish", "--as", self.cluster.client("oulu", REFERRAL), "--json",
                                "-", stdin=need(number, **more))

    def record(self, *numbers):
        """Published, and the receipts noted."""
        for number in numbers:
            result = self.publish(number)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            [receipt] = json.loads(result.stdout)["receipts"]
            self.assertFalse(receipt["repeated"])
            self.receipts[number] = receipt

    def assert_refused(self, number, code, *parts, **more):
        result = self.publish(number, **more)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for part in parts:
            self.assertIn(part, result.stdout)

    def assert_same_receipts(self, *numbers):
        for number in numbers:
            result = self.publish(number)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            [receipt] = json.loads(result.stdout)["receipts"]
            self.assertTrue(receipt["repeated"])
            self.assertEqual(receipt, {**self.receipts[number], "repeated": True})

    def status(self, name=REFERRAL):
        """The status, whatever its exit code says of it."""
        result = self.cluster.run("status", "--config", self.cluster.config(name), "--json")
        return json.loads(result.stdout) if result.stdout else None

    def stored(self, peer, origin):
        for subscription in self.status(peer)["subscriptions"]:
            if subscription["origin"] == origin:
                return subscription
        return None

    def followed_up(self, peers=WITNESSES):
        """Waits until the peers hold and have cosigned everything."""
        def all_there():
            size = self.status()["size"]
            return all(self.stored(peer, self.status()["origin"])["cosigned_size"] == size
                       for peer in peers)
        self.cluster.wait_until("the peers follow", all_there)

    def keep(self, *names):
        for name in names:
            shutil.copytree(self.home / name, self.home / f"{name}.kept")

    def restore(self, name):
        shutil.rmtree(self.home / name)
        shutil.copytree(self.home / f"{name}.kept", self.home / name)

    def start_refused(self, *parts, code=5, config=None):
        result = subprocess.run(
            [self.cluster.binaries / "polku-referral", "--config",
             config or self.cluster.config(REFERRAL)],
            capture_output=True, text=True, timeout=600)
        self.assert_fails(result, code, *parts)

    def recover_command(self, *more):
        return ["recover", "--config", self.cluster.config(REFERRAL), "--from",
                f"tcp://127.0.0.1:{self.cluster.ports[MIRROR]}", "--server-key",
                self.cluster.directory / MIRROR / "keys/curve.public", *more]

    def recover(self, *more):
        return self.cluster.run(*self.recover_command(*more))

    def roll_back(self, mark_too=False):
        """Five entries more than the copy that is then put back. Peers have all of them."""
        self.record(1, 2, 3)
        self.followed_up()
        self.cluster.stop(REFERRAL)
        self.keep("data", "keys")
        self.cluster.start(REFERRAL)
        self.record(4, 5, 6, 7, 8)
        self.followed_up()
        self.full = self.status()
        self.cluster.stop(REFERRAL)
        self.restore("data")
        if mark_too:
            self.restore("keys")

    def kill_each(self, command, done):
        """Runs the command again and again, killed a little later each time, until it is through."""
        killed = 0
        for delay in (0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.3):
            process = subprocess.Popen([self.cluster.binaries / "polku", *map(str, command)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            killed += process.poll() is None
            process.kill()
            process.wait()
            if done():
                break
        return killed

    def assert_verified(self, *names, origin=None, keys=()):
        """`polku verify` of the whole store, sections opened: no problem. `keys`: what the configuration lacks."""
        for name in names:
            result = self.cluster.run("verify", "--config", self.cluster.config(name), "--json", *keys)
            self.assertEqual(result.returncode, 0, result.stdout[:4000] + result.stderr)
            [target] = json.loads(result.stdout)["targets"]
            self.assertTrue(all(log["key_known"] for log in target["logs"]), target)
            if origin is not None:
                self.assertIn(origin, [log["origin"] for log in target["logs"]])

    def assert_live_again(self):
        def live():
            return all(self.stored(peer, self.status()["origin"])["state"] == "live"
                       and self.stored(peer, self.status()["origin"])["fault"] == ""
                       for peer in WITNESSES)
        self.cluster.wait_until("the peers follow again", live)
        self.cluster.wait_until("a witness confirms", lambda: self.status()["confirmed"])
        self.assertEqual(self.status()["health"], "ok")


class MirrorTest(RollbackCase):
    def test_found_by_the_mark_and_brought_back_from_the_mirror(self):
        self.roll_back()
        self.start_refused("behind", "5 entries", "polku recover", "polku new-epoch")
        self.start_refused("behind")  # again: nothing was changed by it

        result = self.recover("--json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        done = json.loads(result.stdout)
        self.assertEqual(done["fetched"], 5)
        self.assertEqual(done["size"], self.full["size"])
        self.assertEqual(done["missing"], 0)
        self.assertEqual(done["sections_without_key"], 0)
        self.assertGreaterEqual(done["sections"], 5)

        self.cluster.start(REFERRAL)
        status = self.status()
        self.assertEqual(status["size"], self.full["size"])
        self.assertEqual(status["checkpoint"], self.full["checkpoint"])
        self.assert_same_receipts(*range(1, 9))
        self.assertEqual(self.status()["size"], self.full["size"])
        self.assert_live_again()
        self.record(9)
        self.followed_up()
        for number in (2, 7):
            shown = self.cluster.polku("case", "--config", self.cluster.config(REFERRAL),
                                       f"{number:032x}")
            self.assertIn("2025-01-07", shown.replace("7.1.2025", "2025-01-07"))
        self.assert_verified(REFERRAL, *WITNESSES, origin=self.full["origin"])


class WitnessTest(RollbackCase):
    def test_found_by_witnesses_when_the_mark_is_old_too(self):
        self.roll_back(mark_too=True)
        self.cluster.start(REFERRAL)  # nothing on this machine tells
        health = self.cluster.wait_until(
            "a witness tells", lambda: "BEHIND" in self.status()["health"] and self.status()["health"])
        self.assertIn("polku recover", health)
        size = self.status()["size"]
        self.assert_refused(9, 4, "log_behind", "polku recover")
        self.assertEqual(self.status()["size"], size)
        text = self.cluster.run("status", "--config", self.cluster.config(REFERRAL))
        self.assertNotEqual(text.returncode, 0)
        # The witnesses say what they see, and keep what they have.
        for peer in WITNESSES:
            self.assertEqual(self.stored(peer, self.full["origin"])["stored_size"], self.full["size"])
        self.assertIn("rolled back", self.cluster.wait_until(
            "the mirror is alarmed", lambda: self.stored(MIRROR, self.full["origin"])["fault"]))

        self.cluster.stop(REFERRAL)
        result = self.recover()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("fetched 5 entries", result.stdout)
        # Killed while it fetches into an empty directory, and run again: the same log.
        self.restore("data")
        shutil.rmtree(self.home / "data")
        self.assertGreater(self.kill_each(self.recover_command(), lambda: False), 0)
        result = self.recover("--json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(json.loads(result.stdout)["size"], self.full["size"])
        self.cluster.start(REFERRAL)
        self.assert_same_receipts(*range(1, 9))
        self.assert_live_again()
        self.assert_verified(REFERRAL, *WITNESSES, origin=self.full["origin"])


class AloneTest(RollbackCase):
    """Nobody is there to tell: it serves, says so with every answer, and is found out afterwards."""

    def test_an_old_copy_that_goes_on_alone_is_found_out_and_the_proof_is_kept(self):
        self.roll_back(mark_too=True)
        self.cluster.stop()
        self.cluster.start(REFERRAL)
        result = self.publish(21)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue(json.loads(result.stdout)["unconfirmed"])
        self.assertIn("unconfirmed", result.stderr)
        for number in range(22, 31):  # beyond what the witnesses hold
            self.assertEqual(self.publish(number).returncode, 0)
        self.assertFalse(self.status()["confirmed"])
        self.assertGreater(self.status()["size"], self.full["size"])

        self.cluster.start(*WITNESSES)
        self.cluster.wait_until("the witnesses tell", lambda: "BEHIND" in self.status()["health"])
        self.assert_refused(31, 4, "log_behind")

        # Two signed checkpoints that contradict each other are kept: proof to anybody, against us.
        forks = self.cluster.wait_until("the proof is kept", lambda: [
            fork for fork in self.status()["forks"] if fork["origin"] == self.full["origin"]])
        self.assertIn("FORK", self.status()["health"].upper())
        evidence = self.directory / "evidence"
        self.cluster.run("status", "--config", self.cluster.config(REFERRAL), "--evidence", evidence)
        files = list(evidence.glob("*.checkpoint-pair"))
        self.assertEqual(len(files), len(forks))
        for file in files:
            self.assert_proves_fork(file)

        # So do those who hold the other history: each has asked for the proof, and depends on nobody's word.
        for witness in WITNESSES:
            def forks(witness=witness):
                result = self.cluster.run("status", "--config", self.cluster.config(witness), "--json")
                return [fork for fork in json.loads(result.stdout)["forks"] if fork["origin"] == self.full["origin"]]
            self.cluster.wait_until(f"{witness} has the proof", forks)
            evidence = self.directory / f"evidence-{witness}"
            result = self.cluster.run("status", "--config", self.cluster.config(witness), "--evidence", evidence)
            self.assertEqual(result.returncode, 5, result.stdout + result.stderr)
            self.assertIn("FORK", result.stdout)
            files = list(evidence.glob("*.checkpoint-pair"))
            self.assertTrue(files)
            for file in files:
                self.assert_proves_fork(file)

        # It cannot be mended by fetching: that is said, with the proof again.
        self.cluster.stop(REFERRAL)
        result = self.recover()
        self.assert_fails(result, 5, "another history", ".checkpoint-pair", "polku new-epoch")
        self.assert_proves_fork(re.search(r"\S+\.checkpoint-pair", result.stderr).group())

        # The other history comes into an empty directory; the mark of the wrong one goes with its data.
        (self.home / "data").rename(self.home / "data.forked")
        (self.home / "keys/high-water.note").rename(self.home / "high-water.forked")
        result = self.recover("--json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(json.loads(result.stdout)["size"], self.full["size"])
        self.cluster.start(REFERRAL)
        self.assert_same_receipts(*range(1, 9))

    def assert_proves_fork(self, path):
        key = (self.home / "keys/signing.public").read_text().strip()
        result = subprocess.run(
            [sys.executable, harness.ROOT / "eventstore/proof/polku_verify.py", "pair", str(path),
             "--key", key], capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 5, result.stdout + result.stderr)
        self.assertIn("fork", (result.stdout + result.stderr).lower())


class EpochCase(RollbackCase):
    def next_epoch_command(self):
        config = self.cluster.config(REFERRAL)
        old = harness.write_next_epoch(config)
        return ["new-epoch", "--config", config, "--old", old, "--reason",
                "the disk failed; restored from the night's backup", "--json"]

    def next_epoch(self):
        return self.cluster.run(*self.next_epoch_command())

class NewEpochTest(EpochCase):
    """No mirror has what was lost: a new log goes on, and says so to everybody."""

    def follow(self, made, *peers):
        """Each peer's operator puts the new epoch in the old one's place."""
        old_key = (self.home / "keys/signing.public").read_text().strip()
        for peer in peers:
            path = self.cluster.config(peer)
            text = path.read_text()
            self.assertIn(old_key, text)
            path.write_text(text.replace(old_key, made["signing_key"]).replace(
                f'origin: "{made["predecessor"]}"', f'origin: "{made["origin"]}"'))

    def test_the_new_log_names_the_gap_and_goes_on(self):
        self.roll_back()
        self.cluster.stop()
        result = self.next_epoch()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        made = json.loads(result.stdout)
        held = self.full["size"] - 5
        self.assertEqual((made["held"], made["known"], made["gap"]), (held, self.full["size"], 5))
        again = self.next_epoch()
        self.assert_fails(again, 3, "start the service")
        # A forgotten unit file: the old service stays closed, whatever copy of its log is there.
        old = self.cluster.config(REFERRAL).with_name("epoch-1.textproto")
        self.start_refused("superseded", made["origin"], code=3, config=old)
        self.follow(made, *WITNESSES)
        self.cluster.start(REFERRAL, *WITNESSES)

        # What is held keeps its receipts, in the old log; what was lost is taken anew, in the new one.
        self.assert_same_receipts(1, 2, 3)
        result = self.publish(5)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        [receipt] = json.loads(result.stdout)["receipts"]
        self.assertFalse(receipt["repeated"])
        self.assertEqual(receipt["origin"], made["origin"])
        self.assert_refused(2, 1, "conflicting_repeat", day="2025-01-09")

        # Peers follow the new log beside what they have of the old one, and are shown why.
        self.assert_live_again()
        self.followed_up()
        for peer in WITNESSES:
            lines = [json.loads(line) for line in self.cluster.polku(
                "replay", "--config", self.cluster.config(peer), "--origin", made["origin"],
                "--json").splitlines()]
            predecessor = lines[0]["control"]["predecessor"]
            self.assertEqual(predecessor["origin"], made["predecessor"])
            self.assertEqual(int(predecessor["held_size"]), held)
            self.assertEqual(int(predecessor["known_size"]), self.full["size"])
            self.assertIn("the disk failed", predecessor["reason"])
            self.assertIn(f'{made["predecessor"]}\n{held}\n', predecessor["checkpoint"])
        held_by_mirror = json.loads(self.cluster.polku(
            "summary", "--config", self.cluster.config(MIRROR), "--json"))
        sizes = {log["origin"]: log["size"] for log in held_by_mirror["logs"]}
        self.assertEqual(sizes[made["predecessor"]], self.full["size"])
        # What was lost here and taken again stands in both logs at a peer, and counts once.
        events = {case["case"]: case["events"] for case in held_by_mirror["cases"]}
        self.assertEqual({events[f"{number:032x}"] for number in range(1, 9)}, {1})

        # A case begun in the old epoch goes on in the new one: the need is known, so a plan can be made.
        timeline = self.cluster.polku("case", "--config", self.cluster.config(REFERRAL), "--json",
                                      f"{2:032x}")
        self.assertIn(made["predecessor"], timeline)
        old_key = ("--key", self.home / "keys/signing.public")
        self.assert_verified(REFERRAL, origin=made["predecessor"], keys=old_key)
        self.assert_verified(REFERRAL, origin=made["origin"], keys=old_key)


class KilledEpochTest(EpochCase):
    def test_killed_while_it_is_made(self):
        self.roll_back()
        self.cluster.stop()
        killed = self.kill_each(self.next_epoch_command(), lambda: (self.home / "data-2").exists())
        self.assertGreater(killed, 0)
        result = self.next_epoch()
        if result.returncode != 0:  # the last was killed after all was done
            self.assert_fails(result, 3, "start the service")
        self.assertFalse((self.home / "data-2.building").exists())
        self.cluster.start(REFERRAL)
        self.assert_same_receipts(1, 2, 3)
        self.assert_verified(REFERRAL, keys=("--key", self.home / "keys/signing.public"))


if __name__ == "__main__":
    harness.main()
