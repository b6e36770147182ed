"""What the stories about erasures share: what officials do, and the bytes that must go from every disk."""

import json
import subprocess

import harness
from harness import cluster, demo

REFERRAL = "oulu-referral"
ATTENDANCE = "toimintatupa-attendance"
KELA = "kela-compensation"
AUDITOR = "tarkastaja-audit"
BACKUP_DAYS = 30
BASIS = "laki sosiaalihuollon asiakasasiakirjoista 254/2015 27 §"

# Through one month of attendance, so that every service has recorded or received something.
LAST_ACT = "lasnaolo-2025-04.csv"


def pieces(data, size=24):
    """A few stretches of a value: who stores it in pieces must not hide it."""
    step = max(size, len(data) // 4)
    return [data[at:at + size] for at in range(0, max(1, len(data) - size), step)]


class ErasureCase(harness.SystemTest):
    data = {}  # of instances whose data directory has another name

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cases = dict(line.split(";") for line in
                         (harness.INPUT / "asiakkaat.csv").read_text().split()[1:])
        for name in cluster.INSTANCES:
            with open(cls.cluster.config(name), "a") as config:
                config.write(f"keystore_backup_days: {BACKUP_DAYS}\n")
        cls.cluster.start_missing()
        for act in demo.ACTS:
            demo.perform(cls.cluster, act)
            if act[3] == LAST_ACT:
                break
        cls.cluster.settle()

    def setUp(self):
        self.cluster.start_missing()
        self.cluster.settle()

    # ---- Acts ----

    def official(self, name, number):
        agency = cluster.INSTANCES[name][0].rsplit("/", 1)[1]
        return self.cluster.client(f"{agency}-tietosuoja-{number}", name)

    def request(self, name, case, tier="sections"):
        result = self.cluster.run("erase", "--as", self.official(name, 1), "--case", case, "--basis",
                                  BASIS, "--tier", tier, "--json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)["receipt"]["id"]

    def confirm(self, name, case, request, number=2):
        return self.cluster.run("erase", "confirm", request, "--as", self.official(name, number),
                                "--case", case, "--json")

    def erase(self, name, case, tier="sections"):
        request = self.request(name, case, tier)
        confirmed = self.confirm(name, case, request)
        self.assertEqual(confirmed.returncode, 0, confirmed.stdout + confirmed.stderr)
        return request

    def erasure(self, name, case):
        """What the origin says of it; the exit code is that of an erasure that is through, or is not."""
        result = self.cluster.run("erasure", "status", "--config", self.cluster.config(name),
                                  "--case", case, "--json")
        self.assertIn(result.returncode, (0, 1), result.stderr)
        erasures = json.loads(result.stdout)["erasures"]
        self.assertEqual(result.returncode, 0 if all(e["complete"] for e in erasures) else 1)
        return erasures

    def complete(self, name, case, count=1):
        def through():
            erasures = self.erasure(name, case)
            return erasures if len(erasures) == count and all(e["complete"] for e in erasures) else None
        return self.cluster.wait_until(f"everybody answers {name}", through)

    # ---- Bytes ----

    def tool(self, *arguments):
        result = subprocess.run([self.cluster.binaries / "polku_raw_case", *map(str, arguments)],
                                capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def values(self, name, case, origin):
        """What an instance holds of that log's part of the case: [(what, position, bytes)]."""
        home = self.cluster.directory / name
        found = []
        for line in self.tool("bytes", home / self.data.get(name, "data"), home / "keystore", case).splitlines():
            what, of, position, value = line.split(" ")
            if of == origin or (of == "own" and origin == self.cluster.origin(name)):
                found.append((what, int(position), bytes.fromhex(value)))
        return found

    def on_disk(self, name, values):
        """Those of the values of which a stretch is in any file of the instance's two stores."""
        home = self.cluster.directory / name
        files = [file for store in (self.data.get(name, "data"), "keystore")
                 for file in sorted((home / store).rglob("*")) if file.is_file()]
        content = [file.read_bytes() for file in files]
        # What lies across two blocks of a write-ahead log has the second one's header (RocksDB, log_format.h) within it.
        content += [b"".join(text[at + 7:at + 32768] for at in range(0, len(text), 32768))
                    for file, text in zip(files, content) if file.suffix == ".log"]
        # A leaf begins with a constant and 32 random bytes; a header has words that others have, too. LZ4 takes four bytes
        # that it has seen before for a reference, also amid random ones: so three stretches of them.
        def stretches(what, value):
            return [value[14:24], value[24:35], value[35:46]] if what == "leaf" else pieces(value)
        return [(what, position) for what, position, value in values
                if any(stretch in text for stretch in stretches(what, value) for text in content)]

    def problems(self, name, config=None):
        result = self.cluster.run("verify", "--config", config or self.cluster.config(name), "--json")
        [target] = json.loads(result.stdout)["targets"]
        return result.returncode, target["problems"]
