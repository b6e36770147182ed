#!/usr/bin/env python3
"""What the disks and the wire give away: after the whole demo every file of every service, every stored value, what a
process shows of itself, and every frame that each peer can get with its own keys are searched for what is sealed. What
each peer may get is computed here anew, from the agreement's text and the demo's input alone."""

import base64
import datetime
import json
import os
import re
import shutil
import subprocess
import time
import unittest
import zlib
from pathlib import Path

import harness
from harness import cluster, demo

REFERRAL = "oulu-referral"
ATTENDANCE = "toimintatupa-attendance"
KELA = "kela-compensation"
AUDITOR = "tarkastaja-audit"
SERVICE, IDENTITY, SOCIAL, HEALTH, PAYMENT = 1, 2, 3, 4, 5
KINDS = {"SECTION_KIND_SERVICE": SERVICE, "SECTION_KIND_IDENTITY": IDENTITY, "SECTION_KIND_SOCIAL": SOCIAL,
         "SECTION_KIND_HEALTH": HEALTH, "SECTION_KIND_PAYMENT": PAYMENT}
NOT_ENTITLED = 3
IDENTITY_CODE = re.compile(rb"(?<![0-9])[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y](?![0-9A-Za-z])")
# Free text that the demo has none of: on somebody's health, and an instructor's note.
HEALTH_REASONS = {
    "official": "oma-1", "case": demo.case_of("T01"), "type": "polku.referral.v1.NeedIdentified",
    "event": {"identified_on": "2025-06-09", "source": "NEED_SOURCE_CLIENT", "municipality_code": "564",
              "health_reasons": "selkäleikkauksen jälkitila"}}
NOTE = "lähti kesken päivän hammaslääkäriin"
NOTED_SHEET = ("asiakas;suunniteltu;pvm;koodi;tunnit;korjaus;huomautus\n"
               f"T03;5;2.6.2025;L;5;väärä merkintä;{NOTE}\n")
SHORTEST = 6  # bytes: what is shorter stands by chance in any few megabytes of sealed data


# ---- What must not be seen: the values of the input, with the section that each belongs to ----

def field_sections():
    """{message: {field: (number, section, type)}} of the domain's events, read out of their .proto files."""
    sections = {}
    for file in (harness.ROOT / "proto/polku").glob("*/v1/*.proto"):
        text = re.sub(r"//[^\n]*", "", file.read_text())
        package = re.search(r"package ([a-z0-9_.]+);", text).group(1)
        depth, start, message = 0, 0, None
        for token in re.finditer(r"message\s+(\w+)\s*\{|\{|\}|;", text):
            if token.group(0) == ";":
                if depth == 1 and message:
                    field = re.search(r"([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(?:\[(.*)\])?\s*$",
                                      text[start:token.start()], re.S)
                    if field:
                        kind = re.search(r"SECTION_KIND_\w+", field.group(4) or "")
                        sections[message][field.group(2)] = (
                            int(field.group(3)), KINDS[kind.group(0)] if kind else SERVICE, field.group(1))
            elif token.group(0) == "}":
                depth -= 1
                if depth == 0:
                    message = None
            else:
                if depth == 0:
                    message = f"{package}.{token.group(1)}" if token.group(1) else None
                    if message:
                        sections[message] = {}
                depth += 1
            start = token.end()
    return sections


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)


def input_events():
    """(author agency, event as offered), in the order in which they happened."""
    for author, _, command, file in demo.ACTS:
        if command == "import":
            for line in (harness.INPUT / file).read_text().splitlines():
                yield cluster.AUTHORS[author], json.loads(line)
    yield cluster.OULU, HEALTH_REASONS


