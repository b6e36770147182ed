#!/usr/bin/env python3
"""What an operator does and is told around changes of keys: reads go on, what waits is shown, nothing is urgent that
is not, and a refused command leaves nothing behind (services/host/README.md "Keys")."""

import shutil
import signal
import unittest

import harness
from harness import cluster
from keys_case import KELA, REFERRAL, KeysCase


class KeysOperateTest(KeysCase):
    def read_all(self):
        """Every command that shows personal data, each put on record with the service's own key."""
        size = int(self.cluster.told(REFERRAL)["size"]) if REFERRAL in self.cluster.processes else None
        case = f"{self.number:032x}"
        for command in (("case", case), ("replay",), ("summary",), ("disclosures", case)):
            result = self.read(*command)
            self.assertEqual(result.returncode, 0, f"{command}: {result.stderr}")
        if size is not None:
            self.assertEqual(int(self.cluster.told(REFERRAL)["size"]), size + 4)

    def read(self, *command):
        return self.cluster.run(*command, "--config", self.cluster.config(REFERRAL))

    def next_files(self, name):
        return sorted(path.name for path in (self.cluster.directory / name / "keys").glob("*.next*"))

    def test_1_reads_go_on_whenever_the_own_key_changes(self):
        self.published()
        self.read_all()
        configured = self.public(REFERRAL, "curve")
        for more in ((), (), ("--compromised",)):
            old = self.public(REFERRAL, "curve")
            if more:  # afterwards nobody can be asked who holds the entry
                self.followers_hold_all()
            self.keys(REFERRAL, "rotate", "curve", "--reason", "yearly", *more)
            if more:
                refused = self.read("case", f"{self.number:032x}")
                self.assert_fails(refused, 3, "it takes the new key then")
            else:
                self.read_all()
            self.restart(REFERRAL)
            self.assertNotEqual(self.public(REFERRAL, "curve"), old)
            self.read_all()
            self.cluster.stop(REFERRAL)
            self.read_all()
            self.cluster.start(REFERRAL)
        # The configuration still has the first key, which is no fault.
        self.followers_hold_all()
        for name in (REFERRAL, KELA):
            status = self.cluster.run("status", "--config", self.cluster.config(name))
            self.assertEqual(status.returncode, 0, status.stdout)
            self.assertIn("health   ok", status.stdout)
            notes = [line for line in status.stdout.splitlines() if "tidy up" in line]
            self.assertTrue(notes, status.stdout)
            for note in notes:
                self.assertIn(self.public(REFERRAL, "curve"), note)
                self.assertIn(configured, note)
                self.assertLess(len(note), 250)
            self.assertEqual(len(self.cluster.told(name)["notes"]), len(notes))
        self.tidy_up()
        for name in (REFERRAL, KELA):
            self.assertEqual(self.cluster.told(name)["notes"], [])
        self.read_all()
        self.cluster.stop(REFERRAL)
        self.read_all()

    def test_2_what_is_announced_waits_for_the_followers_and_is_shown(self):
        self.followers_hold_all()
        kela = self.cluster.processes[KELA]
        kela.send_signal(signal.SIGSTOP)
        try:
            change = self.keys(REFERRAL, "rotate", "cosigning", "--reason", "yearly", "--wait", "15")
            waiting = [name for name in change["not_yet_with"] if name.startswith(cluster.KELA)]
            self.assertEqual(len(waiting), len(change["not_yet_with"]), change)
            self.assertEqual(len(waiting), 1)
            [row] = [key for key in self.keys(REFERRAL, "show")["keys"] if "announced_at" in key]
            self.assertEqual((row["use"], row["state"], row["announced_at"], row["not_yet_with"]),
                             ("cosigning", "announced, in force after the restart", change["position"], waiting))
        finally:
            kela.send_signal(signal.SIGCONT)
        # Asked for again it is the same entry, and now everybody has it.
        again = self.cluster.run("keys", "rotate", "cosigning", "--reason", "yearly", "--config",
                                 self.cluster.config(REFERRAL), "--wait", "60")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn(f"entry {change['position']}: ", again.stdout)
        self.assertRegex(again.stdout, r"all \d+ that follow this log hold the entry: restart the service now")
        text = self.cluster.polku("keys", "show", "--config", self.cluster.config(REFERRAL))
        self.assertIn(f"announced at entry {change['position']}, in force after the restart", text)
        self.restart(REFERRAL)
        self.assertEqual(self.public(REFERRAL, "cosigning"), row["key"])
        self.assertFalse([key for key in self.keys(REFERRAL, "show")["keys"] if "announced_at" in key])

    def test_3_keys_are_shown_whole_and_revoked_by_what_is_shown(self):
        keys = self.keys(REFERRAL, "show")["keys"]
        public = {(key["use"], key["holder"]): key for key in keys}
        origin = self.cluster.origin(REFERRAL)
        for use in ("signing", "curve", "cosigning"):
            self.assertEqual(public[use, origin]["key"], self.public(REFERRAL, use))
            self.assertEqual(public[use, origin]["state"], "in force")
        officials = [key for key in keys if key.get("official")]
        self.assertTrue(officials)
        eraser = next(key for key in officials if "erase" in key["rights"].split())
        text = self.cluster.polku("keys", "show", "--config", self.cluster.config(REFERRAL))
        [line] = [line for line in text.splitlines() if eraser["fingerprint"] in line]
        for part in (eraser["key"], eraser["official"], eraser["holder"], eraser["rights"]):
            self.assertIn(part, line)
        unknown = self.cluster.run("keys", "revoke", "--key", "0123456789abcdef", "--reason", "x", "--config",
                                   self.cluster.config(REFERRAL))
        self.assertEqual(unknown.returncode, 2, unknown.stderr)
        revoked = self.keys(REFERRAL, "revoke", "--key", eraser["fingerprint"], "--reason", "left")
        self.assertEqual(revoked["old"], eraser["fingerprint"])
        [after] = [key for key in self.keys(REFERRAL, "show")["keys"] if key["fingerprint"] == eraser["fingerprint"]]
        self.assertEqual(after["state"], "given up")

    def test_4_what_needs_a_stopped_service_leaves_nothing_behind_when_it_runs(self):
        before = self.next_files(REFERRAL)
        for which in ("signing", "master"):
            more = ("--reason", "yearly") if which == "signing" else ()
            refused = self.cluster.run("keys", "rotate", which, *more, "--config", self.cluster.config(REFERRAL))
            self.assert_fails(refused, 4, f"the service {self.cluster.origin(REFERRAL)} runs: stop it")
            self.assertNotIn("LOCK", refused.stderr)
        self.assertEqual(self.next_files(REFERRAL), before)

    def test_5_a_reader_without_keystore_or_master_key_is_told_of_the_backup(self):
        self.cluster.stop(REFERRAL)
        home = self.cluster.directory / REFERRAL
        shutil.move(home / "keystore", self.directory / "keystore-away")
        try:
            for begun_anew in (False, True):
                if begun_anew:  # as a start that was refused leaves it
                    with self.assertRaisesRegex(RuntimeError, "restore the keystore's backup"):
                        self.cluster.start(REFERRAL)
                refused = self.read("case", f"{1:032x}")
                self.assert_fails(refused, 3, "restore the keystore's backup")
                self.assertNotIn("open it for writing", refused.stderr)
        finally:
            shutil.rmtree(home / "keystore", ignore_errors=True)
            shutil.move(self.directory / "keystore-away", home / "keystore")
        master = home / "keys/master.key"
        shutil.move(master, self.directory / "master-away")
        try:
            refused = self.read("case", f"{1:032x}")
            self.assert_fails(refused, 3, "restore its backup", "services/host/README.md", "master key, lost")
        finally:
            shutil.move(self.directory / "master-away", master)


if __name__ == "__main__":
    harness.main()
