#!/usr/bin/env python3
"""The requester cancels while the provider accepts, at services that do not hear of each other: both acts stand in the
history, every agency resolves them alike, whichever came first, and whoever reads is told."""

import json

import harness
from harness import cluster

OULU, PROVIDER = cluster.OULU, cluster.PROVIDER
# The provider has a referral service of its own; who only listens resolves it alike.
cluster.INSTANCES.clear()
cluster.INSTANCES.update({
    "oulu-referral": (OULU, "referral"),
    "toimintatupa-referral": (PROVIDER, "referral"),
    "hyvinvointi-assessment": (cluster.WELLBEING, "assessment"),
})
cluster.MIRRORS.clear()
CANCELLED_FIRST, ACCEPTED_FIRST = "c1" * 16, "c2" * 16


class ContradictionTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start_missing()

    def publish(self, author, case, kind, event):
        line = {"case": case, "type": kind, "official": "v-1", "event": event}
        service = f"{author}-referral"
        return self.cluster.run("publish", "--as", self.cluster.client(author, service), "-", stdin=json.dumps(line))

    def say(self, *event):
        result = self.publish(*event)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def status(self, author, case, status):
        return self.publish(author, case, "polku.referral.v1.ReferralStatusChanged",
                            {"referral_id": "l-1", "status": f"REFERRAL_STATUS_{status}", "effective_on": "2025-02-10",
                             "reason": "STATUS_REASON_CLIENT_SITUATION"})

    def refer(self, case):
        self.say("oulu", case, "polku.referral.v1.NeedIdentified",
                 {"identified_on": "2025-02-03", "source": "NEED_SOURCE_CLIENT"})
        self.say("oulu", case, "polku.access.v1.PartyAdded",
                 {"agency": cluster.WELLBEING, "reason": "PARTY_REASON_SERVICE", "added_on": "2025-02-03"})
        self.say("oulu", case, "polku.referral.v1.ReferralMade",
                 {"referral_id": "l-1", "status": "REFERRAL_STATUS_REQUESTED", "made_on": "2025-02-03",
                  "requester_agency": OULU, "target_agency": PROVIDER, "place_code": "tupa-1"})

    def apart(self, *acts):
        """Each act where the other's service is down, so that neither author can know of the other's."""
        for author, case, status in acts:
            others = [name for name in ("oulu-referral", "toimintatupa-referral") if not name.startswith(author)]
            self.cluster.stop(*others)
            self.cluster.start(*[name for name in (f"{author}-referral",) if name not in self.cluster.processes])
            result = self.status(author, case, status)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.cluster.start_missing()
        self.cluster.settle()

    def summaries(self, case):
        """What each agency makes of the case."""
        found = []
        for name in cluster.INSTANCES:
            cases = json.loads(self.cluster.polku("summary", "--json", "--config", self.cluster.config(name)))["cases"]
            found += [(one["referral"], one["contradictions"]) for one in cases if one["case"] == case]
        self.assertEqual(len(found), len(cluster.INSTANCES))
        return found

    def test_1_of_both_acts_the_one_that_undoes_more_holds_everywhere_whichever_came_first(self):
        for case in (CANCELLED_FIRST, ACCEPTED_FIRST):
            self.refer(case)
        self.cluster.settle()
        self.apart(("oulu", CANCELLED_FIRST, "CANCELLED"), ("toimintatupa", CANCELLED_FIRST, "ACCEPTED"))
        self.apart(("toimintatupa", ACCEPTED_FIRST, "ACCEPTED"), ("oulu", ACCEPTED_FIRST, "CANCELLED"))
        # Cancelled after accepted is a lawful step by itself: nothing to contradict. The other way round it is not.
        contradiction = {"referral_id": "l-1", "kept": "cancelled", "kept_by": OULU, "overruled": "accepted",
                         "overruled_by": PROVIDER}
        for referral, contradictions in self.summaries(CANCELLED_FIRST):
            self.assertEqual((referral, contradictions), ("cancelled", [contradiction]))
        for referral, contradictions in self.summaries(ACCEPTED_FIRST):
            self.assertEqual((referral, contradictions), ("cancelled", []))

    def test_2_both_acts_are_shown_and_marked(self):
        words = {"fi": "ristiriitaiset toimet", "sv": "motstridiga åtgärder", "en": "contradictory acts"}
        for name in cluster.INSTANCES:
            for language, word in words.items():
                text = self.cluster.polku("case", CANCELLED_FIRST, "--lang", language, "--config", self.cluster.config(name))
                self.assertIn(word, text, name)
                table = self.cluster.polku("summary", "--cases", "--lang", language, "--config", self.cluster.config(name))
                self.assertIn(word, table, name)
            # Also where they agree, it is told that neither knew of the other's act.
            for case in (CANCELLED_FIRST, ACCEPTED_FIRST):
                lines = self.cluster.polku("case", case, "--json", "--config", self.cluster.config(name)).splitlines()
                acts = [one["event"]["status"] for one in map(json.loads, lines)
                        if one["type"] == "polku.referral.v1.ReferralStatusChanged"]
                self.assertEqual(sorted(acts), ["REFERRAL_STATUS_ACCEPTED", "REFERRAL_STATUS_CANCELLED"])
                text = self.cluster.polku("case", case, "--lang", "en", "--config", self.cluster.config(name))
                self.assertIn("concurrent, unaware of", text)

    def test_3_from_there_on_both_services_go_by_the_same_status(self):
        for author in ("oulu", "toimintatupa"):
            result = self.publish(author, CANCELLED_FIRST, "polku.referral.v1.IntroductoryVisitHeld",
                                  {"referral_id": "l-1", "visit_on": "2025-02-12", "result": "VISIT_RESULT_AGREED"})
            self.assert_fails(result, 1, "referral_not_open")
        self.assert_fails(self.status("toimintatupa", CANCELLED_FIRST, "IN_PROGRESS"), 1, "illegal_transition")


if __name__ == "__main__":
    harness.main()