def sealed_values():
    """{section: {bytes}}; a short identity value as it stands in its section: field number, length, text."""
    sections = field_sections()
    public = b"".join(Path(file).read_bytes() for file in
                      [*cluster.SHARED_AGREEMENTS, harness.ROOT / "deploy/demo/agreement.textproto",
                       *demo.PROFILES])
    for file in sorted((harness.ROOT / "proto").rglob("*.proto")):
        public += re.sub(rb"//[^\n]*", b"", file.read_bytes())  # as the schemas in a log: without comments
    found = {kind: set() for kind in KINDS.values()}
    for _, line in input_events():
        for name, value in line["event"].items():
            number, kind, _ = sections[line["type"]][name]
            if kind == SERVICE:
                continue
            for text in strings(value):
                encoded = text.encode()
                if kind == IDENTITY and len(encoded) < SHORTEST:
                    found[kind].add(bytes([number << 3 | 2, len(encoded)]) + encoded)
                # Codes, dates of rules and names of agencies stand in agreements, profiles and schemas.
                elif len(encoded) >= SHORTEST and encoded not in public:
                    found[kind].add(encoded)
    for file in harness.INPUT.glob("*.csv"):
        header, *rows = [row.split(";") for row in file.read_text("utf-8-sig").splitlines()]
        for row in rows:
            for name, value in zip(header, row):
                if name in ("korjaus", "huomautus") and value:
                    found[SOCIAL].add(value.encode())
    found[SOCIAL].add(NOTE.encode())
    return found


