#!/usr/bin/env python3
"""polku and polku_verify.py, which share no code, on each other's evidence: a real log of real services proven,
bundled and exported by `polku`, verified by Python and by Go's sumdb packages; evidence made in Python, verified by
`polku`; and every altered copy refused by both or by neither."""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "scenarios"))
import maker  # noqa: E402
from maker import pv  # noqa: E402

import expected  # noqa: E402  (after maker, which keeps Python from writing compiled files)
import harness  # noqa: E402
from harness import demo  # noqa: E402

RUNNING = ("oulu-referral", "kela-compensation", "hyvinvointi-compensation")
REFERRAL = "oulu-referral"
SEED = int(os.environ.get("POLKU_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
ROUNDS = int(os.environ.get("POLKU_ROUNDS", "40"))  # altered copies of each file
GO = next((go for go in ("/usr/lib/go-1.19/bin/go", shutil.which("go")) if go and os.path.exists(go)), None)
SUMDB = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")

LOG = maker.NamedKey("FI/MUN/0187690-1/oulu/referral/1", 1)
W1 = maker.NamedKey("FI/GOV/0245437-2/kela/compensation/witness", 4)
W2 = maker.NamedKey("FI/ORG/9999992-5/toimintatupa/attendance/witness", 4)
T0 = 1_763_000_000


def run_python(*arguments):
    """The Python verifier: its exit code and text."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = pv.main([str(a) for a in arguments])
        except SystemExit as stopped:
            code = stopped.code
    return code, out.getvalue() + err.getvalue()


def run_polku(*arguments):
    result = subprocess.run([harness.BINARIES / "polku", *map(str, arguments)], capture_output=True, text=True,
                            timeout=120)
    return result.returncode, result.stdout + result.stderr


class Evidence:
    """A file or directory of evidence with how each verifier is asked about it."""

    def __init__(self, kind, path, policy, leaf_hash=None):
        self.kind, self.path, self.policy, self.leaf_hash = kind, Path(path), policy, leaf_hash

    def python(self):
        leaf = ("--leaf-hash", self.leaf_hash.hex()) if self.leaf_hash else ()
        return run_python(self.kind, self.path, "--policy", self.policy, *leaf)

    def polku(self):
        if self.kind == "bundle":
            return run_polku("bundle", "verify", self.path, "--policy", self.policy)
        leaf = ("--leaf-hash", self.leaf_hash.hex()) if self.leaf_hash else ()
        return run_polku("verify", self.path, "--policy", self.policy, *leaf)


class Verifiers(unittest.TestCase):
    def both(self, evidence, expected):
        """Both verifiers say `expected`; on any difference the test fails with what each said."""
        answers = {"python": evidence.python(), "polku": evidence.polku()}
        for name, (code, text) in answers.items():
            self.assertEqual(code, expected, f"{name} on {evidence.kind} {evidence.path}: {text}\n{answers}")
        return answers


def altered(data, source):
    """The bytes with one change: a bit, a byte, one more, one less, or the end cut off."""
    data, at = bytearray(data), source.randrange(len(data))
    act = source.randrange(5)
    if act == 0:
        data[at] ^= 1 << source.randrange(8)
    elif act == 1:
        data[at] = source.choice(b"\n \"\\,:{}[]0129azAZ+/=-_")
    elif act == 2:
        data.insert(at, source.choice(b"\n \"\\,:{}[]0129azAZ+/=-_"))
    elif act == 3:
        del data[at]
    else:
        del data[at:]
    return bytes(data)


class RealLogTest(Verifiers):
    """What `polku` makes of a real log: two agencies' services stand behind it as witnesses."""

    @classmethod
    def setUpClass(cls):
        print(f"POLKU_SEED={SEED}")
        cls.directory = Path(tempfile.mkdtemp(prefix="polku-cross-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.cluster = made = demo.make_cluster(cls.directory / "cluster", harness.BINARIES)
        cls.config, cls.origin = made.config(REFERRAL), made.origin(REFERRAL)
        cls.tiles, cls.older = cls.directory / "tiles", cls.directory / "older.note"
        try:
            made.start(*RUNNING)
            demo.perform(made, demo.ACTS[0])
            made.settle()
            cls.export()  # beside the running service
            shutil.copy(cls.tiles / "checkpoint", cls.older)
            for act in demo.ACTS[1:7]:
                demo.perform(made, act)
            made.settle()
            made.wait_until("two witnesses stand behind the whole log", cls.witnessed)
        finally:
            made.stop()
        cls.export()  # brought up to date
        keys = [(name, made.directory / name / "keys") for name in RUNNING]
        read = lambda path: path.read_text().strip()  # noqa: E731
        cls.key = read(keys[0][1] / "signing.public")
        logs = "".join(f"log {read(k / 'signing.public')}\n" for _, k in keys)
        logs += "".join(f"witness {name} {read(k / 'cosigning.public')}\n" for name, k in keys[1:])
        cls.policy, cls.no_quorum = cls.directory / "two.policy", cls.directory / "none.policy"
        cls.policy.write_text(logs + f"group two all {RUNNING[1]} {RUNNING[2]}\nquorum two\n")
        cls.no_quorum.write_text(logs + "quorum none\n")
        cls.size = int((cls.tiles / "checkpoint").read_text().split("\n")[1])

    @classmethod
    def export(cls):
        cls.cluster.polku("export", "--config", cls.config, "--tlog", cls.tiles)

    @classmethod
    def witnessed(cls):
        state = cls.cluster.status(REFERRAL)
        return sum(int(w.get("cosigned_size", 0)) == int(state["size"]) for w in state.get("witnesses", [])) >= 2

    def out(self, name):
        return self.directory / f"{self.id().rsplit('.', 1)[1]}-{name}"

    def prove(self, position):
        proof, leaf = self.out(f"{position}.tlog-proof"), self.out(f"{position}.leaf")
        self.cluster.polku("prove", "--config", self.config, "--origin", self.origin, "--position", position,
                           "--out", proof, "--leaf", leaf)
        return Evidence("proof", proof, self.policy, pv.leaf_hash(leaf.read_bytes()))

    def pair(self):
        made = self.out("consistent.checkpoint-pair")
        self.cluster.polku("prove", "--config", self.config, "--consistency", "--old", self.older, "--out", made)
        return Evidence("pair", made, self.policy)

    def bundle(self, *flags):
        made = self.out("bundle.json")
        self.cluster.polku("bundle", "--config", self.config, "--case", expected.cases()["T01"], "--out", made,
                           "--origin", self.origin, *flags)
        return Evidence("bundle", made, self.policy)

    def export_evidence(self):
        return Evidence("export", self.tiles, self.no_quorum)

    def test_proofs_of_the_first_a_middle_and_the_last_entry(self):
        for position in (0, self.size // 2, self.size - 1):
            evidence = self.prove(position)
            self.both(evidence, 0)
            self.both(Evidence("proof", evidence.path, self.policy, pv.leaf_hash(b"another")), 5)

    def test_a_consistent_pair(self):
        answers = self.both(self.pair(), 0)
        self.assertIn("consistent", answers["python"][1])

    def test_bundles_closed_opened_and_of_what_an_agency_knew(self):
        self.both(self.bundle(), 0)
        opened = self.out("opened.json")
        self.cluster.polku("bundle", "--config", self.config, "--case", expected.cases()["T01"], "--out", opened,
                           "--open", "service,identity")
        self.both(Evidence("bundle", opened, self.no_quorum), 0)  # of two logs, one with one witness here
        code, text = run_python("show", opened, "--policy", self.no_quorum)
        self.assertEqual(code, 0, text)
        self.assertIn("identified_on: 2025-", text)
        known = self.out("known.json")
        self.cluster.polku("bundle", "--config", self.config, "--case", expected.cases()["T01"], "--out", known,
                           "--known-to", "FI/GOV/0246246-0/kela", "--at", "2099-01-01T00:00:00Z")
        self.both(Evidence("bundle", known, self.no_quorum), 0)

    def test_an_export(self):
        answers = self.both(self.export_evidence(), 0)
        self.assertIn(f"size: {self.size}", answers["python"][1])

    def differ(self, evidence, put):
        """Altered copies: `put(n)` makes one and gives its evidence. Both verifiers take it or both refuse it."""
        source = random.Random(SEED)
        refused = 0
        for number in range(ROUNDS):
            changed = put(source, number)
            answers = changed.python(), changed.polku()
            self.assertEqual(answers[0][0] == 0, answers[1][0] == 0,
                             f"seed {SEED}, altered copy {number} of {evidence.kind}, kept as {changed.path}: {answers}")
            refused += answers[0][0] != 0
            remove(changed.path)
        self.assertGreater(refused, ROUNDS // 2)

    def differ_file(self, evidence):
        content = evidence.path.read_bytes()

        def put(source, number):
            path = evidence.path.with_name(f"altered-{number}-{evidence.path.name}")
            path.write_bytes(altered(content, source))
            return Evidence(evidence.kind, path, evidence.policy, evidence.leaf_hash)
        self.differ(evidence, put)

    def test_altered_proofs_get_the_same_verdict(self):
        evidence = self.prove(self.size // 3)
        evidence.policy = self.no_quorum
        self.differ_file(evidence)

    def test_altered_pairs_get_the_same_verdict(self):
        self.differ_file(self.pair())

    def test_altered_bundles_get_the_same_verdict(self):
        self.differ_file(self.bundle("--open", "service"))

    def test_altered_exports_get_the_same_verdict(self):
        evidence = self.export_evidence()

        def put(source, number):
            path = self.directory / f"altered-tiles-{number}"
            shutil.copytree(self.tiles, path)
            file = source.choice(sorted(p for p in path.rglob("*") if p.is_file()))
            if source.randrange(6) == 0 and file.parent.parts[-1] != "entries":
                file.unlink()
            else:
                file.write_bytes(altered(file.read_bytes(), source))
            return Evidence("export", path, evidence.policy)
        self.differ(evidence, put)

    @unittest.skipUnless(GO and SUMDB.is_dir(), "Go or golang-golang-x-mod-dev is not installed")
    def test_gos_sumdb_packages_agree(self):
        sumdb = build_sumdb(self.directory)
        told = json.loads(run(sumdb, "export", self.tiles))
        report = json.loads(run_python("export", self.tiles, "--policy", self.no_quorum, "--json")[1])
        self.assertEqual((told["size"], told["root"]), (report["size"], report["root"]))
        self.assertEqual(told["records"], self.size)
        self.assertGreater(told["trees"], 5)
        proof = self.prove(self.size // 2)
        run(sumdb, "proof", proof.path, proof.leaf_hash.hex(), self.key)
        note = self.out("note")
        note.write_text(proof.path.read_text().split("\n\n", 1)[1])
        cosigners = [line.split()[2] for line in self.policy.read_text().split("\n") if line.startswith("witness")]
        run(sumdb, "note", note, self.key, *cosigners)
        made = self.out("made.tlog-proof")
        made.write_text(run(sumdb, "prove", self.tiles, str(self.size - 2)))
        records = (self.tiles / bundle_name(self.size - 2, self.size)).read_bytes()
        self.both(Evidence("proof", made, self.no_quorum, pv.leaf_hash(record_at(records, (self.size - 2) % 256))), 0)
        pair = self.out("made.checkpoint-pair")
        pair.write_text(run(sumdb, "pair", self.tiles, self.older))
        self.both(Evidence("pair", pair, self.no_quorum), 0)
        damaged = self.out("damaged")
        shutil.copytree(self.tiles, damaged)
        tile = next(damaged.glob("tile/0/000*"))
        tile = tile if tile.is_file() else next(tile.iterdir())
        tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
        self.assertNotEqual(subprocess.run([sumdb, "export", damaged], capture_output=True).returncode, 0)


class MadeInPythonTest(Verifiers):
    """Evidence made here, from the formats alone, with keys of RFC 8032."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="polku-cross-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.policy = self.put("policy", maker.policy_text([LOG], [("a", W1), ("b", W2)], "a"))
        self.leaves = [b"leaf %d" % i for i in range(300)]
        self.hashes = [pv.leaf_hash(leaf) for leaf in self.leaves]

    def put(self, name, content):
        maker.write_bytes(self.directory, name, content.encode())
        return self.directory / name

    def note(self, size, hashes=None, **options):
        return maker.note(LOG, size, pv.tree_root((hashes or self.hashes)[:size]), **options)

    def test_proofs(self):
        note = self.note(300, cosigners=[(W1, T0)])
        for index in (0, 255, 256, 299):
            made = self.put(f"{index}.tlog-proof", maker.inclusion_file(index, maker.path(index, self.hashes), note))
            self.both(Evidence("proof", made, self.policy, self.hashes[index]), 0)
            self.both(Evidence("proof", made, self.policy, self.hashes[index - 1]), 5)

    def test_a_missing_quorum_is_told(self):
        made = self.put("p.tlog-proof", maker.inclusion_file(1, maker.path(1, self.hashes), self.note(300)))
        self.both(Evidence("proof", made, self.policy, self.hashes[1]), 5)

    def test_one_line_is_one_witness_where_an_old_and_a_new_key_have_one_name(self):
        old, new = (maker.NamedKey(W1.name, 4, maker.SecretKey(seed * 32)) for seed in (b"1", b"2"))
        case = b"c" * 16
        entries = [maker.genesis(LOG)] + [maker.Entry(LOG.name, i, case) for i in range(1, 4)]
        for cosigners, code in (([(old, T0)], 5), ([(old, T0), (new, T0)], 0)):
            policy = self.put("policy-two", maker.policy_text([LOG], [("old", old), ("new", new)], "both",
                                                              ["group both all old new"]))
            proof = maker.inclusion_file(1, maker.path(1, self.hashes), self.note(300, cosigners=cosigners))
            self.both(Evidence("proof", self.put("p.tlog-proof", proof), policy, self.hashes[1]), code)
            log = maker.log_evidence(LOG, entries, (2,), cosigners)
            own = maker.policy_text([LOG], [("old", old), ("new", new)])
            bundle = maker.bundle_text(maker.bundle(own, [log], [], case.hex()))
            self.both(Evidence("bundle", self.put("b.json", bundle), policy), code)

    def test_pairs(self):
        other = self.hashes[:100] + [pv.leaf_hash(b"forged")] + self.hashes[101:]
        for old in (0, 1, 256, 299, 300):
            made = maker.pair_file(self.note(old), self.note(300), maker.consistency(old, self.hashes))
            self.both(Evidence("pair", self.put(f"{old}.checkpoint-pair", made), self.policy), 0)
        for old, hashes in ((150, other), (300, other)):
            made = maker.pair_file(self.note(old), self.note(300, hashes), maker.consistency(old, hashes),
                                   pv.tree_root(hashes[:old]))
            answers = self.both(Evidence("pair", self.put(f"fork{old}.checkpoint-pair", made), self.policy), 5)
            for name, (_, text) in answers.items():
                self.assertIn("fork", text, name)
        neither = maker.pair_file(self.note(100), self.note(300, other), maker.consistency(99, other))
        self.both(Evidence("pair", self.put("neither.checkpoint-pair", neither), self.policy), 5)

    def test_exports(self):
        for size in (1, 255, 256, 300, 70_000):
            leaves = [b"leaf %d" % i for i in range(size)]
            directory = self.directory / f"tiles-{size}"
            maker.write_export(directory, LOG, leaves, cosigners=[(W1, T0)])
            self.both(Evidence("export", directory, self.policy), 0)
            tile = directory / pv.tile_path(0, 0, min(size, 256))
            tile.write_bytes(tile.read_bytes()[:-1] + bytes([tile.read_bytes()[-1] ^ 1]))
            self.both(Evidence("export", directory, self.policy), 5)

    def test_bundles(self):
        schema, case = maker.descriptor_set(), b"c" * 16
        entries = [maker.genesis(LOG)] + [
            maker.Entry(LOG.name, i, case, {1: maker.message(f1=f"käynti {i}"), 4: maker.message(f2=[maker.varint(i)])},
                        ["FI/GOV/0245437-2/kela"], hashlib.sha256(schema).digest()) for i in range(1, 30)]
        log = maker.log_evidence(LOG, entries, (2, 9), [(W1, T0 + 9)], [(12, [(W1, T0), (W2, T0)])])
        for known in (None, ("FI/GOV/0245437-2/kela", pv.shown_time(T0))):
            made = maker.bundle(maker.policy_text([LOG], [("a", W1), ("b", W2)]), [log], [schema], case.hex(), known)
            self.both(Evidence("bundle", self.put("b.json", maker.bundle_text(made)), self.policy), 0)
        made["known_to"]["at"] = pv.shown_time(T0 - 1)
        self.both(Evidence("bundle", self.put("early.json", maker.bundle_text(made)), self.policy), 5)
        log["events"][0]["opened"][0]["plaintext"] = maker.b64(b"forged")
        self.both(Evidence("bundle", self.put("forged.json", maker.bundle_text(made)), self.policy), 5)


    def test_what_is_no_json_is_no_bundle(self):
        case = b"c" * 16
        entries = [maker.genesis(LOG)] + [maker.Entry(LOG.name, i, case) for i in range(1, 4)]
        log = maker.log_evidence(LOG, entries, (2,), [(W1, T0)])
        text = maker.bundle_text(maker.bundle(maker.policy_text([LOG], [("a", W1)]), [log], [], case.hex()))
        self.both(Evidence("bundle", self.put("good.json", text), self.policy), 0)
        for name, wrong in (("escape", text.replace("/tarkastaja/", "/tar\\kastaja/", 1)),
                            ("list", text.replace('"logs": [', '"logs": [[], '))):
            self.both(Evidence("bundle", self.put(f"{name}.json", wrong), self.policy), 3)


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(*command):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.stdout}{result.stderr}")
    return result.stdout


def build_sumdb(directory):
    """The Go program, in GOPATH mode with Debian's packages: nothing is fetched."""
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                   "GOCACHE": str(directory / "gocache"), "GOPROXY": "off"}
    subprocess.run([GO, "build", "-o", directory / "sumdb_check", "."], cwd=HERE / "go", env=environment, check=True)
    return directory / "sumdb_check"


def bundle_name(position, size):
    index = position // 256
    return pv.tile_path("entries", index, min(256, size - index * 256))


def record_at(data, number):
    for _ in range(number):
        data = data[2 + int.from_bytes(data[:2], "big"):]
    return data[2:2 + int.from_bytes(data[:2], "big")]


if __name__ == "__main__":
    unittest.main(verbosity=2)
