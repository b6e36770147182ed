#!/usr/bin/env python3
"""Open activities without persons (seed 003): a service café and a garden, counted in the place's own case, corrected,
summed; a client's case takes no counts, a place's case no client."""

import json

import expected
import harness
from harness import INPUT, cluster, demo

COUNTED = "polku.attendance.v1.VisitorsCounted"
CAFE, GARDEN, PILOT = "ca" * 16, "9a" * 16, "b0" * 16
SERVICE = "toimintatupa-attendance"

# Seed 003: the pilot café of spring 2014, about 150 in three days; the autumn's, 96 of whom 8 children and 68 of whom 3,
# "164 clients of whom 11 children"; the garden's four in rehabilitative work activity, then ten and five from elsewhere.
COUNTS = [
    (PILOT, "2014-05-05", "palvelukahvila-kevat", 50, 0, 0),
    (PILOT, "2014-05-12", "palvelukahvila-kevat", 50, 0, 0),
    (PILOT, "2014-05-19", "palvelukahvila-kevat", 50, 0, 0),
    (CAFE, "2014-09-15", "palvelukahvila-syksy", 96, 8, 0),
    (CAFE, "2014-10-13", "palvelukahvila-syksy", 68, 3, 0),
    (GARDEN, "2014-06-02", "palsta", 4, 0, 4),
    (GARDEN, "2014-06-09", "palsta", 10, 0, 0),
    (GARDEN, "2014-06-16", "palsta", 5, 0, 0),
]


class VisitorsTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start_missing()

    def count(self, case, date, place, visitors, children=0, service_clients=0, author="toimintatupa", flags=(),
              **more):
        body = {"date": date, "place_code": place, "visitors": visitors, "children": children,
                "service_clients": service_clients}
        event = {"case": case, "type": COUNTED, "official": "ohjaaja-1", "event": body, **more}
        return self.cluster.run("publish", "--as", self.cluster.client(author, SERVICE), *flags, "-",
                                stdin=json.dumps(event))

    def counted(self, *count, **more):
        result = self.count(*count, flags=["--json"], **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def size(self):
        return int(self.cluster.status(SERVICE)["size"])

    def summary(self, name=SERVICE, *more):
        return self.cluster.polku("summary", "--visitors", "--config", self.cluster.config(name), *more)

    def total(self, place, name=SERVICE):
        """Of a place over all its months: visitors, children, service clients."""
        months = [one for one in json.loads(self.summary(name, "--json"))["months"] if one["place"] == place]
        self.assertTrue(months, place)
        return tuple(sum(one[field] for one in months) for field in ("visitors", "children", "service_clients"))

    def test_1_the_sums_are_those_of_the_report(self):
        for count in COUNTS:
            self.counted(*count)
        self.assertEqual(self.total("palvelukahvila-syksy"), (164, 11, 0))
        self.assertEqual(self.total("palvelukahvila-kevat"), (150, 0, 0))
        self.assertEqual(self.total("palsta"), (19, 0, 4))
        found = json.loads(self.summary(SERVICE, "--json"))
        self.assertEqual(len(found["days"]), len(COUNTS))
        self.assertEqual((found["total"]["visitors"], found["total"]["children"], found["total"]["service_clients"]),
                         (333, 11, 4))
        # The same offered again is the same count.
        before = self.size()
        for count in COUNTS:
            self.counted(*count)
        self.assertEqual(self.size(), before)

    def test_2_people_read_the_same_in_their_language(self):
        for language in ("fi", "sv", "en"):
            rows = [line.split() for line in self.summary(SERVICE, "--lang", language).splitlines()]
            cells = [row for row in rows if row and row[0] == "palvelukahvila-syksy,"]
            self.assertIn(["96", "8", "0"], [row[-3:] for row in cells], language)
            self.assertIn(["333", "11", "4"], [row[-3:] for row in rows], language)

    def test_3_a_correction_takes_the_counts_place_and_can_be_taken_back(self):
        lines = [json.loads(line) for line in self.cluster.polku(
            "case", CAFE, "--json", "--config", self.cluster.config(SERVICE)).splitlines()]
        [first] = [line["id"] for line in lines if line["event"].get("visitors") == 96]
        day = (CAFE, "2014-09-15", "palvelukahvila-syksy")
        before = self.size()
        self.assert_fails(self.count(*day, 90, 8), 1, "day_already_counted")
        self.assert_fails(self.count(*day, 90, 8, corrects="00000000-0000-4000-8000-000000000001"), 1)
        self.assertEqual(self.size(), before)
        second = self.counted(*day, 90, 8, corrects=first)["receipts"][0]["id"]
        self.assertEqual(self.total("palvelukahvila-syksy"), (158, 11, 0))
        # The one that was replaced is corrected no more; the first count again is an event of its own.
        self.assert_fails(self.count(*day, 91, 8, corrects=first), 1, "record_has_changed")
        self.counted(*day, 96, 8, corrects=second)
        self.assertEqual(self.total("palvelukahvila-syksy"), (164, 11, 0))

    def test_4_a_count_names_nobody_and_must_add_up(self):
        before = self.size()
        self.assert_fails(self.count(CAFE, "2014-11-10", "palvelukahvila-syksy", 5, 3, 3), 1, "bad_count")
        self.assert_fails(self.count(CAFE, "2099-01-01", "palvelukahvila-syksy", 5), 1, "future_day")
        self.assert_fails(self.count(CAFE, "2014-11-10", "", 5), 1, "missing_place")
        self.assert_fails(self.count(CAFE, "2014-11-10", "palvelukahvila-syksy", 5, author="kela"), 1,
                          "not_in_agreement")
        self.assertEqual(self.size(), before)

    def test_5_clients_and_places_are_kept_apart(self):
        made = self.cluster
        for act in demo.ACTS[:9]:
            demo.perform(made, act)
            made.settle()
        client = expected.cases()["T01"]
        before = self.size()
        self.assert_fails(self.count(client, "2025-03-10", "palsta", 5), 1, "not_a_place_case")
        day = {"case": CAFE, "type": "polku.attendance.v1.DayRecorded", "official": "ohjaaja-1",
               "event": {"date": "2025-03-10", "outcome": "DAY_OUTCOME_ATTENDED", "period_id": "p1",
                         "planned_minutes": 240, "actual_minutes": 240, "place_code": "tupa-1"}}
        result = made.run("publish", "--as", made.client("toimintatupa", SERVICE), "-", stdin=json.dumps(day))
        self.assert_fails(result, 1, "not_a_clients_case")
        self.assertEqual(self.size(), before)
        # What is refused counts nowhere.
        self.assertEqual(self.total("palvelukahvila-syksy"), (164, 11, 0))
        self.assertEqual(self.total("palsta"), (19, 0, 4))
        cases = json.loads(made.polku("summary", "--json", "--config", made.config(SERVICE)))["cases"]
        self.assertEqual([one["attended"] for one in cases if one["case"] in (CAFE, GARDEN, PILOT) and one["attended"]], [])


if __name__ == "__main__":
    harness.main()
