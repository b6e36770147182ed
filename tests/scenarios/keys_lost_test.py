#!/usr/bin/env python3
"""What an operator does when a key is lost or stolen, through real processes: the table of services/host/README.md
"Lost or stolen", a class a story, since histories are spoilt here. Peers' keys, the master key that is stolen and the
keystore: keys_test.py."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import harness
from harness import cluster
from keys_case import AUTHOR, KELA, REFERRAL, KeysCase

VERIFIER = harness.ROOT / "eventstore/proof/polku_verify.py"


class LostCase(KeysCase):
    @property
    def home(self):
        return self.cluster.directory / REFERRAL

    def case(self):
        """The case of what was published last."""
        return f"{self.number:032x}"

    def start_refused(self, code, *parts, config=None):
        result = subprocess.run(
            [self.cluster.binaries / "polku-referral", "--config", config or self.cluster.config(REFERRAL)],
            capture_output=True, text=True, timeout=600)
        self.assert_fails(result, code, *parts)

    def copy(self, name):
        """A copy of the service's directory of that name, as a backup or a thief has it."""
        kept = self.directory / f"{name}.copy"
        shutil.copytree(self.home / name, kept)
        return kept

    def put_back(self, kept, name):
        shutil.rmtree(self.home / name, ignore_errors=True)
        shutil.copytree(kept, self.home / name)

    def assert_verified(self, *names, keys=()):
        """`polku verify` of the stopped service's store: every log by a known key, no problem."""
        for name in names:
            result = self.cluster.run("verify", "--config", self.cluster.config(name), "--json", *keys)
            self.assertEqual(result.returncode, 0, result.stdout[:4000] + result.stderr)
            [target] = json.loads(result.stdout)["targets"]
            self.assertTrue(all(log["key_known"] for log in target["logs"]), target)

    # ---- Bundles ----

    def bundle(self, name, case):
        path = self.directory / f"{name}.bundle.json"
        self.cluster.polku("bundle", "--config", self.cluster.config(REFERRAL), "--case", case, "--out", path)
        return path

    def verdicts(self, bundle, vkey):
        """Exit codes of both verifiers, which share no code, for whoever trusts that key of the log alone."""
        policy = self.directory / "key.policy"
        policy.write_text(f"log {vkey}\nquorum none\n")
        ours = self.cluster.run("bundle", "verify", bundle, "--policy", policy)
        theirs = subprocess.run([sys.executable, VERIFIER, "bundle", bundle, "--policy", policy],
                                capture_output=True, text=True, timeout=600)
        return [(ours.returncode, ours.stdout + ours.stderr), (theirs.returncode, theirs.stdout + theirs.stderr)]

    def assert_proven(self, bundle, vkey):
        for code, text in self.verdicts(bundle, vkey):
            self.assertEqual(code, 0, text)

    # ---- A new epoch ----

    def next_epoch(self, *more):
        config = self.cluster.config(REFERRAL)
        old = harness.write_next_epoch(config)
        self.command = ("new-epoch", "--config", config, "--old", old, "--reason", "keys lost", "--json")
        return self.cluster.run(*self.command, *more)

    def follow(self, made):
        """Everybody else's operator puts the new epoch and its keys in the old one's place; authors the CURVE key."""
        own = self.cluster.config(REFERRAL)
        keys = {name: (self.home / "keys-2" / f"{name}.public").read_text().strip()
                for name in ("signing", "curve", "cosigning")}
        self.assertEqual(made["signing_key"], keys["signing"])
        earlier = f'earlier_signing_keys: "{made["old_signing_key"]}"\n'
        own.write_text(own.read_text().replace(self.old["curve"], keys["curve"]) + earlier)
        for peer in cluster.INSTANCES:
            if peer == REFERRAL:
                continue
            text = self.cluster.config(peer).read_text()
            for name, key in keys.items():
                text = text.replace(self.old[name], key)
            self.cluster.config(peer).write_text(text.replace(
                f'origin: "{made["predecessor"]}"', f'origin: "{made["origin"]}"') + earlier)
        profile = self.cluster.client(AUTHOR, REFERRAL)
        profile.write_text(profile.read_text().replace(self.old["curve"], keys["curve"]))

    def goes_on(self, made, receipts):
        """Under the new log: peers follow it, repeats keep the old log's receipts, all verifies."""
        self.cluster.start_missing()
        for number, receipt in receipts.items():
            again = self.repeat(number)
            self.assertEqual(again, {**receipt, "repeated": True})
        fresh = self.published("--witnesses", "4")["receipts"][0]
        self.assertEqual(fresh["origin"], made["origin"])
        size = int(self.cluster.told(REFERRAL)["size"])

        def level():
            for name in cluster.INSTANCES:
                for subscription in self.cluster.told(name)["subscriptions"]:
                    if subscription["origin"] == made["origin"] and (
                            subscription["fault"] or int(subscription["stored_size"]) < size):
                        return False
            return True
        self.cluster.wait_until("everybody holds the new log", level)

    def repeat(self, number):
        result = self.cluster.run("publish", "--as", self.cluster.client(AUTHOR, REFERRAL), "--json", "-",
                                  stdin=self.need(number))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)["receipts"][0]

    @staticmethod
    def need(number):
        return json.dumps({
            "official": "oma-1", "case": f"{number:032x}", "id": f"00000000-0000-4000-8000-{number:012x}",
            "type": "polku.referral.v1.NeedIdentified",
            "event": {"identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT", "municipality_code": "564"}})

    def record(self, *numbers):
        """Under ids of the author's, so that they can be repeated; their receipts by number."""
        return {number: self.repeat(number) for number in numbers}

    def remember_old(self):
        self.old = {name: self.public(REFERRAL, name) for name in ("signing", "curve", "cosigning")}


