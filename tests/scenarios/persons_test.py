#!/usr/bin/env python3
"""One person under two case ids: found by the blind index, linked by an event, never merged; and a place's catalogue
with its waiting list, over capacity said."""

import json

import harness
from harness import cluster

OULU, WELLBEING, PROVIDER = cluster.OULU, cluster.WELLBEING, cluster.PROVIDER
SERVICE = "oulu-referral"
# Who opens cases, who shares their identity, and who gets none of it.
for name in set(cluster.INSTANCES) - {SERVICE, "hyvinvointi-assessment", "tarkastaja-audit"}:
    del cluster.INSTANCES[name]
FIRST, SECOND, OTHER = "a1" * 16, "a2" * 16, "a3" * 16
PLACE = "ee" * 16
CODE, CODE_NOW, CODE_OTHER = "010190-900P", "010190-901R", "020280-902M"


class PersonsTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start_missing()

    def publish(self, case, kind, event, author="oulu", service=SERVICE, official="oma-1"):
        line = {"case": case, "type": f"polku.referral.v1.{kind}", "official": official, "event": event}
        return self.cluster.run("publish", "--as", self.cluster.client(author, service), "-", stdin=json.dumps(line))

    def say(self, *event, **how):
        result = self.publish(*event, **how)
        self.assertEqual(result.returncode, 0, result.stderr)

    def identify(self, case, code, *earlier):
        self.say(case, "ClientIdentified",
                 {"municipality_code": "564", "identity_code": code, "earlier_identity_codes": list(earlier)})

    def persons(self, action, name=SERVICE, stdin=""):
        result = self.cluster.run("persons", action, "--json", "--config", self.cluster.config(name), stdin=stdin)
        if result.returncode == 4 and "no index of persons yet" in result.stderr:  # the service has hardly begun
            return {"pairs": [], "cases": [], "not_indexed": 1}
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def pairs(self, name=SERVICE):
        found = self.cluster.wait_until(
            "the index of persons", lambda: (lambda one: one if one["not_indexed"] == 0 else None)(
                self.persons("duplicates", name)))
        return [tuple(pair) for pair in found["pairs"]]

    def found(self, code):
        return [one["case"] for one in self.persons("find", stdin=code + "\n")["cases"]]

    def test_1_a_person_opened_twice_is_found_under_a_changed_code_too(self):
        self.identify(FIRST, CODE)
        self.identify(OTHER, CODE_OTHER)
        self.assertEqual(self.pairs(), [])
        self.assertEqual(self.cluster.status(SERVICE).get("notes", []), [])
        self.identify(SECOND, CODE_NOW, CODE)
        self.assertEqual(self.pairs(), [(FIRST, SECOND)])
        self.assertEqual(self.found(CODE.lower()), [FIRST, SECOND])
        self.assertEqual(self.found(CODE_NOW), [SECOND])
        [note] = self.cluster.status(SERVICE)["notes"]
        self.assertIn("1 pair of cases", note)
        config = self.cluster.config(SERVICE)
        for language, pair, nobody in (("fi", "joita ei ole yhdistetty: 1", "missään täällä olevassa asiassa"),
                                       ("sv", "inte är sammankopplade: 1", "inget ärende här"),
                                       ("en", "in common and no link: 1", "no case held here")):
            said = self.cluster.polku("persons", "duplicates", "--lang", language, "--config", config)
            self.assertIn(pair, said)
            self.assertIn(f"{FIRST}  {SECOND}", said)
            self.assertIn(nobody, self.cluster.polku("persons", "find", "--lang", language, "--config", config,
                                                     stdin="010190-997U\n"))
        # Every agency that may open the identity finds them with a key of its own.
        for case in (FIRST, SECOND):
            result = self.cluster.run("publish", "--as", self.cluster.client("oulu", SERVICE), "-", stdin=json.dumps(
                {"case": case, "type": "polku.access.v1.PartyAdded", "official": "oma-1",
                 "event": {"agency": WELLBEING, "reason": "PARTY_REASON_SERVICE", "added_on": "2025-03-03"}}))
            self.assertEqual(result.returncode, 0, result.stderr)
        self.cluster.settle()
        self.cluster.wait_until("the other agency's index",
                                lambda: self.pairs("hyvinvointi-assessment") == [(FIRST, SECOND)])
        keys = [(self.cluster.directory / name / "keys/blind-index.key") for name in (SERVICE, "hyvinvointi-assessment")]
        self.assertNotEqual(keys[0].read_text(), keys[1].read_text())
        self.assertEqual({key.stat().st_mode & 0o777 for key in keys}, {0o600})

    def test_2_a_code_is_read_from_the_input_alone_and_each_search_is_on_record(self):
        result = self.cluster.run("persons", "find", "--json", "--config", self.cluster.config(SERVICE), stdin="Aino\n")
        self.assert_fails(result, 3, "no personal identity code")
        self.assertNotIn("Aino", result.stderr)
        result = self.cluster.run("persons", "find", CODE, "--config", self.cluster.config(SERVICE), stdin="")
        self.assertEqual(result.returncode, 2)
        self.assertNotIn(CODE, result.stderr + result.stdout)
        replay = self.cluster.polku("replay", "--type", "AccessRecorded", "--config", self.cluster.config(SERVICE))
        commands = [json.loads(line)["event"].get("command", "") for line in replay.splitlines()]
        self.assertIn("persons find", commands)
        self.assertIn("persons duplicates", commands)
        self.assertNotIn("900P", replay)

    def test_3_a_link_joins_them_and_is_told_and_nothing_is_merged(self):
        link = {"other_case_id": SECOND, "reason": "LINK_REASON_CHANGED_CODE", "linked_on": "2025-03-03"}
        self.say(FIRST, "CasesLinked", link)
        self.assert_fails(self.publish(FIRST, "CasesLinked", link | {"reason": "LINK_REASON_OTHER"}), 1, "duplicate")
        self.assertEqual(self.pairs(), [])
        self.cluster.wait_until("the note is gone", lambda: not self.cluster.status(SERVICE).get("notes"))
        config = self.cluster.config(SERVICE)
        for case, other in ((FIRST, SECOND), (SECOND, FIRST)):  # whichever of the two says it
            self.assertIn(other, self.cluster.polku("case", case, "--lang", "en", "--config", config))
            answer = json.loads(self.cluster.polku("disclosures", case, "--json", "--config", config))
            self.assertEqual(answer["linked_cases"], [other])
            self.assertIn(other, self.cluster.polku("disclosures", case, "--lang", "fi", "--config", config))
        cases = json.loads(self.cluster.polku("summary", "--json", "--config", config))["cases"]
        self.assertEqual({one["case"]: one["linked_cases"] for one in cases if one["case"] in (FIRST, SECOND, OTHER)},
                         {FIRST: [SECOND], SECOND: [], OTHER: []})
        # The auditor gets no identity: it finds nobody, and is not told what is linked.
        self.assertEqual(self.persons("find", "tarkastaja-audit", stdin=CODE + "\n")["cases"], [])
        self.say(FIRST, "CasesUnlinked",
                 {"other_case_id": SECOND, "reason": "UNLINK_REASON_NOT_SAME_PERSON", "unlinked_on": "2025-03-04"})
        self.assertEqual(self.pairs(), [(FIRST, SECOND)])

    def test_4_reindex_and_a_new_key_make_it_anew(self):
        self.cluster.stop(SERVICE)
        self.cluster.polku("reindex", "--config", self.cluster.config(SERVICE))
        (self.cluster.directory / SERVICE / "keys/blind-index.key").unlink()
        self.cluster.start(SERVICE)
        self.assertEqual(self.pairs(), [(FIRST, SECOND)])
        self.assertEqual(self.found(CODE), [FIRST, SECOND])

    def test_5_an_erased_case_is_found_no_more(self):
        keys = [self.cluster.client(f"oulu-tietosuoja-{number}", SERVICE) for number in (1, 2)]
        asked = json.loads(self.cluster.polku("erase", "--as", keys[0], "--case", SECOND, "--basis",
                                              "laki 703/2023 27 §", "--tier", "entries", "--json"))
        self.cluster.polku("erase", "confirm", asked["receipt"]["id"], "--as", keys[1], "--case", SECOND)
        self.cluster.wait_until("the case is forgotten", lambda: self.found(CODE) == [FIRST])
        self.assertEqual(self.pairs(), [])

    # ---- Places ----

    def places(self, *more, name=SERVICE):
        return json.loads(self.cluster.polku("places", "--json", "--config", self.cluster.config(name), *more))["places"]

    def test_6_a_place_has_room_until_it_has_none_and_then_a_waiting_list(self):
        listing = {"provider_agency": PROVIDER, "place_code": "tupa-9", "municipality_code": "564", "capacity": 1,
                   "names": [{"language": "fi", "text": "Toimintatuvan kahvila"}], "valid_from": "2025-01-01",
                   "weekdays": ["WEEKDAY_MONDAY"]}
        self.say(PLACE, "PlaceListed", listing, author="toimintatupa", official="ohjaaja-1")
        self.assert_fails(self.publish(FIRST, "PlaceListed", listing), 1, "not_a_place_case")
        self.assert_fails(self.publish(PLACE, "NeedIdentified", {"identified_on": "2025-03-03",
                                                                 "source": "NEED_SOURCE_CLIENT"}), 1,
                          "not_a_clients_case")
        cases = {number: f"{number:02x}" * 16 for number in (0xb1, 0xb2, 0xb3)}
        for number, case in cases.items():
            self.say(case, "NeedIdentified", {"identified_on": "2025-02-03", "source": "NEED_SOURCE_CLIENT"})
            self.say(case, "ReferralMade",
                     {"referral_id": f"l-{number}", "status": "REFERRAL_STATUS_REQUESTED", "made_on": "2025-02-03",
                      "requester_agency": OULU, "target_agency": PROVIDER, "place_code": "tupa-9"})

        def answer(number, what, place="tupa-9"):
            return self.publish(cases[number], "PlaceAnswered",
                                {"referral_id": f"l-{number}", "answer": f"PLACE_ANSWER_{what}",
                                 "answered_on": "2025-02-10", "place_code": place}, author="toimintatupa")

        self.assert_fails(answer(0xb1, "CAPACITY", place=""), 1, "missing_field", "place_code")
        self.assertEqual(answer(0xb1, "CAPACITY").returncode, 0)
        accepted = {"status": "REFERRAL_STATUS_ACCEPTED", "effective_on": "2025-02-11"}
        self.say(cases[0xb1], "ReferralStatusChanged", accepted | {"referral_id": f"l-{0xb1}"}, author="toimintatupa")
        for number in (0xb3, 0xb2):
            self.assertEqual(answer(number, "WAITLIST").returncode, 0)
        [place] = self.places("--place", "tupa-9", "--on", "2025-03-03")
        self.assertEqual((place["capacity"], place["accepted"], place["free"]), (1, 1, 0))
        self.assertEqual([one["case"] for one in place["waiting"]], [cases[0xb3], cases[0xb2]])
        self.assertEqual(self.places("--place", "tupa-9", "--free", "--on", "2025-03-03"), [])
        # One is taken all the same: that is said.
        self.assertEqual(answer(0xb2, "CAPACITY").returncode, 0)
        self.say(cases[0xb2], "ReferralStatusChanged", accepted | {"referral_id": f"l-{0xb2}"}, author="toimintatupa")
        [place] = self.places("--place", "tupa-9", "--on", "2025-03-03")
        self.assertEqual((place["taken"], place["free"], len(place["waiting"])), (2, -1, 1))
        for language, word in (("fi", "yli 1"), ("sv", "över 1"), ("en", "over by 1")):
            text = self.cluster.polku("places", "--lang", language, "--waiting", "--on", "2025-03-03", "--config",
                                      self.cluster.config(SERVICE))
            self.assertIn(word, text)
            self.assertIn("Toimintatuvan kahvila", text)
            self.assertIn(cases[0xb3], text)
        # The catalogue is open to all who refer; who waits only to those who take part.
        self.cluster.settle()
        [place] = self.places("--place", "tupa-9", "--on", "2025-03-03", name="hyvinvointi-assessment")
        self.assertEqual((place["capacity"], place["taken"], place["waiting"]), (1, 0, []))


if __name__ == "__main__":
    harness.main()
