#!/usr/bin/env python3
"""Who reads says who, what for and by which law, and that is on disk in the service's own log before anything is shown:
while the service runs, while it is stopped, on a full disk; and the client's answer tells it, in three languages."""

import html.parser
import json
import re
import subprocess

import expected
import harness
from harness import cluster, demo

OULU = "oulu-referral"
# Names, addresses and free text of the client; municipality codes and the like are no one's.
PERSONAL = ("identity_code", "family_name", "given_names", "street_address", "phone", "social_reasons", "health_reasons",
            "grounds", "background", "baseline", "note", "goals", "what", "health_what")


def read_as(official, purpose="case-handling", basis="laki 189/2001 7 §"):
    return ["--official", official, "--purpose", purpose, "--basis", basis]


def personal_values(case):
    """Of that case in the demo's input, also inside lists."""
    values = set()

    def take(name, value):
        if isinstance(value, dict):
            for key, inner in value.items():
                take(key, inner)
        elif isinstance(value, list):
            for inner in value:
                take(name, inner)
        elif isinstance(value, str) and name in PERSONAL and len(value) > 3:
            values.add(value)

    for path in harness.INPUT.glob("*.ndjson"):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event["case"] == case:
                take("", event["event"])
    return values


class ReadsCase(harness.SystemTest):
    def run_at(self, name, command, *arguments, stdin=None):
        return self.cluster.run(command, *arguments, "--config", self.cluster.config(name), stdin=stdin)

    def must(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def size(self, name=OULU):
        return int(self.cluster.status(name)["size"])

    def reads_of(self, case, name=OULU, official=""):
        """AccessRecorded in the access stream of the case, as `polku case --access` shows them."""
        text = self.must(self.run_at(name, "case", case, "--access", "--json", "--type", "AccessRecorded"))
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertTrue(all(line["type"] == "polku.access.v1.AccessRecorded" for line in lines), text)
        return [line for line in lines if official in ("", line["official"])]

    def answer(self, case, name=OULU, *more):
        return json.loads(self.must(self.run_at(name, "disclosures", case, "--json", *more)))


class ReadsTest(ReadsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start_missing()
        for act in demo.ACTS:
            demo.perform(cls.cluster, act)
            cls.cluster.settle()
        cls.case = expected.cases()["T01"]

    def test_1_who_does_not_say_who_what_for_and_why_sees_nothing(self):
        out = self.directory / "not-written"
        before = self.size()
        full = read_as("etuus-3")
        for arguments in (["case", self.case], ["replay", "--json"], ["summary"], ["disclosures", self.case],
                          ["export", "--tlog", out], ["bundle", "--case", self.case, "--out", out],
                          ["retention", "due"]):
            for flag in ("--official", "--purpose", "--basis"):
                at = full.index(flag)
                result = self.run_at(OULU, *arguments, *full[:at], *full[at + 2:])
                self.assert_fails(result, 2, flag, "is missing")
                self.assertEqual(result.stdout, "", arguments)
            result = subprocess.run(
                [self.cluster.binaries / "polku", *arguments, "--config", self.cluster.config(OULU)],
                capture_output=True, text=True, timeout=600)
            self.assert_fails(result, 2, "--official")
        for wrong, told in ((["--official", "etuus-3", "--purpose", "curiosity", "--basis", "x"], "--purpose"),
                            (["--official", "180576-918V", "--purpose", "payment", "--basis", "x"], "identity code")):
            result = self.run_at(OULU, "case", self.case, *wrong)
            self.assert_fails(result, 2, told)
            self.assertEqual(result.stdout, "")
            self.assertNotIn("180576-918V", result.stderr)
        self.assertFalse(out.exists())
        self.assertEqual(self.size(), before, "a refused read left an entry")

    def test_2_a_read_is_an_entry_of_the_own_logs_access_stream(self):
        before = self.size()
        shown = self.must(self.run_at(OULU, "case", self.case, "--json", *read_as("etuus-3")))
        self.assertEqual(self.size(), before + 1)
        self.assertNotIn("AccessRecorded", shown)  # the case itself says nothing of who looked
        [read] = self.reads_of(self.case, official="etuus-3")
        self.assertEqual(read["origin"], self.cluster.origin(OULU))
        self.assertEqual(read["author"], cluster.OULU)
        self.assertNotEqual(read["case"], self.case)
        event = read["event"]
        self.assertEqual(event["purpose"], "ACCESS_PURPOSE_CASE_HANDLING")
        self.assertEqual(event["legal_basis"], "laki 189/2001 7 §")
        self.assertEqual(event["command"], "case")
        self.assertIn("SECTION_KIND_IDENTITY", event["sections"])
        [told] = [one for one in self.answer(self.case)["reads"] if one["official"] == "etuus-3"]
        self.assertEqual((told["origin"], told["position"]), (read["origin"], read["position"]))
        self.assertEqual(told["legal_basis"], "laki 189/2001 7 §")
        self.assertEqual(told["agency"], cluster.OULU)
        self.assertFalse(told["bulk"])
        # Another client's answer has nothing of it; the auditor, who hears of every case's reads, has.
        other = self.answer(expected.cases()["T02"])
        self.assertEqual([one for one in other["reads"] if one["official"] == "etuus-3"], [])
        self.cluster.settle()
        at_the_auditor = self.answer(self.case, "tarkastaja-audit")
        self.assertEqual(len([one for one in at_the_auditor["reads"] if one["official"] == "etuus-3"]), 1)
        self.assertIn(cluster.OULU, at_the_auditor["reads_known_of"])
        # A party that is told of no one's reads but its own says so.
        at_kela = self.answer(self.case, "kela-compensation")
        self.assertEqual([one for one in at_kela["reads"] if one["official"] == "etuus-3"], [])
        self.assertNotIn(cluster.OULU, at_kela["reads_known_of"])

    def test_3_a_bulk_read_says_its_scope_and_stands_in_every_clients_answer(self):
        kinds = self.must(self.run_at(OULU, "replay", "--json", "--type", "NeedIdentified", "--from", "2020-01-01",
                                      *read_as("tilasto-1", "statistics", "laki 28/2003")))
        needs = (harness.INPUT / "01-oulu-tarve.ndjson").read_text().splitlines()
        cases = {json.loads(line)["case"] for line in needs}
        self.assertEqual({json.loads(line)["case"] for line in kinds.splitlines()}, cases)
        for reference in ("T01", "T02"):
            [told] = [one for one in self.answer(expected.cases()[reference])["reads"] if one["official"] == "tilasto-1"]
            self.assertTrue(told["bulk"])
            self.assertEqual(told["command"], "replay")
            for part in ("--type NeedIdentified", "--from 2020-01-01"):
                self.assertIn(part, told["scope"])
        [read] = [json.loads(line) for line in self.must(self.run_at(
            OULU, "replay", "--json", "--type", "AccessRecorded")).splitlines()
            if json.loads(line)["official"] == "tilasto-1"]
        self.assertNotIn("case_id", read["event"])
        self.assertEqual(int(read["event"]["cases"]), len(cases))

    def test_4_a_stopped_services_log_takes_the_record_directly(self):
        made = self.cluster
        before = self.size()
        made.stop(OULU)
        # No witness can be asked whether this is an old copy: the operator has to say that it is not.
        unsaid = subprocess.run(
            [made.binaries / "polku", "case", self.case, "--config", made.config(OULU), *read_as("arkisto-1")],
            capture_output=True, text=True, timeout=600)
        self.assert_fails(unsaid, 4, "--stopped", "nothing is shown")
        self.assertEqual(unsaid.stdout, "")
        shown = self.must(self.run_at(OULU, "case", self.case, "--json", *read_as("arkisto-1", "records-management")))
        self.assertIn("NeedIdentified", shown)
        [read] = self.reads_of(self.case, official="arkisto-1")
        self.assertEqual(read["position"], before)
        # A peer that comes back takes it like any other entry, and all verify.
        made.start(OULU)
        state = made.status(OULU)
        self.assertTrue(state.get("healthy", True), state)
        made.settle()
        for name in (OULU, "tarkastaja-audit"):
            made.polku("verify", "--config", made.config(name))
        self.assertEqual(len([one for one in self.answer(self.case, "tarkastaja-audit")["reads"]
                              if one["official"] == "arkisto-1"]), 1)
        self.assertEqual(len(self.reads_of(self.case, official="arkisto-1")), 1)

    LANGUAGES = {
        "fi": ("Kuka on saanut ja katsellut tietojasi", "Toimintatupa ry", "henkilö- ja yhteystiedot",
               "asiakkaan tiedonsaantioikeus"),
        "sv": ("Vem har fått och läst dina uppgifter", "FPA", "person- och kontaktuppgifter", "ändamål"),
        "en": ("Who has received and read your data", "Wellbeing services", "identity and contact details",
               "client-request"),
    }

    def test_5_the_clients_answer_in_three_languages_and_three_forms(self):
        personal = personal_values(self.case)
        self.assertGreater(len(personal), 8)
        ask = read_as("etuus-9", "client-request", "(EU) 2016/679 art. 15")
        machine = self.must(self.run_at(OULU, "disclosures", self.case, "--json", *ask))
        answer = json.loads(machine)
        self.assert_nothing_personal(machine, personal)
        self.assertEqual({party["agency"] for party in answer["parties"]},
                         {cluster.OULU, cluster.WELLBEING, cluster.PROVIDER, cluster.KELA})
        self.assertTrue(all(party["since"] for party in answer["parties"]))
        receivers = {one["receiver"] for one in answer["received"]}
        self.assertEqual(receivers, {cluster.OULU, cluster.WELLBEING, cluster.PROVIDER, cluster.KELA, cluster.AUDITOR})
        for one in answer["received"]:
            self.assertNotEqual(one["receiver"], one["author"], one)
            self.assertIn(one["by"], ("agreement", "told_to_parties", "notice_of_later", "correction", "hosts_the_log"), one)
            self.assertEqual(bool(one["legal_basis"]), one["by"] == "agreement", one)
        # The auditor got nothing of who the client is; who came later got what was on record, told as such.
        self.assertFalse([one for one in answer["received"]
                          if one["receiver"] == cluster.AUDITOR and "identity" in one["sections"]])
        later = [one for one in answer["received"] if one["later"]]
        self.assertTrue(later, "a later party got nothing of what was on record")
        for one in later:
            since = min(party["since"] for party in answer["parties"] if party["agency"] == one["receiver"])
            self.assertGreaterEqual(one["at"], since, one)
        own = [one for one in answer["reads"] if one["official"] == "etuus-9"]
        self.assertEqual([one["command"] for one in own], [])  # the answer is as of before this look
        for language, words in self.LANGUAGES.items():
            text = self.must(self.run_at(OULU, "disclosures", self.case, "--lang", language, *ask))
            self.check_words(text, language, words, answer)
            self.assert_nothing_personal(text, personal)
            page = self.directory / f"answer-{language}.html"
            told = self.must(self.run_at(OULU, "disclosures", self.case, "--lang", language, "--html", page, *ask))
            self.assertEqual(told.strip(), str(page))
            self.assertEqual(page.stat().st_mode & 0o777, 0o600)
            markup = page.read_text(encoding="utf-8")
            self.assert_nothing_personal(markup, personal)
            self.check_words(self.check_page(markup, language), language, words, answer)
            # A page that exists is not written over.
            again = self.run_at(OULU, "disclosures", self.case, "--lang", language, "--html", page, *ask)
            self.assertNotEqual(again.returncode, 0)
        self.assertEqual(len([one for one in self.answer(self.case)["reads"] if one["official"] == "etuus-9"]), 10)
        named = self.run_at(OULU, "disclosures", self.case, "--html", self.directory / f"{self.case}.html", *ask)
        self.assert_fails(named, 2, "case's id")

    def check_words(self, text, language, words, answer):
        self.assertIn(words[0], text)
        for word in words[1:3]:
            self.assertIn(word, text)
        # Every legal basis of the agreement, and every official who looked before.
        for basis in {one["legal_basis"] for one in answer["received"] if one["legal_basis"]}:
            self.assertIn(basis, text, language)
        for official in {one["official"] for one in answer["reads"]}:
            self.assertIn(official, text, language)
        # Words alone: no names of types, sections or codes.
        for code in ("polku.", "SECTION_KIND", "PARTY_REASON", "ACCESS_PURPOSE"):
            self.assertNotIn(code, text, language)

    def assert_nothing_personal(self, text, personal):
        for value in personal:
            self.assertNotIn(value, text)

    def check_page(self, markup, language):
        """Well-formed, and nothing is fetched from anywhere. The page's text."""
        void = {"meta"}
        problems, stack, text = [], [], []

        class Checker(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                for name, value in attrs:
                    if name in ("src", "href", "action") or name.startswith("on") or "url(" in (value or ""):
                        problems.append(f"<{tag} {name}={value}>")
                if tag in ("script", "link", "img", "iframe", "object", "embed", "form"):
                    problems.append(f"<{tag}>")
                if tag == "html" and ("lang", language) not in attrs:
                    problems.append("lang")
                if tag == "th" and ("scope", "col") not in attrs:
                    problems.append("th without scope")
                if tag not in void:
                    stack.append(tag)

            def handle_endtag(self, tag):
                if not stack or stack.pop() != tag:
                    problems.append(f"</{tag}>")

            def handle_data(self, data):
                if stack and stack[-1] == "style":
                    if re.search(r"url\(|@import|http", data):
                        problems.append("style fetches")
                else:
                    text.append(data)

        checker = Checker(convert_charrefs=True)
        self.assertTrue(markup.startswith("<!DOCTYPE html>"))
        checker.feed(markup)
        checker.close()
        self.assertEqual(problems, [])
        self.assertEqual(stack, [])
        self.assertNotRegex(markup, r"https?://")
        return " ".join(text)

    def test_6_the_certificate_of_competence_names_neither_service_nor_provider(self):
        who = read_as("todistus-1", "client-request", "laki 703/2023")
        wellbeing = "hyvinvointi-assessment"
        said = json.loads(self.must(self.run_at(wellbeing, "certificate", self.case, "--json", *who)))
        self.assertEqual([(one["recognised_on"], one["competences"], one["competence_points"]) for one in said["recognised"]],
                         [("2025-05-27", ["keittiön omavalvonta"], 5)])
        self.assertTrue(said["family_name"])
        for language, title in (("fi", "Osaamistodistus"), ("sv", "Intyg över kunnande"),
                                ("en", "Certificate of competence")):
            text = self.must(self.run_at(wellbeing, "certificate", self.case, "--lang", language, *who))
            self.assertIn(title, text)
            self.assertIn("keittiön omavalvonta", text)
            self.assertIn(said["family_name"], text)
            for word in ("toimintatupa", "toimintatuvan", "työtoiminta", "kuntouttava", "yhdistys", "verksamhet i rehabiliterande",
                         "rehabilitative", "hyvinvointi", self.case):
                self.assertNotIn(word, text.lower())
        page = self.directory / "todistus.html"
        self.must(self.run_at(wellbeing, "certificate", self.case, "--html", page, *who))
        self.assertIn("<h1>Osaamistodistus</h1>", page.read_text())
        self.assertEqual(page.stat().st_mode & 0o777, 0o600)
        self.assertTrue(self.reads_of(self.case, wellbeing, "todistus-1"), "the read is on record")
        none = self.run_at(wellbeing, "certificate", expected.cases()["T02"], *who)
        self.assert_fails(none, 3, "no recognised competence")
        # Kela holds no such section: half a certificate is none.
        sealed = self.run_at("kela-compensation", "certificate", self.case, *who)
        self.assertIn(sealed.returncode, (1, 3), sealed.stderr)


class FullDiskTest(ReadsCase):
    """The service's data on a disk of its own, which shrinks under it."""

    CASE = "00112233445566778899aabbccddeeff"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.disk = cls.cluster.directory / OULU / "data"
        cls.disk.mkdir(mode=0o700)
        cls.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g,mode=700", "none", cls.disk],
                                     capture_output=True).returncode == 0

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop(kill=True)
        if cls.mounted:
            subprocess.run(["umount", cls.disk], check=True)
        super().tearDownClass()

    def need(self, day):
        event = {"official": "oma-1", "case": self.CASE, "type": "polku.referral.v1.NeedIdentified",
                 "event": {"identified_on": day, "source": "NEED_SOURCE_CLIENT", "municipality_code": "564"}}
        return self.cluster.run("publish", "--as", self.cluster.client("oulu", OULU), "-", stdin=json.dumps(event))

    def shrink(self, mebibytes):
        subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", self.disk], check=True)

    def test_reads_go_on_from_the_reserve_and_what_cannot_be_recorded_is_not_shown(self):
        if not self.mounted:
            self.skipTest("SKIPPED: mounting a tmpfs needs root; a full disk was NOT tested")
        self.cluster.start(OULU)
        self.assertEqual(self.need("2025-01-07").returncode, 0)
        room = 4096
        day = 1
        while (offered := self.need(f"2025-02-{day:02d}")).returncode == 0:
            room, day = room * 4 // 5, day + 1
            self.assertGreater(room, 8, "an event was taken on a full disk")
            self.shrink(room)
        self.assert_fails(offered, 4, "disk_full")
        # No room for events, but who reads is still on record.
        shown = self.must(self.run_at(OULU, "case", self.CASE, "--json", *read_as("etuus-3")))
        self.assertIn("NeedIdentified", shown)
        recorded = 1
        while (read := self.run_at(OULU, "case", self.CASE, "--json", *read_as("etuus-3"))).returncode == 0:
            recorded += 1
            room = room * 4 // 5
            self.assertGreater(room, 0, "a read went on without a record")
            self.shrink(room)
        self.assert_fails(read, 4, "not on record, so nothing is shown", "disk_full")
        self.assertEqual(read.stdout, "")
        for command in (["summary"], ["disclosures", self.CASE], ["replay", "--json"]):
            refused = self.run_at(OULU, *command, *read_as("etuus-3"))
            self.assert_fails(refused, 4, "nothing is shown")
            self.assertEqual(refused.stdout, "")
        self.shrink(4096)
        self.assertEqual(self.need("2025-03-03").returncode, 0)
        self.assertEqual(len(self.reads_of(self.CASE, official="etuus-3")), recorded)
        self.cluster.polku("verify", "--config", self.cluster.config(OULU))


if __name__ == "__main__":
    harness.main()