class StolenTest(LostCase):
    """Copies of secrets are in wrong hands; ours are all there."""

    def test_1_an_authors_key(self):
        keys = self.cluster.directory / "authors" / AUTHOR / "keys"
        thief = self.directory / "thief-author"
        shutil.copytree(keys, thief)
        self.published()
        old = (keys / "curve.public").read_text().strip()
        # 1. at every service that lists it.
        for name in cluster.INSTANCES:
            self.keys(name, "revoke", "--key", old, "--reason", "laptop stolen", "--compromised")
        self.assert_fails(self.publish(), 1, "refused the handshake")
        # 2. and 3.: another key, and the entry of it in the place of the old one.
        shutil.rmtree(keys)
        self.cluster.polku("keygen", "--author", "--dir", keys)
        self.tidy_up()
        self.published()
        self.assert_fails(self.publish("--keys", thief), 1, "refused the handshake")
        [change] = [c for c in self.keys(REFERRAL, "show")["changes"]
                    if c["use"] == "principal" and c["reason"] == "laptop stolen"
                    and c["origin"] == self.cluster.origin(REFERRAL)]
        self.assertTrue(change["compromised"])
        self.assertEqual(change["new"], "")

    def test_2_our_curve_key(self):
        thief = self.directory / "thief-curve"
        shutil.copytree(self.home / "keys", thief)

        def knocks():
            """As us, at Kela's: to follow is all that we may there."""
            return self.cluster.run("publish", "--as", self.cluster.client(AUTHOR, KELA), "--keys", thief,
                                    "-", stdin=self.need(self.number))
        self.assertNotIn("handshake", knocks().stderr)
        change = self.keys(REFERRAL, "rotate", "curve", "--reason", "server read", "--compromised")
        self.assertTrue(change["running"])
        # Not even the service's own commands: what the thief has opens nothing any more.
        told = self.cluster.run("status", "--config", self.cluster.config(REFERRAL))
        self.assert_fails(told, 1, "refused the handshake")
        # At once, before anything is restarted: who follows takes the old key for nobody's.
        others = [name for name in cluster.INSTANCES if name != REFERRAL]
        self.cluster.wait_until("everybody has the entry", lambda: all(
            self.stored_of(name) > change["position"] for name in others))
        self.assert_fails(knocks(), 1, "refused the handshake")
        self.restart(REFERRAL)
        self.followers_hold_all()
        self.follows_all(REFERRAL)
        # 4. authors.
        self.assertNotEqual(self.publish("--timeout", "2").returncode, 0)
        self.tidy_up()
        self.published("--witnesses", "4")

    def test_3_our_cosigning_key(self):
        old = self.public(KELA, "cosigning")
        proofs = self.directory / "before-theft"
        before = self.published("--witnesses", "4", "--proof", proofs)
        self.assertIn(cluster.KELA, before["witnessed_by"])
        self.keys(KELA, "rotate", "cosigning", "--reason", "server read", "--compromised")
        self.restart(KELA)
        answer = self.published("--witnesses", "4")
        self.assertIn(cluster.KELA, answer["witnessed_by"])
        states = [line["state"] for line in self.keys(REFERRAL, "show")["keys"]
                  if line["use"] == "cosigning" and line["holder"] == f"{cluster.KELA}/compensation/witness"]
        self.assertEqual(sorted(states), ["counts", "counts for the past alone"])
        # What it cosigned before stands.
        verified = self.cluster.run("verify", before["proofs"][0], "--policy", self.policy(**{KELA: old}),
                                    "--leaf-hash", before["receipts"][0]["leaf_hash"])
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.tidy_up()

    def test_4_our_signing_key(self):
        self.published()
        before = self.bundle("before", self.case())
        first = self.public(REFERRAL, "signing")
        self.followers_hold_all()
        self.cluster.stop(REFERRAL)
        thief = {name: self.copy(name) for name in ("data", "keys", "keystore")}
        self.keys(REFERRAL, "rotate", "signing", "--reason", "server read", "--compromised")
        ours = {name: self.directory / f"{name}.ours" for name in thief}
        self.cluster.start(REFERRAL)
        self.published("--witnesses", "4")
        after_case = self.case()
        after = self.bundle("after", after_case)
        self.followers_hold_all()
        self.assertEqual(self.cluster.told(REFERRAL)["health"], "ok")
        self.assertEqual(self.cluster.told(REFERRAL)["forks"], [])

        # Both are proven by the key of the Genesis, to a verifier of ours and to one that shares no code; by the new
        # key alone nothing is: it does not say who came before it.
        second = self.public(REFERRAL, "signing")
        self.assertNotEqual(second, first)
        again = self.bundle("before-anew", f"{int(after_case, 16) - 1:032x}")
        for bundle in (before, after, again):
            self.assert_proven(bundle, first)
            for code, text in self.verdicts(bundle, second):
                self.assertNotEqual(code, 0, text)

        # The thief goes on in our place from what it has, CURVE key and all: nobody stores or cosigns a word of it.
        held = {name: self.stored_of(name) for name in cluster.INSTANCES if name != REFERRAL}
        self.cluster.stop(REFERRAL)
        for name, content in thief.items():
            (self.home / name).rename(ours[name])
            shutil.copytree(content, self.home / name)
        self.cluster.start(REFERRAL)
        self.assertLess(int(self.cluster.told(REFERRAL)["size"]) + 1, min(held.values()))
        self.assertNotIn('"witnessed_by":["', self.publish("--witnesses", "1", "--wait", "10").stdout)

        # 4. What it signed under the old key for a size that the old key has signed is a fork, and whoever follows
        # has the proof of it (retry_after_fault: half a minute).
        def has_fork():
            return [fork for fork in self.cluster.told(KELA)["forks"] if fork["origin"] == self.cluster.origin(REFERRAL)]
        self.cluster.wait_until("Kela has the proof", has_fork)
        evidence = self.directory / "evidence"
        told = self.cluster.run("status", "--config", self.cluster.config(KELA), "--evidence", evidence)
        self.assertEqual(told.returncode, 5, told.stdout + told.stderr)
        self.assertIn("FORK", told.stdout)
        [pair] = evidence.glob("*.checkpoint-pair")
        judged = subprocess.run([sys.executable, VERIFIER, "pair", pair, "--key", first], capture_output=True,
                                text=True, timeout=600)
        self.assertEqual(judged.returncode, 5, judged.stdout + judged.stderr)
        self.assertIn("fork", (judged.stdout + judged.stderr).lower())
        self.assertEqual({name: self.stored_of(name) for name in held}, held)

        # Ours is followed on, and what it proves it still does.
        self.cluster.stop(REFERRAL)
        for name in thief:
            self.put_back(ours[name], name)
        self.cluster.start(REFERRAL)
        self.published()
        self.followers_hold_all(but_faults=True)
        self.assert_proven(self.bundle("last", self.case()), first)


