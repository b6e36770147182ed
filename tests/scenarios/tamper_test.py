#!/usr/bin/env python3
"""What an insider, a bad disk or a crash does to real services' stores: `polku verify` says of each tampering what and
where it is, and of a healthy store, also after SIGKILL under load, that there is nothing."""

import json
import shutil
import subprocess
import threading
import time

import expected
import harness
from harness import cluster, demo


def need(case):
    return json.dumps({"official": "oma-1", "case": case, "type": "polku.referral.v1.NeedIdentified",
                       "event": {"identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
                                 "municipality_code": "564"}})


class TamperTest(harness.SystemTest):
    """One run of the demo, then copies of its stores."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start_missing()
        for act in demo.ACTS:
            demo.perform(cls.cluster, act)
        cls.cluster.settle()

    def verify(self, name, *more):
        result = self.cluster.run("verify", "--config", self.cluster.config(name), "--json", *more)
        self.assertTrue(result.stdout, result.stderr)
        return result.returncode, json.loads(result.stdout)

    def check_healthy(self, names=tuple(cluster.INSTANCES)):
        for name in names:
            code, report = self.verify(name)
            self.assertEqual(code, 0, json.dumps(report, indent=1)[:4000])
            target = report["targets"][0]
            self.assertEqual(target["problems"], [])
            for log in target["logs"]:
                self.assertTrue(log["key_known"], log)
                self.assertGreater(log["checkpoints"], 0, log)
                self.assertEqual(log["held"] + log["withheld"], log["entries"], log)

    def test_1_while_the_services_run_there_is_nothing_to_tell(self):
        self.check_healthy()

    def test_2_after_kills_under_load_there_is_nothing_to_tell(self):
        made = self.cluster
        name = "oulu-referral"
        stop = threading.Event()

        def load():
            number = 0
            while not stop.is_set():
                number += 1
                made.run("publish", "--as", made.client("oulu", name), "--timeout", "2", "-",
                         stdin=need(f"{number:032x}"))

        loader = threading.Thread(target=load)
        loader.start()
        try:
            for _ in range(3):
                time.sleep(1)
                made.stop(name, "kela-compensation", kill=True)
                # As the crash left it, before anybody opened it for writing; and after recovery.
                self.check_healthy((name, "kela-compensation"))
                made.start(name, "kela-compensation")
                self.check_healthy((name,))
        finally:
            stop.set()
            loader.join()
        made.settle()
        self.check_healthy()

    def test_3_every_tampering_is_caught(self):
        made = self.cluster
        codes = made.stop()
        self.assertEqual(set(codes.values()), {0})
        for name in ("oulu-referral", "kela-compensation"):
            work = self.directory / f"work-{name}"
            work.mkdir()
            result = subprocess.run(
                [made.binaries / "polku-tamper", made.config(name), work],
                capture_output=True, text=True, timeout=600)
            print(result.stdout, end="")
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            shutil.rmtree(work)

    def test_4_the_command_says_it_to_people_and_machines(self):
        """A flipped byte in a file of the database: exit code 5, with place and remedy."""
        made = self.cluster
        name = "toimintatupa-attendance"
        data = made.directory / name / "data"
        kept = self.directory / "kept"
        shutil.copytree(data, kept)
        log = max((path for path in data.iterdir() if path.suffix in (".sst", ".log")),
                  key=lambda path: path.stat().st_size)
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 0x10
        log.write_bytes(content)
        code, report = self.verify(name)
        self.assertEqual(code, 5)
        problems = report["targets"][0]["problems"]
        self.assertTrue(problems)
        self.assertTrue(all(problem["remedy"] for problem in problems))
        text = made.run("verify", "--config", made.config(name))
        self.assert_has(text.stdout, "PROBLEM", "->")
        # An old copy of the whole directory is healthy in itself; the mark beside the key tells.
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        self.assertEqual(self.verify(name)[0], 0)

    def assert_has(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)

    def test_5_exports_verify_and_a_changed_one_does_not(self):
        made = self.cluster
        out = self.directory / "tlog"
        made.polku("export", "--config", made.config("oulu-referral"), "--tlog", out)
        key = made.directory / "oulu-referral/keys/signing.public"
        result = made.run("verify", out, "--key", key)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        tile = next((out / "tile/0").rglob("[0-9]*"))
        tile = tile if tile.is_file() else next(path for path in tile.iterdir() if path.is_file())
        content = bytearray(tile.read_bytes())
        content[5] ^= 1
        tile.write_bytes(content)
        result = made.run("verify", out, "--key", key, "--json")
        self.assertEqual(result.returncode, 5)
        self.assertEqual(json.loads(result.stdout)["targets"][0]["problems"][0]["kind"], "tile")


    def test_6_no_reader_serves_the_history_before_a_damaged_place_as_the_whole(self):
        """A flipped byte in the write-ahead log: every command says which file and byte, exit code 5; a log that ends
        within its last write is what a crash leaves, and fine."""
        made = self.cluster
        name = "oulu-referral"
        made.start_missing()
        case, config = expected.cases()["T01"], made.config(name)
        made.polku("case", case, "--config", config)
        for number in range(10):
            made.polku("publish", "--as", made.client("oulu", name), "-", stdin=need(f"6{number:031x}"))
        made.stop()
        data = made.directory / name / "data"
        log = max(data.glob("*.log"), key=lambda path: path.stat().st_size)
        whole = log.read_bytes()
        self.assertGreater(len(whole), 4_096)
        for at in (len(whole) // 10, len(whole) // 2, len(whole) * 3 // 4):
            content = bytearray(whole)
            content[at] ^= 0x10
            log.write_bytes(content)
            for arguments in (("--config", config), ("--data", data)):
                result = made.run("verify", *arguments, "--json")
                self.assertEqual(result.returncode, 5, result.stdout + result.stderr)
                problems = json.loads(result.stdout)["targets"][0]["problems"]
                # One cause, one problem: no talk of an old copy.
                self.assertEqual([problem["kind"] for problem in problems], ["unreadable"])
                self.assert_has(problems[0]["what"], log.name, "damaged at byte")
                self.assert_has(problems[0]["remedy"], "backup", "polku recover")
            for arguments in (("case", case, "--config", config), ("summary", "--config", config),
                              ("bundle", "--config", config, "--case", case, "--out", self.directory / "damaged.json"),
                              ("export", "--config", config, "--tlog", self.directory / "damaged"),
                              ("reindex", "--config", config)):
                result = made.run(*arguments)
                self.assert_fails(result, 5, log.name, "damaged at byte", "backup")
            self.assertFalse((self.directory / "damaged.json").exists())
        log.write_bytes(whole[:-10])
        result = made.run("verify", "--data", data, "--json")
        self.assertEqual(result.returncode, 3, result.stdout + result.stderr)  # no keys: hashes alone
        self.assertEqual(json.loads(result.stdout)["targets"][0]["problems"], [])
        log.write_bytes(whole)
        self.check_healthy((name,))


if __name__ == "__main__":
    harness.main()
