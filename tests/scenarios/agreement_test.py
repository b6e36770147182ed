"""Closed by default, through real services: who is no party says and gets nothing; becoming one is an entry and opens
what is on record; `polku agreement explain --case` says which, and is itself on record."""

import json

from harness import INPUT, SystemTest, cluster, main

KELA, OULU, WELLBEING = cluster.KELA, cluster.OULU, cluster.WELLBEING
READ = ["--official", "tarkastus-1", "--purpose", "supervision", "--basis", "laki 611/2021"]


class AgreementTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start("oulu-referral", "hyvinvointi-assessment", "kela-compensation")
        lines = [json.loads(line) for line in (INPUT / "01-oulu-tarve.ndjson").read_text().splitlines()]
        cls.case = lines[0]["case"]
        cls.own = [line for line in lines if line["case"] == cls.case]

    def offer(self, author, *lines):
        file = self.directory / "offer.ndjson"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return self.cluster.run("import", "--as", self.cluster.client(author, "oulu-referral"), file)

    def explain(self, receiver, type, *more, instance="oulu-referral"):
        result = self.cluster.run("agreement", "explain", "--config", self.cluster.config(instance), "--json",
                                  "--receiver", receiver, "--author", OULU, "--type", type,
                                  "--case", self.case, *READ, *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def held(self, instance):
        """Event types of the case that the service shows."""
        result = self.cluster.run("case", self.case, "--config", self.cluster.config(instance), "--json", *READ)
        return [json.loads(line)["type"] for line in result.stdout.splitlines()] if result.returncode == 0 else []

    def test_1_who_is_no_party_says_and_gets_nothing(self):
        events = [line for line in self.own if not line["type"].startswith("polku.access.")]
        self.assertEqual(self.offer("oulu", *events).returncode, 0)
        # Named by its benefit, so a party without anybody's act.
        self.assertTrue(self.explain(KELA, "polku.referral.v1.ClientIdentified")["sees"])
        before = self.explain(WELLBEING, "polku.referral.v1.NeedIdentified")
        self.assertFalse(before["party"])
        self.assertFalse(before["sees"])
        self.assertEqual([reason["kind"] for reason in before["reasons"]], ["no_party"])
        self.cluster.settle()
        self.assertEqual(self.held("hyvinvointi-assessment"), [])
        said = {"case": self.case, "type": "polku.referral.v1.SocialServiceNoted", "official": "sos-1",
                "event": {"kind": "SOCIAL_SERVICE_KIND_DEBT_ADVICE"}}
        self.assert_fails(self.offer("hyvinvointi", said), 1, "not_a_party", "PartyAdded")
        # And who is entitled to nothing of the kind, not even as a party.
        made = {"case": self.case, "type": "polku.referral.v1.DecisionMade", "official": "k-1", "event": {}}
        self.assert_fails(self.offer("kela", made), 1, "not_in_agreement")

    def test_2_becoming_a_party_is_an_entry_and_opens_what_is_on_record(self):
        added = [line for line in self.own if line["type"] == "polku.access.v1.PartyAdded"]
        self.assertEqual(len(added), 1)
        self.assertEqual(self.offer("oulu", *added).returncode, 0)
        after = self.explain(WELLBEING, "polku.referral.v1.NeedIdentified")
        self.assertTrue(after["party"])
        self.assertTrue(after["sees"])
        self.assertIn(f"{OULU}/referral/1", after["party_why"])
        self.assertEqual(after["reasons"][0]["line"], "hyvinvointi-polku")
        wanted = {line["type"] for line in self.own}
        self.cluster.wait_until("the earlier entries come to the new party",
                                lambda: wanted <= set(self.held("hyvinvointi-assessment")))
        # Kela, a party too, got what its line opens and no more.
        self.cluster.settle()
        kela = set(self.held("kela-compensation"))
        self.assertIn("polku.referral.v1.ClientIdentified", kela)
        self.assertIn("polku.access.v1.PartyAdded", kela)
        self.assertNotIn("polku.referral.v1.NeedIdentified", kela)
        said = {"case": self.case, "type": "polku.referral.v1.SocialServiceNoted", "official": "sos-1",
                "event": {"kind": "SOCIAL_SERVICE_KIND_DEBT_ADVICE"}}
        self.assertEqual(self.offer("hyvinvointi", said).returncode, 0)

    def test_3_reading_who_takes_part_asks_why_and_is_on_record(self):
        question = ["agreement", "explain", "--config", self.cluster.config("oulu-referral"), "--receiver", KELA,
                    "--author", OULU, "--type", "polku.referral.v1.NeedIdentified", "--case", self.case]
        self.assert_fails(self.cluster.run(*question), 2, "--official")
        self.assert_fails(self.cluster.run(*question, "--official", "x-1", "--basis", "x"), 2, "--purpose")

        def reads():
            result = self.cluster.run("replay", "--config", self.cluster.config("oulu-referral"),
                                      "--type", "polku.access.v1.AccessRecorded", "--json", *READ)
            self.assertEqual(result.returncode, 0, result.stderr)
            events = [json.loads(line) for line in result.stdout.splitlines()]
            return [event for event in events if event["event"].get("command") == "agreement"]

        before = len(reads())
        self.assertGreaterEqual(before, 3)
        self.explain(KELA, "polku.referral.v1.NeedIdentified")
        after = reads()
        self.assertEqual(len(after), before + 1)
        self.assertEqual(after[-1]["official"], "tarkastus-1")
        self.assertEqual(after[-1]["event"]["purpose"], "ACCESS_PURPOSE_SUPERVISION")
        self.assertEqual(after[-1]["event"]["sections"], ["SECTION_KIND_SERVICE"])


if __name__ == "__main__":
    main()