class LostSigningTest(LostCase):
    def test_its_backup_or_a_new_epoch(self):
        receipts = self.record(1, 2)
        type(self).number = 2
        self.followers_hold_all()
        self.remember_old()
        proven = self.bundle("old-epoch", f"{1:032x}")
        self.cluster.stop()
        backup = self.copy("keys")
        (self.home / "keys/signing.secret").unlink()
        self.start_refused(3, "signing.secret")
        # Its backup.
        self.put_back(backup, "keys")
        self.cluster.start(REFERRAL)
        self.cluster.stop(REFERRAL)
        # None.
        (self.home / "keys/signing.secret").unlink()
        result = self.next_epoch()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        made = json.loads(result.stdout)
        self.assertEqual(made["gap"], 0)
        self.follow(made)
        self.goes_on(made, receipts)
        self.cluster.stop(REFERRAL, KELA)
        self.assert_verified(REFERRAL, KELA)
        # What was proven is.
        self.assert_proven(proven, self.old["signing"])


class LostDirectoryTest(LostCase):
    def test_its_backup_or_new_keys_in_a_new_epoch(self):
        receipts = self.record(1, 2)
        type(self).number = 2
        self.followers_hold_all()
        self.remember_old()
        self.cluster.stop()
        backup = self.copy("keys")
        shutil.rmtree(self.home / "keys")
        self.start_refused(3, "curve.secret")
        # 1. Its backup, with the mark and what it cosigned.
        self.put_back(backup, "keys")
        self.cluster.start(REFERRAL)
        self.cluster.stop(REFERRAL)
        # 2. None; master.key has its own.
        shutil.rmtree(self.home / "keys")
        self.cluster.polku("keygen", "--origin", f"{cluster.OULU}/referral/2", "--dir", self.home / "keys-2")
        self.write_secret(self.home / "keys-2/master.key", (backup / "master.key").read_text())
        [told] = re.findall(rf'origin: "{self.cluster.origin(REFERRAL)}".*?signing_key: "([^"]+)"',
                            self.cluster.config(KELA).read_text(), re.DOTALL)
        (self.home / "keys").mkdir()
        (self.home / "keys/signing.public").write_text(told + "\n")
        result = self.next_epoch()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        made = json.loads(result.stdout)
        self.assertEqual(made["gap"], 0)
        self.follow(made)
        self.goes_on(made, receipts)
        self.cluster.stop(REFERRAL, KELA)
        self.assert_verified(REFERRAL, KELA)


