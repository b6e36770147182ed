#!/usr/bin/env python3
"""Payments in batches over the demo's history: proposed, approved by a second official, paid; a day that is taken away after
its payment is netted in the next batch, and claimed back where no later day makes up for it."""

import csv
import json

import expected
import harness
from harness import cluster, demo

KELA = "kela-compensation"
HOUSE = "toimintatupa-attendance"
BASIS = ["--purpose", "payment", "--basis", "laki 189/2001"]
# Made up, with check digits that hold.
IBAN = "FI2112345600000785"


class PaymentsTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start_missing()
        for act in demo.ACTS:
            demo.perform(cls.cluster, act)
            cls.cluster.settle()
        cls.case = expected.cases()
        cls.accounts = cls.directory / "tilit.csv"
        with open(cls.accounts, "w", newline="") as file:
            rows = csv.writer(file, delimiter=";")
            rows.writerow(["tapaus", "iban", "viite"])
            rows.writerows([case, IBAN, "1234561"] for case in cls.case.values())

    def payments(self, official, *arguments):
        return self.cluster.run("payments", *arguments, "--json", "--config", self.cluster.config(KELA), "--as",
                                self.cluster.client("kela", KELA), "--official", official, *BASIS)

    def must(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def paid_by_kela(self, first, last):
        """By client, the days that the sheets alone give."""
        days = {}
        for client, recorded in expected.days_by_client().items():
            if client in expected.WITHOUT_ALLOWANCE | expected.PAID_BY_WELLBEING:
                continue
            of_time = [day for day in expected.paid_days(recorded)
                       if first <= day.isoformat() <= last]
            if of_time:
                days[self.case[client]] = of_time
        return days

    def withdraw(self, client, day):
        event = {"type": "polku.attendance.v1.DayCorrected", "official": "ohjaaja-1", "case": self.case[client],
                 "event": {"date": day.isoformat(), "reason": "CORRECTION_REASON_WRONG_CLIENT", "withdrawn": True}}
        self.must(self.cluster.run("publish", "--json", "--as", self.cluster.client("toimintatupa", HOUSE), "-",
                                   stdin=json.dumps(event)))
        self.cluster.settle()

    def reversals(self):
        text = self.cluster.run("replay", "--type", "AllowanceReversed", "--config", self.cluster.config(KELA)).stdout
        return len(text.splitlines())

    def test_1_without_an_account_nothing_is_proposed(self):
        size = int(self.cluster.status(KELA)["size"])
        result = self.payments("etuus-1", "propose", "--from", "2025-03-01", "--until", "2025-03-31", "--batch", "maalis")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("--accounts", result.stderr)
        states = {payment["state"] for payment in json.loads(result.stdout)["payments"]}
        self.assertEqual(states, {"no account"})
        self.assertEqual(int(self.cluster.status(KELA)["size"]), size + 1, "the read alone is on record")

    def test_2_a_dry_run_says_what_the_sheets_give_and_sends_nothing(self):
        said = self.must(self.payments("etuus-1", "propose", "--from", "2025-03-01", "--until", "2025-03-31", "--batch",
                                       "maalis", "--accounts", self.accounts, "--dry-run"))
        days = self.paid_by_kela("2025-03-01", "2025-03-31")
        self.assertEqual({p["case"]: p["total_cents"] for p in said["payments"]},
                         {case: 900 * len(of_case) for case, of_case in days.items()})
        self.assertEqual(said["sums"]["to pay"]["payments"], len(days))
        status = self.must(self.payments("etuus-1", "status"))
        self.assertEqual(status["batches"], [])

    def test_3_a_batch_is_proposed_approved_by_another_and_paid(self):
        propose = ("propose", "--from", "2025-03-01", "--until", "2025-03-31", "--batch", "maalis", "--accounts",
                   self.accounts)
        said = self.must(self.payments("etuus-1", *propose))
        days = self.paid_by_kela("2025-03-01", "2025-03-31")
        total = sum(900 * len(of_case) for of_case in days.values())
        self.assertEqual(said["sums"], {"proposed": {"payments": len(days), "total_cents": total}})
        again = self.must(self.payments("etuus-1", *propose))
        self.assertEqual(again["payments"], [], "everything of those days is in a payment")

        same = self.payments("etuus-1", "approve", "maalis")
        self.assertEqual(same.returncode, 1, same.stderr)
        self.assertEqual({p["refusal"]["code"] for p in json.loads(same.stdout)["payments"]}, {"same_official"})
        early = self.payments("etuus-2", "paid", "maalis")
        self.assertEqual((early.returncode, json.loads(early.stdout)["payments"]), (1, []), "nothing is approved yet")
        self.assertIn(f"they are: proposed {len(days)}", early.stderr)
        approved = self.must(self.payments("etuus-2", "approve", "maalis"))
        self.assertEqual(approved["sums"], {"approved": {"payments": len(days), "total_cents": total}})
        paid = self.must(self.payments("etuus-2", "paid", "maalis", "--archive", "arkisto-1"))
        self.assertEqual(paid["sums"], {"paid": {"payments": len(days), "total_cents": total}})
        self.assertEqual({(p["account_changed"], bool(p["iban"])) for p in paid["payments"]}, {(False, True)})
        self.assertEqual(self.must(self.payments("etuus-2", "paid", "maalis"))["payments"], [], "done before")
        status = self.must(self.payments("etuus-1", "status"))
        self.assertEqual(status["batches"], [{"batch": "maalis", "state": "paid", "payments": len(days),
                                              "total_cents": total}])

    def test_4_a_day_taken_away_after_its_payment_is_netted_in_the_next_batch(self):
        case = self.case["T01"]
        lost = self.paid_by_kela("2025-03-01", "2025-03-31")[case][1]
        before = self.reversals()
        self.withdraw("T01", lost)
        self.cluster.wait_until("the day is reversed", lambda: self.reversals() > before)
        said = self.must(self.payments("etuus-1", "propose", "--from", "2025-04-01", "--until", "2025-06-10", "--batch",
                                       "kesa"))
        rows = {p["case"]: p for p in said["payments"]}
        days = self.paid_by_kela("2025-04-01", "2025-06-10")
        self.assertEqual(rows[case]["recovered_cents"], -900)
        self.assertEqual(rows[case]["covers_from"], lost.isoformat())
        self.assertEqual({c: p["total_cents"] for c, p in rows.items()},
                         {c: 900 * len(of_case) - (900 if c == case else 0) for c, of_case in days.items()})
        # Known accounts: those of the first batch.
        self.assertEqual({p["state"] for p in said["payments"]}, {"proposed"})
        one = self.must(self.payments("etuus-2", "reject", "kesa", "--reason", "wrong-account", "--case", case))
        self.assertEqual([p["state"] for p in one["payments"]], ["rejected"])
        again = ("propose", "--from", "2025-04-01", "--until", "2025-06-10", "--batch", "kesa")
        wrong = self.payments("etuus-1", *again)
        self.assertEqual((wrong.returncode, [p["state"] for p in json.loads(wrong.stdout)["payments"]]), (1, ["no account"]),
                         "an account that was rejected does not come back by itself")
        other = self.directory / "uusi-tili.csv"
        other.write_text(f"tapaus;iban\n{case};fi14 1009 3000 1234 58\n")  # as banks print it
        new = self.must(self.payments("etuus-1", *again, "--accounts", other))
        self.assertEqual([(p["case"], p["payment_id"], p["total_cents"], p["iban"], p["account_changed"])
                          for p in new["payments"]],
                         [(case, "kesa-2", rows[case]["total_cents"], "FI1410093000123458", True)])
        # The second pair of eyes is shown another account, and says that it looked.
        held = self.payments("etuus-2", "approve", "kesa")
        self.assertEqual(held.returncode, 1, held.stderr)
        states = {p["case"]: p["state"] for p in json.loads(held.stdout)["payments"]}
        self.assertEqual(states, {c: "account changed" if c == case else "approved" for c in days})
        self.assertIn("--accounts-changed", held.stderr)
        done = self.must(self.payments("etuus-2", "approve", "kesa", "--accounts-changed"))
        self.assertEqual([(p["case"], p["state"], p["recovered_cents"]) for p in done["payments"]],
                         [(case, "approved", -900)])
        self.must(self.payments("etuus-2", "paid", "kesa"))
        for language, word in (("fi", "tili muuttunut"), ("sv", "kontot ändrat"), ("en", "account changed")):
            text = self.cluster.run("payments", "status", "kesa", "--lang", language, "--config",
                                    self.cluster.config(KELA)).stdout
            self.assertIn(f"FI1410093000123458 ({word})", text)

    def test_5_where_no_later_day_makes_up_for_it_it_is_claimed_back(self):
        case = self.case["T02"]
        lost = self.paid_by_kela("2025-04-01", "2025-06-10")[case][-1]
        before = self.reversals()
        self.withdraw("T02", lost)
        self.cluster.wait_until("the day is reversed", lambda: self.reversals() > before)
        status = self.must(self.payments("etuus-1", "status"))
        self.assertEqual([(u["case"], u["total_cents"], u["state"]) for u in status["unsettled"]],
                         [(case, -900, "claimed back")])
        said = self.must(self.payments("etuus-1", "propose", "--from", "2025-06-01", "--until", "2025-06-10", "--batch",
                                       "syys"))
        self.assertEqual([(p["case"], p["total_cents"], p["state"]) for p in said["payments"]],
                         [(case, -900, "claimed back")])
        text = self.cluster.run("payments", "status", "--lang", "fi", "--config", self.cluster.config(KELA)).stdout
        self.assertIn("takaisinperittävä", text)

    def test_6_nobody_pays_for_another_and_no_batch_comes_of_nothing(self):
        other = self.cluster.run("payments", "approve", "maalis", "--config", self.cluster.config(KELA), "--as",
                                 self.cluster.client("hyvinvointi", KELA), "--official", "x", *BASIS)
        self.assert_fails(other, 2, "not the agency of the service")
        self.assert_fails(self.payments("etuus-1", "approve", "olematon"), 3, "olematon")
        self.assert_fails(self.payments("etuus-1", "propose", "--from", "2025-03-01", "--until", "2025-03-31", "--batch",
                                        "Maalis 25"), 2, "--batch")
        self.assert_fails(self.payments("etuus-1", "reject", "maalis"), 2, "--reason")
        self.assert_fails(self.payments("etuus-1", "propose", "--from", "2025-04-01", "--until", "2025-03-31", "--batch",
                                        "x"), 2, "before --from")
        self.assert_fails(self.payments("etuus-1", "status", "--same-day"), 2, "--case")

    def test_7_each_look_is_in_the_clients_answer(self):
        answer = json.loads(self.cluster.run("disclosures", self.case["T01"], "--json", "--config",
                                             self.cluster.config(KELA)).stdout)
        self.assertIn("etuus-1", json.dumps(answer))

    def test_8_each_cent_leads_back_to_its_day_rule_decision_and_officials(self):
        said = json.loads(self.cluster.run("explain-payment", self.case["T01"], "--json", "--config",
                                           self.cluster.config(KELA)).stdout)
        events = said["events"]
        payments = {p["payment_id"]: p for p in said["payments"] if p["agency"] == cluster.KELA}
        for name, officials in (("maalis", ["etuus-1", "etuus-2", "etuus-2"]),
                                ("kesa-2", ["etuus-1", "etuus-2", "etuus-2"])):
            payment = payments[name]
            self.assertEqual([events[step]["official"] for step in payment["steps"]], officials)
            self.assertEqual(sum(line["amount_cents"] for line in payment["lines"]), payment["total_cents"])
            for line in payment["lines"]:
                self.assertEqual(line["gaps"], [], line)
                self.assertEqual((line["rule"]["id"], line["rule"]["cents"]), ("expense_allowance", 900))
                self.assertIn("seed 001", line["rule"]["source"])
                newest = events[line["days"][-1]]
                self.assertEqual(newest["event"]["date"], line["date"])
                self.assertEqual(events[line["agreement"]]["type"], "polku.referral.v1.AgreementMade")
                self.assertTrue(events[line["decision"]]["event"]["granted"])
                self.assertEqual(events[line["benefit"]]["type"], "polku.referral.v1.BenefitRecorded")
        netted = [line for line in payments["kesa-2"]["lines"] if line["amount_cents"] < 0]
        self.assertEqual(len(netted), 1)
        self.assertEqual(events[netted[0]["taken_away_by"]]["type"], "polku.attendance.v1.DayCorrected")
        self.assertEqual(events[netted[0]["reverses"]]["event"]["date"], netted[0]["date"])

    def test_9_what_may_not_be_opened_is_said_and_words_are_in_three_languages(self):
        # The association holds no payment section: it sees that there is money, not how much.
        result = self.cluster.run("explain-payment", self.case["T01"], "--json", "--config", self.cluster.config(HOUSE))
        if result.returncode == 0:
            gaps = {gap for p in json.loads(result.stdout)["payments"] for line in p["lines"] for gap in line["gaps"]}
            self.assertTrue(any(gap.startswith("sealed:") for gap in gaps), gaps)
        else:
            self.assert_fails(result, 3, "held")
        for language, word in (("fi", "Maksu maalis"), ("sv", "Betalning maalis"), ("en", "Payment maalis")):
            text = self.cluster.polku("explain-payment", self.case["T01"], "maalis", "--lang", language, "--config",
                                      self.cluster.config(KELA))
            self.assertIn(word, text)
            self.assertIn("expense_allowance v1", text)
        self.assert_fails(self.cluster.run("explain-payment", self.case["T01"], "olematon", "--config",
                                           self.cluster.config(KELA)), 3, "olematon")

    def test_a_one_persons_cases_are_not_paid_for_the_same_day_unless_somebody_says_so(self):
        pair = [self.case["T01"], self.case["T06"]]
        replay = [json.loads(line) for line in self.cluster.run(
            "replay", "--type", "ClientIdentified", "--config", self.cluster.config("oulu-referral")).stdout.splitlines()]
        told = {line["case"]: line["event"] for line in replay}
        event = {"type": "polku.referral.v1.ClientIdentified", "official": "oma-1", "case": pair[1],
                 "event": told[pair[1]] | {"earlier_identity_codes": [told[pair[0]]["identity_code"]]}}
        self.must(self.cluster.run("publish", "--json", "--as", self.cluster.client("oulu", "oulu-referral"), "-",
                                   stdin=json.dumps(event)))
        day = "2025-05-07"  # a fourth day of its week, of both
        for case in pair:
            event = {"type": "polku.attendance.v1.DayRecorded", "official": "ohjaaja-1", "case": case,
                     "event": {"date": day, "planned_minutes": 300, "actual_minutes": 300, "place_code": "tupa-1",
                               "outcome": "DAY_OUTCOME_ATTENDED", "attendance_class": "ATTENDANCE_CLASS_ATTENDED"}}
            self.must(self.cluster.run("publish", "--json", "--as", self.cluster.client("toimintatupa", HOUSE), "-",
                                       stdin=json.dumps(event)))
        self.cluster.settle()
        self.cluster.wait_until("the payer's index has the pair", lambda: sorted(pair) in json.loads(
            self.cluster.run("persons", "duplicates", "--json", "--config", self.cluster.config(KELA)).stdout)["pairs"])
        propose = ("propose", "--from", day, "--until", day, "--batch", "sama")
        both = self.cluster.wait_until("both have accrued", lambda: (lambda result: result if len(
            json.loads(result.stdout)["payments"]) == 2 else None)(self.payments("etuus-1", *propose, "--dry-run",
                                                                                 "--accounts", self.accounts)))
        rows = {p["case"]: p for p in json.loads(both.stdout)["payments"]}
        self.assertEqual({case: (row["state"], row["same_day_in"]) for case, row in rows.items()},
                         {pair[0]: ("same day in another case", pair[1]), pair[1]: ("same day in another case", pair[0])})
        self.assertEqual(both.returncode, 1)
        self.assertIn("--same-day", both.stderr)
        result = self.payments("etuus-1", *propose, "--accounts", self.accounts)
        self.assertEqual({p["state"] for p in json.loads(result.stdout)["payments"]}, {"same day in another case"})
        one = self.must(self.payments("etuus-1", *propose, "--accounts", self.accounts, "--case", pair[0], "--same-day"))
        self.assertEqual([(p["case"], p["state"]) for p in one["payments"]], [(pair[0], "proposed")])
        held = self.payments("etuus-2", "approve", "sama", "--accounts-changed")
        self.assertEqual((held.returncode, [p["state"] for p in json.loads(held.stdout)["payments"]]),
                         (1, ["same day in another case"]))
        self.must(self.payments("etuus-2", "approve", "sama", "--accounts-changed", "--case", pair[0], "--same-day"))


if __name__ == "__main__":
    harness.main()