def forms(value):
    """How a value may stand somewhere: as it is, in UTF-16, escaped, in hexadecimal digits and in base64 at any alignment."""
    yield value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = None
    if text and text.isprintable():
        yield text.encode("utf-16-le")
        if not text.isascii():
            yield json.dumps(text)[1:-1].encode()
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + value)
        first = -(-before * 8 // 6)
        last = (before + len(value)) * 8 // 6
        yield whole[first:last]


class Search:
    def __init__(self, values):
        self.needles = {form: value for value in values for form in forms(value)}
        # A page of any size is passed over quickly when it holds no needle's first bytes.
        self.heads = re.compile(b"|".join(sorted({re.escape(needle[:4]) for needle in self.needles})))
        self.by_head = {}
        for needle in self.needles:
            self.by_head.setdefault(needle[:4], []).append(needle)

    def found(self, content):
        """Values of which a form is in the content."""
        hits = set()
        at = 0
        while match := self.heads.search(content, at):
            for needle in self.by_head[match.group(0)]:
                if content.startswith(needle, match.start()):
                    hits.add(self.needles[needle])
            at = match.start() + 1
        return hits


# ---- What each may get: the agreement's text, read anew ----

def parse_text(text):
    """Protobuf text format of messages, strings, names and booleans: {field: [values]}."""
    tokens = [t for t in re.findall(r'#[^\n]*|"(?:[^"\\]|\\.)*"|[\w.]+|[{}:]', text) if t[0] != "#"]
    at = 0

    def message():
        nonlocal at
        fields = {}
        while at < len(tokens) and tokens[at] != "}":
            name = tokens[at]
            at += 1
            if tokens[at] == "{":
                at += 1
                value = message()
                at += 1
            else:
                at += 1
                value = tokens[at].strip('"')
                at += 1
            fields.setdefault(name, []).append(value)
        return fields
    return message()


class Agreement:
    def __init__(self):
        self.fields = {}
        for file in (*cluster.SHARED_AGREEMENTS, harness.ROOT / "deploy/demo/agreement.textproto"):
            for name, values in parse_text(Path(file).read_text()).items():
                self.fields.setdefault(name, []).extend(values)
        self.roles = {one["name"][0]: set(one["roles"]) for one in self.fields["agencies"]}
        self.parties = {}
        rules = {}
        for rule in self.fields["party_rules"]:
            rules.setdefault(rule["type"][0], []).append(rule["field"][0])
        for author, line in input_events():
            parties = self.parties.setdefault(line["case"], {author})  # who opened the case
            if line["type"] == "polku.access.v1.PartyAdded":
                parties.add(line["event"]["agency"])
            for field in rules.get(line["type"], []):
                parties |= set(strings(line["event"].get(field, []))) & set(self.roles)

    def opens(self, receiver, origin, entry, today):
        """Section kinds that the receiver is to have of the entry; None: not even that it exists."""
        if not entry["case"]:
            return set()
        parties = self.parties.get(entry["case"], set()) | {origin.rsplit("/", 2)[0]}
        kinds = None
        for line in self.fields["sharings"]:
            named = receiver in line.get("receivers", []) or (
                self.roles[receiver] & set(line.get("receiver_roles", [])))
            author = {"*", entry["author"]} & set(line["publishers"])
            of_type = any(entry["type"] == t or t.endswith("*") and entry["type"].startswith(t[:-1])
                          for t in line["types"])
            day = line.get("valid_from", [""])[0] <= today <= line.get("valid_until", ["9999-12-31"])[0]
            party = receiver in parties or line.get("every_case") == ["true"]
            if named and author and of_type and day and party:
                kinds = (kinds or set()) | {KINDS[kind] for kind in line.get("sections", [])}
        # Who takes part is told to all who take part; what is opened, to whom it is opened.
        told = entry["type"].endswith((".PartyAdded", ".PartyRemoved")) and receiver in parties
        if told or entry["opened_to"] == receiver:
            kinds = (kinds or set()) | {SERVICE}
        return kinds


class PrivacyTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.cluster.stop, kill=True)
        cls.values = sealed_values()
        cls.search = Search(set().union(*cls.values.values()))
        cls.agreement = Agreement()
        cls.cases = dict(line.split(";") for line in
                         (harness.INPUT / "asiakkaat.csv").read_text().split()[1:])
        cls.temporary = cls.directory / "temporary"
        cls.temporary.mkdir()
        before = os.environ.get("TMPDIR")
        os.environ["TMPDIR"] = str(cls.temporary)  # for the services and the commands
        try:
            cls.cluster.start_missing()
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before
        for act in demo.ACTS:
            demo.perform(cls.cluster, act)
            cls.cluster.settle()
        cls.cluster.polku("publish", "--as", cls.cluster.client("oulu", REFERRAL), "-",
                          stdin=json.dumps(HEALTH_REASONS))
        sheet = cls.directory / "sheet.csv"
        sheet.write_text(NOTED_SHEET)
        cls.cluster.polku("sheet", "--as", cls.cluster.client("toimintatupa", ATTENDANCE), "--clients",
                          harness.INPUT / "asiakkaat.csv", "--official", "ohjaaja-1", "--place", "tupa-1",
                          "--profile", cls.cluster.profile_flag(), sheet)
        # A read at each service, so that there are access streams too; refusals and mistakes, which are logged.
        for name in cluster.INSTANCES:
            cls.cluster.polku("case", cls.cases["T01"], "--config", cls.cluster.config(name))
        for author, service, file in (("kela", REFERRAL, "02-hyvinvointi-suunnitelma.ndjson"),
                                      ("oulu", ATTENDANCE, "01-oulu-tarve.ndjson")):
            for line in (harness.INPUT / file).read_text().splitlines()[:2]:
                cls.cluster.run("publish", "--as", cls.cluster.client(author, service), "-", stdin=line)
        cls.cluster.settle()

    def setUp(self):
        self.cluster.start_missing()
        self.cluster.settle()

    # ---- Bytes ----

    def tool(self, *arguments):
        """Also beside a running service, which may replace a file under the tool: then once more."""
        for attempt in range(5):
            result = subprocess.run([self.cluster.binaries / arguments[0], *map(str, arguments[1:])],
                                    capture_output=True, timeout=600)
            if result.returncode == 0:
                return result.stdout
            time.sleep(0.2)
        self.fail(f"{arguments}: {result.stderr.decode()}")

    def files(self, name):
        return [file for file in sorted((self.cluster.directory / name).rglob("*")) if file.is_file()]

    def everything_of(self, name):
        """(what, bytes): every file of the instance as it lies there, every stored value decompressed."""
        for file in self.files(name):
            try:
                yield str(file), file.read_bytes()
            except FileNotFoundError:
                continue  # the running database has done with it
        for store in ("data", "keystore"):
            yield (f"{name}: values of {store}",
                   self.tool("polku_dump_store", "values", self.cluster.directory / name / store))

    def assert_nothing_in_the_clear(self):
        looked_at = 0
        for name in cluster.INSTANCES:
            for what, content in self.everything_of(name):
                looked_at += len(content)
                self.assert_sealed(content, what)
        self.assertGreater(looked_at, 5_000_000)

    def assert_sealed(self, content, what):
        self.assertEqual(self.search.found(content), set(), f"{what} holds it in the clear")
        self.assertEqual(IDENTITY_CODE.findall(content), [], f"{what} holds an identity code")

    def entries(self, name):
        """What the service's own log holds, {position: entry}."""
        lines = map(json.loads, self.tool("polku_dump_store", "entries",
                                          self.cluster.directory / name / "data").splitlines())
        return {entry["position"]: entry for entry in lines
                if entry["origin"] == self.cluster.origin(name)}

    # ---- Tests ----

    def test_0_the_search_finds_what_is_there(self):
        self.assertGreater(len(self.values[IDENTITY]), 75)
        self.assertGreater(len(self.values[SOCIAL]), 40)
        self.assertIn(HEALTH_REASONS["event"]["health_reasons"].encode(), self.values[HEALTH])
        # Planted in a real file, in every form, at any place.
        table = max(self.files(KELA), key=lambda file: file.stat().st_size).read_bytes()
        table = table[:100_000]
        for value in (value for values in self.values.values() for value in values):
            for form in forms(value):
                self.assertGreaterEqual(len(form), SHORTEST)
                at = zlib.crc32(form) % (len(table) + 1)
                self.assertTrue(self.search.found(table[:at] + form + table[at:]), form)
        self.assertTrue(IDENTITY_CODE.findall(b"log: 180576-918V refused"))
        # A compressed table hides what it holds from a search of files; the values dumped do not.
        entries = self.entries(REFERRAL)
        dumped = self.tool("polku_dump_store", "values", self.cluster.directory / REFERRAL / "data")
        for entry in entries.values():
            self.assertIn(bytes.fromhex(entry["event"]), dumped)
            for blob in entry["blobs"].values():
                self.assertIn(bytes.fromhex(blob), dumped)

    def test_1_no_file_of_a_running_service_nor_what_it_tells_holds_a_value(self):
        self.assert_nothing_in_the_clear()
        for name in cluster.INSTANCES:
            told = self.cluster.run("status", "--config", self.cluster.config(name), "--json")
            self.assertEqual(told.returncode, 0, told.stderr)
            self.assert_sealed((told.stdout + told.stderr).encode(), f"status of {name}")
            self.assert_sealed(self.cluster.log_file(name).read_bytes(), f"log of {name}")
        self.assertEqual(list(self.temporary.rglob("*")), [], "no temporary files")

    def test_2_a_service_has_no_file_elsewhere_and_leaves_no_core(self):
        for name, process in self.cluster.processes.items():
            proc = Path(f"/proc/{process.pid}")
            own = str((self.cluster.directory / name).resolve()) + "/"
            opened = {os.readlink(fd) for fd in (proc / "fd").iterdir()}
            self.assertGreater(len([file for file in opened if file.startswith(own)]), 3)
            elsewhere = {file for file in opened if file.startswith("/") and not file.startswith(own)}
            self.assertLessEqual(elsewhere, {"/dev/null"}, name)
            # Nor is one mapped that could be written to.
            for line in (proc / "maps").read_text().splitlines():
                mapping = line.split(None, 5)
                if len(mapping) == 6 and mapping[5].startswith("/") and "w" in mapping[1] and "s" in mapping[1]:
                    self.assertTrue(mapping[5].startswith(own), line)
            [core] = [line for line in (proc / "limits").read_text().splitlines()
                      if line.startswith("Max core file size")]
            self.assertEqual(core.split()[4:6], ["0", "0"])

    @unittest.skipUnless(os.geteuid() == 0, "changes users")
    def test_3_another_process_of_the_same_user_cannot_read_its_memory(self):
        nobody = 65534
        self.cluster.stop(AUDITOR)
        home = self.cluster.directory / AUDITOR
        for directory in (self.directory, self.cluster.directory):
            directory.chmod(0o755)

        def owned_by(user):
            for path in (home, *home.rglob("*")):
                os.chown(path, user, user)
        owned_by(nobody)
        self.addCleanup(owned_by, os.geteuid())
        # Where the binaries lie, that user may have no way to.
        binary = self.directory / "polku-audit"
        shutil.copy(self.cluster.binaries / "polku-audit", binary)
        settings = self.directory / "settings"
        settings.mkdir()
        for file in (*cluster.SHARED_AGREEMENTS, self.cluster.agreement, *self.cluster.profiles):
            shutil.copy(file, settings / Path(file).name)
        for path in (settings, *settings.iterdir(), binary):
            path.chmod(0o755)
        config = home / "moved.textproto"
        config.write_text(re.sub(r'(agreement_file|profile_file): ".*/(.*)"', rf'\1: "{settings}/\2"',
                                 self.cluster.config(AUDITOR).read_text()))
        os.chown(config, nobody, nobody)
        process = subprocess.Popen([binary, "--config", config], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, user=nobody, group=nobody)
        try:
            ready = process.stdout.readline()
            self.assertTrue(ready.startswith("ready "), process.stderr.read() if not ready else ready)
            # What the kernel lets nobody else trace belongs to root.
            self.assertEqual(Path(f"/proc/{process.pid}/mem").stat().st_uid, 0)
            # What only who may trace a process may read. It can be read of one that keeps nothing to itself.
            def read(pid):
                return subprocess.run(["cat", f"/proc/{pid}/environ", f"/proc/{pid}/maps"],
                                      capture_output=True, text=True, user=nobody, group=nobody)
            refused = read(process.pid)
            self.assertEqual((refused.returncode, refused.stdout), (1, ""))
            self.assertIn("Permission denied", refused.stderr)
            other = subprocess.Popen(["sleep", "60"], user=nobody, group=nobody)
            try:
                self.assertEqual(read(other.pid).returncode, 0)
            finally:
                other.kill()
                other.wait()
        finally:
            process.terminate()
            process.communicate(timeout=600)
            config.unlink()

    def test_4_each_peer_gets_what_the_agreement_opens_to_it_and_no_byte_more(self):
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        opened_anything = {}
        for peer, (receiver, _) in cluster.INSTANCES.items():
            self.cluster.settle()
            sizes = {name: int(self.cluster.status(name)["size"]) for name in cluster.INSTANCES}
            keys = self.directory / "copied" / peer
            shutil.copytree(self.cluster.directory / peer / "keys", keys)
            self.cluster.stop(peer)
            for origin in cluster.INSTANCES:
                if origin == peer:
                    continue
                with self.subTest(peer=peer, origin=origin):
                    kinds = self.check_wire(peer, receiver, origin, keys, sizes[origin], today)
                    opened_anything.setdefault(receiver, set()).update(kinds)
            self.cluster.start(peer)
        # The agreement in words: what is opened at all, of anybody else's log.
        self.assertEqual(opened_anything[cluster.KELA], {SERVICE, IDENTITY, PAYMENT})
        self.assertEqual(opened_anything[cluster.AUDITOR], {SERVICE, PAYMENT})
        self.assertEqual(opened_anything[cluster.PROVIDER], {SERVICE, IDENTITY, SOCIAL})
        self.assertEqual(opened_anything[cluster.OULU], {SERVICE, SOCIAL, PAYMENT})
        self.assertEqual(opened_anything[cluster.WELLBEING], {SERVICE, IDENTITY, SOCIAL, HEALTH, PAYMENT})

    def check_wire(self, peer, receiver, origin, keys, size, today):
        frames_file = self.directory / "frames"
        name = self.cluster.origin(origin)
        told = [json.loads(line) for line in self.tool(
            "polku_wire_tap", f"tcp://127.0.0.1:{self.cluster.ports[origin]}",
            self.cluster._public(f"{origin}/keys/curve.public"), keys, name, size,
            frames_file).splitlines()]
        frames = frames_file.read_bytes()
        mirrored = Path(f"{frames_file}.mirror").read_bytes()
        self.assert_sealed(frames, f"what {peer} gets from {origin}")
        self.assert_sealed(mirrored, f"what {peer} gets from {origin} as a mirror")

        entries = {position: entry for position, entry in self.entries(origin).items() if position < size}
        self.assertEqual(len(entries), size)
        expected = {}
        for position, entry in entries.items():
            kinds = self.agreement.opens(receiver, name, entry, today)
            if kinds is not None:
                expected[position] = kinds & {int(kind) for kind in entry["blobs"]}
        got = {}
        for line in told:
            if line["how"] != "mirror" and "refused" not in line:
                self.assertEqual(line["event"], entries[line["position"]]["event"])
                self.assertEqual(line["sealed"], [], "nothing comes that cannot be opened")
                got.setdefault(line["position"], set()).update(line["opened"])
        differing = {(entries[p]["type"], entries[p]["author"], str(expected.get(p)), str(got.get(p)))
                     for p in entries if expected.get(p) != got.get(p)}
        self.assertEqual(differing, set(), "what is opened is what the agreement and the parties give")

        # What is not its own is nowhere in what it was sent: neither header nor sealed section.
        for position, entry in entries.items():
            event = bytes.fromhex(entry["event"])
            self.assertEqual(event in frames, position in expected, entry["type"])
            for kind, blob in entry["blobs"].items():
                self.assertEqual(bytes.fromhex(blob) in frames, int(kind) in expected.get(position, set()),
                                 (entry["type"], kind))
        # A position that is not opened, one of a control entry and one beyond the log are answered alike.
        refused = {line["position"] for line in told if line["how"] == "fetch" and "refused" in line}
        self.assertEqual(refused, {p for p in entries if p not in expected or not entries[p]["case"]})
        self.assertEqual({line["refused"] for line in told if "refused" in line}, {NOT_ENTITLED})

        # A mirror has everything, sealed; nobody else is one.
        mirror = [line for line in told if line["how"] == "mirror"]
        if origin in cluster.MIRRORS.get(peer, []):
            self.assertEqual({line["position"] for line in mirror}, set(entries))
            for line in mirror:
                self.assertLessEqual(set(line["opened"]), expected.get(line["position"], set()))
                self.assertEqual(set(line["opened"]) | set(line["sealed"]),
                                 {int(kind) for kind in entries[line["position"]]["blobs"]})
        else:
            self.assertEqual(mirror, [{"how": "mirror", "position": 0, "refused": NOT_ENTITLED}])
            for entry in entries.values():
                self.assertNotIn(bytes.fromhex(entry["event"]), mirrored)
        if receiver == cluster.PROVIDER:
            self.assertEqual([p for p, kinds in got.items()
                              if entries[p]["type"].endswith(".BenefitRecorded") and kinds - {SERVICE}], [])
        return set().union(*got.values())

    def test_5_killed_with_all_of_it_in_memory_and_stopped_in_order(self):
        self.cluster.stop(kill=True)
        self.assert_nothing_in_the_clear()
        self.cluster.start_missing()
        self.cluster.settle()
        self.assertEqual(set(self.cluster.stop().values()), {0})
        self.assert_nothing_in_the_clear()

    def test_6_stolen_disks_open_nothing(self):
        case = self.cases["T01"]
        for name in (REFERRAL, KELA):
            self.assertTrue(self.search.found(self.cluster.polku(
                "case", case, "--config", self.cluster.config(name)).encode()), "who has the keys reads it")
        self.cluster.stop()
        for name in (REFERRAL, KELA):
            home = self.cluster.directory / name
            stolen = self.directory / "stolen" / name
            for part in ("data", "keystore"):
                shutil.copytree(home / part, stolen / part)
            config = stolen / "service.textproto"
            shutil.copy(self.cluster.config(name), config)

            def tried():
                for command in (["case", case], ["replay"], ["disclosures", case], ["summary", "--cases"]):
                    yield self.cluster.run(*command, "--config", config)
                yield subprocess.run([self.cluster.binaries / f"polku-{cluster.INSTANCES[name][1]}", "--config",
                                      config], capture_output=True, text=True, timeout=600)

            for keys in ("none", "new"):
                if keys == "new":  # the thief's own, made for the same service
                    self.cluster.polku("keygen", "--origin", self.cluster.origin(name), "--dir", stolen / "keys")
                for result in tried():
                    told = result.stdout + result.stderr
                    self.assertIn(result.returncode, (3, 5), told)
                    self.assertTrue(result.stderr.strip())
                    self.assertEqual(self.search.found(told.encode()), set())


if __name__ == "__main__":
    harness.main()