class LostMasterTest(LostCase):
    def test_its_backup_or_a_new_epoch_without_the_contents_of_own_sections(self):
        receipts = self.record(1, 2)
        type(self).number = 2
        self.followers_hold_all()
        self.remember_old()
        self.cluster.stop()
        backup = self.copy("keys")
        (self.home / "keys/master.key").unlink()
        self.start_refused(3, "master.key")
        # Another one opens nothing, and the service does not start beside it.
        self.write_secret(self.home / "keys/master.key", "ab" * 32 + "\n")
        self.start_refused(3)
        # Its backup.
        self.put_back(backup, "keys")
        self.cluster.start(REFERRAL)
        self.cluster.stop(REFERRAL)
        # None: new keys, an empty keystore under another name, a new epoch.
        (self.home / "keys/master.key").unlink()
        refused = self.next_epoch()
        self.assert_fails(refused, 3, "master.key")
        shutil.rmtree(self.home / "keys-2")
        self.cluster.polku("keygen", "--origin", f"{cluster.OULU}/referral/2", "--dir", self.home / "keys-2")
        config = self.cluster.config(REFERRAL)
        self.assert_fails(self.next_epoch("--sections-lost"), 3, "name a new one")
        config.write_text(config.read_text().replace('keystore_directory: "keystore"',
                                                     'keystore_directory: "keystore-2"'))
        self.assert_fails(self.cluster.run(*self.command), 3, "--sections-lost")
        result = self.cluster.run(*self.command, "--sections-lost")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        made = json.loads(result.stdout)
        self.assertEqual((made["gap"], made["sections"]), (0, 0))
        self.follow(made)
        self.goes_on(made, receipts)
        # Who got the contents has them; here they are sealed, and what comes now is not.
        def shown(number):
            return self.cluster.polku("case", "--config", config, "--json", f"{number:032x}")
        self.assertNotIn("564", shown(1))
        self.assertIn("564", shown(self.number))
        self.follows_all(REFERRAL)


