#!/usr/bin/env python3
"""Keys through real processes: each rotation while exchange goes on, keys that are revoked, proofs from before,
and what an operator does when a key or the keystore is lost (services/host/README.md "Keys")."""

import json
import os
import shutil
import signal
import unittest

import harness
from harness import cluster
from keys_case import AUTHOR, KELA, REFERRAL, KeysCase


class KeysTest(KeysCase):
    # ---- Rotations ----

    def test_1_a_services_curve_key(self):
        self.published()
        old = self.public(REFERRAL, "curve")
        change = self.keys(REFERRAL, "rotate", "curve", "--reason", "yearly")
        self.assertTrue(change["running"])
        # Announced, not yet in use: everything goes on under the old one.
        self.assertEqual(self.public(REFERRAL, "curve"), old)
        self.published()
        self.followers_hold_all()
        self.restart(REFERRAL)
        new = self.public(REFERRAL, "curve")
        self.assertNotEqual(new, old)
        self.assertEqual((self.cluster.directory / REFERRAL / "keys/earlier/curve.1.public").read_text().strip(), old)
        # Whoever connects with the old one is not answered; with the new one the same offer is taken.
        result = self.publish("--timeout", "2")
        self.assertNotEqual(result.returncode, 0)
        result = self.publish("--server-key", new)
        self.assertEqual(result.returncode, 0, result.stderr)
        # Peers went over by themselves, both ways, and say what their operators can tidy up.
        self.followers_hold_all()
        self.follows_all(REFERRAL)
        told = self.cluster.told(KELA)
        self.assertEqual(told["health"], "ok")
        self.assertIn(new, "\n".join(told["notes"]))
        shown = self.keys(REFERRAL, "show")
        self.assertEqual([c["use"] for c in shown["changes"] if c["origin"] == self.cluster.origin(REFERRAL)],
                         ["curve"])
        self.tidy_up()

    def test_2_a_witnesss_cosigning_key(self):
        proofs = self.directory / "before-cosigning"
        before = self.published("--witnesses", "1", "--proof", proofs)
        old = self.public(KELA, "cosigning")
        self.keys(KELA, "rotate", "cosigning", "--reason", "yearly")
        self.published("--witnesses", "4")  # of four other agencies: the old key goes on cosigning
        self.restart(KELA)
        self.assertNotEqual(self.public(KELA, "cosigning"), old)
        answer = self.published("--witnesses", "4")
        self.assertIn(cluster.KELA, answer["witnessed_by"])
        # The proof from before, judged by the keys of then, stands.
        policy = self.policy(**{KELA: old})
        verified = self.cluster.run("verify", before["proofs"][0], "--policy", policy, "--leaf-hash",
                                    before["receipts"][0]["leaf_hash"])
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.tidy_up()
        self.cluster.stop(REFERRAL)
        checked = self.cluster.run("verify", "--config", self.cluster.config(REFERRAL))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_3_a_logs_signing_key(self):
        old = self.public(REFERRAL, "signing")
        self.published()
        # Running, it is refused: nothing else may be signed between.
        refused = self.cluster.run("keys", "rotate", "signing", "--config", self.cluster.config(REFERRAL),
                                   "--reason", "yearly")
        self.assert_fails(refused, 4, "stop it")
        self.assertEqual(self.cluster.stop(REFERRAL)[REFERRAL], 0)
        change = self.keys(REFERRAL, "rotate", "signing", "--reason", "yearly")
        self.assertEqual(change["use"], "signing")
        self.assertNotEqual(self.public(REFERRAL, "signing"), old)
        self.cluster.start(REFERRAL)
        self.published("--witnesses", "4")
        self.followers_hold_all()
        self.assertEqual(self.cluster.told(KELA)["health"], "ok")  # the Genesis's key stays configured
        # Both sides verify the whole log, under both keys.
        for name in (REFERRAL, KELA):
            self.cluster.stop(name)
            checked = self.cluster.run("verify", "--config", self.cluster.config(name))
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        # The old key opens nothing any more.
        keys = self.cluster.directory / REFERRAL / "keys"
        self.assertEqual((keys / "earlier/signing.1.public").read_text().strip(), old)

    def test_4_an_authors_key(self):
        keys = self.cluster.directory / "authors" / AUTHOR / "keys"
        next_pair = json.loads(self.cluster.polku("keys", "rotate", "author", "--dir", keys, "--json"))
        self.published()
        self.keys(REFERRAL, "replace", "--old", next_pair["old"], "--new", next_pair["new"], "--holder",
                  cluster.OULU, "--reason", "yearly")
        self.published()  # until the new one is used
        kept = self.directory / "old-author"
        shutil.copytree(keys, kept)
        self.cluster.polku("keys", "rotate", "author", "--take", "--dir", keys)
        self.published()
        old = self.publish("--keys", kept)
        self.assert_fails(old, 1, "refused the handshake")
        for name in cluster.INSTANCES:
            if name != REFERRAL:
                self.keys(name, "replace", "--old", next_pair["old"], "--new", next_pair["new"], "--holder",
                          cluster.OULU)
        self.tidy_up()

    # ---- Lost and stolen ----

    def test_5_a_stolen_peers_key_is_refused_at_once(self):
        """Kela's operator tells that its keys directory was read: revoked here, also on the open connection."""
        self.follows_all(KELA)
        stored = self.stored_of(KELA)
        revoked = self.keys(REFERRAL, "revoke", "--key", self.public(KELA, "curve"), "--reason", "stolen",
                            "--compromised")
        self.assertTrue(revoked["running"])
        self.published()
        others = [name for name in cluster.INSTANCES if name not in (REFERRAL, KELA)]
        self.cluster.wait_until("the others have it", lambda: all(
            self.stored_of(name) == int(self.cluster.told(REFERRAL)["size"]) for name in others))
        self.assertLessEqual(self.stored_of(KELA), stored + 1)  # the entry that revokes it, at most
        refused = self.cluster.run("keys", "revoke", "--config", self.cluster.config(REFERRAL), "--key",
                                   self.public(KELA, "curve"), "--reason", "again")
        self.assertEqual(refused.returncode, 3, refused.stdout + refused.stderr)
        # Its operator makes a new key and gives it to those who list the old one: they list it, and go on.
        keys = self.cluster.directory / KELA / "keys"
        self.cluster.stop(KELA)
        fresh = self.directory / "fresh"
        self.cluster.polku("keygen", "--author", "--dir", fresh)
        for name in ("curve.secret", "curve.public"):
            os.replace(fresh / name, keys / name)
        self.tidy_up()
        self.assertEqual(self.stored_of(KELA), int(self.cluster.told(REFERRAL)["size"]))

    def test_6_the_master_key_wherever_its_rotation_is_broken_off(self):
        keys = self.cluster.directory / REFERRAL / "keys"
        store = self.cluster.directory / REFERRAL / "keystore"
        self.assert_fails(self.cluster.run("keys", "rotate", "master", "--config",
                                           self.cluster.config(REFERRAL)), 4)
        self.cluster.stop(REFERRAL)
        before = (keys / "master.key").read_text()
        old_store = self.directory / "old-keystore"
        shutil.copytree(store, old_store)
        self.assertGreater(self.keys(REFERRAL, "rotate", "master")["keys"], 0)
        after = (keys / "master.key").read_text()
        self.assertNotEqual(after, before)
        self.assertFalse((keys / "master.key.next").exists())
        # Killed before the keystore was sealed anew, and after it: both start, and one key is left.
        new_store = self.directory / "new-keystore"
        shutil.copytree(store, new_store)
        for content, opens in ((old_store, before), (new_store, after)):
            shutil.rmtree(store)
            shutil.copytree(content, store)
            self.write_secret(keys / "master.key", before)
            self.write_secret(keys / "master.key.next", after)
            self.cluster.start(REFERRAL)  # nothing is published: its keys would go with the next copy
            self.cluster.stop(REFERRAL)
            self.assertEqual((keys / "master.key").read_text(), opens)
            # Run again, it goes on: what it had made is the key.
            self.keys(REFERRAL, "rotate", "master")
            self.assertNotEqual((keys / "master.key").read_text(), before)
            self.assertFalse((keys / "master.key.next").exists())
        self.cluster.start(REFERRAL)
        self.published("--witnesses", "4")
        self.cluster.stop(REFERRAL)
        # Another key than the keystore's: the service does not start.
        now = (keys / "master.key").read_text()
        self.write_secret(keys / "master.key", before)
        with self.assertRaisesRegex(RuntimeError, "exit 3"):
            self.cluster.start(REFERRAL)
        # As a credential that systemd gives, it needs no file.
        credentials = self.directory / "credentials"
        credentials.mkdir()
        (credentials / "polku-master.key").write_text(now)
        (keys / "master.key").unlink()
        os.environ["CREDENTIALS_DIRECTORY"] = str(credentials)
        try:
            self.cluster.start(REFERRAL)
            self.published()
            self.cluster.stop(REFERRAL)
        finally:
            del os.environ["CREDENTIALS_DIRECTORY"]
        self.write_secret(keys / "master.key", now)

    def test_7_a_lost_keystore(self):
        store = self.cluster.directory / REFERRAL / "keystore"
        answer = self.published("--witnesses", "4")
        self.followers_hold_all()
        self.cluster.stop(REFERRAL)
        backup = self.directory / "keystore-backup"
        shutil.copytree(store, backup)
        shutil.rmtree(store)
        # Not begun anew beside a log that it belongs to.
        with self.assertRaisesRegex(RuntimeError, "restore the keystore's backup"):
            self.cluster.start(REFERRAL)
        # Headers and proofs need no keystore, and what others got they go on having.
        checked = self.cluster.run("verify", "--config", self.cluster.config(KELA))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        # The backup is put back: all is as it was.
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(backup, store)
        self.cluster.start(REFERRAL)
        self.published("--witnesses", "4")

    def test_8_what_crashes_leaves_no_core(self):
        process = self.cluster.processes[REFERRAL]
        with open(f"/proc/{process.pid}/limits") as file:
            [core] = [line for line in file if line.startswith("Max core file size")]
        self.assertEqual(core.split()[4:6], ["0", "0"])
        process.send_signal(signal.SIGABRT)
        self.assertEqual(process.wait(timeout=600), -signal.SIGABRT)
        self.assertEqual(list(self.cluster.directory.rglob("core*")), [])
        self.cluster.processes.pop(REFERRAL).stdout.close()
        self.cluster.start(REFERRAL)
        self.published()


if __name__ == "__main__":
    harness.main()