class LostPairsTest(LostCase):
    """The CURVE or the cosigning secret is lost, and nobody else has it."""

    def test_1_our_curve_key(self):
        self.published()
        keys = self.home / "keys"
        self.cluster.stop(REFERRAL)
        (keys / "curve.secret").unlink()
        self.start_refused(3, "curve.secret")
        # Beside the public part of the lost one nothing is made.
        refused = self.cluster.run("keygen", "--author", "--dir", keys)
        self.assert_fails(refused, 3, "curve.public", "move it away")
        self.assertFalse((keys / "curve.secret").exists())
        (keys / "curve.public").unlink()
        self.cluster.polku("keygen", "--author", "--dir", keys)
        self.cluster.start(REFERRAL)
        self.tidy_up()
        self.published("--witnesses", "4")

    def test_2_our_cosigning_key(self):
        before = self.published("--witnesses", "4", "--proof", self.directory / "before-loss")
        old = self.public(KELA, "cosigning")
        keys = self.cluster.directory / KELA / "keys"
        self.cluster.stop(KELA)
        (keys / "cosigning.secret").unlink()
        add = ("keygen", "--origin", self.cluster.origin(KELA), "--dir", keys, "--add-cosigning")
        self.assert_fails(self.cluster.run(*add), 3, "cosigning.public", "move it away")
        self.assertFalse((keys / "cosigning.secret").exists())
        (keys / "cosigning.public").unlink()
        self.cluster.polku(*add)
        self.assertNotEqual(self.public(KELA, "cosigning"), old)
        self.tidy_up()
        self.assertIn(cluster.KELA, self.published("--witnesses", "4")["witnessed_by"])
        verified = self.cluster.run("verify", before["proofs"][0], "--policy", self.policy(**{KELA: old}),
                                    "--leaf-hash", before["receipts"][0]["leaf_hash"])
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


class ForgedLogTest(LostCase):
    """Whoever can write the data directory, and not the keys directory, puts a log under keys of its own there."""

    def test_nothing_is_proven_of_it(self):
        self.published()
        case = self.case()
        self.cluster.stop()
        real_keys = self.copy("keys")
        # Another log of the same origin, by the same program, that ends with a change to our real key.
        for name in ("data", "keystore", "keys"):
            shutil.rmtree(self.home / name)
        self.cluster.polku("keygen", "--origin", self.cluster.origin(REFERRAL), "--dir", self.home / "keys")
        for key in ("curve", "cosigning"):
            for part in ("public", "secret"):
                shutil.copy2(real_keys / f"{key}.{part}", self.home / "keys")
        shutil.copy2(real_keys / "master.key", self.home / "keys")
        self.cluster.start(REFERRAL)
        type(self).number = int(case, 16) - 1
        self.published()
        self.cluster.stop(REFERRAL)
        for story in ("under its own key", "that leads to another key of its own", "that leads to our key"):
            with self.subTest(story):
                data = self.home / "data"
                kept = self.directory / "forged"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(data, kept)
                forger = self.directory / "forger"
                shutil.rmtree(forger, ignore_errors=True)
                shutil.copytree(self.home / "keys", forger)
                if story != "under its own key":
                    if story == "that leads to our key":
                        for part in ("public", "secret"):
                            shutil.copy2(real_keys / f"signing.{part}", self.home / "keys" / f"signing.next.{part}")
                    self.keys(REFERRAL, "rotate", "signing", "--reason", "forged")
                self.put_back(real_keys, "keys")
                (self.home / "keys/high-water.note").unlink()
                for command in (("bundle", "--case", case, "--out", self.directory / "forged.json"),
                                ("prove", "--origin", self.cluster.origin(REFERRAL), "--position", "2",
                                 "--out", self.directory / "forged.proof"),
                                ("export", "--tlog", self.directory / "forged-tiles")):
                    result = self.cluster.run(*command, "--config", self.cluster.config(REFERRAL))
                    self.assertIn(result.returncode, (3, 5), result.stdout + result.stderr)
                    self.assertTrue(result.stderr.strip())
                self.assertEqual(list(self.directory.glob("forged.json")) + list(self.directory.glob("forged.proof")),
                                 [])
                checked = self.cluster.run("verify", "--config", self.cluster.config(REFERRAL))
                self.assertEqual(checked.returncode, 5, checked.stdout + checked.stderr)
                shutil.rmtree(data)
                shutil.copytree(kept, data)
                self.put_back(forger, "keys")


if __name__ == "__main__":
    harness.main()
