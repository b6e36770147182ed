"""The demo's numbers, recomputed from its CSV sheets alone: no Polku code, no Polku output.

The rules, as a clerk would apply them by hand (DOMAIN.md "Rules", seed 001):
- a day counts as attended when its cell is hours, L, or V (an agreed swap);
- of one ISO week at most four attended days are paid, the first four by date;
- EUR 9 a paid day, to those whose benefit gives it; T15 lives on a rehabilitation subsidy: nothing;
- T11's activity money comes from the wellbeing services, everybody else's allowance from Kela;
- a 30-day bus card for each 30 days from the first day of the period on with a counted day in them
  (counted: attended, not over the four of its week), whoever pays the allowance;
- the correction sheet replaces what the monthly sheets say of that client and day.
"""

import csv
import datetime
import json
import re
from collections import defaultdict
from pathlib import Path

INPUT = Path(__file__).resolve().parents[2] / "deploy/demo/input"
CENTS_PER_DAY = 900
PAID_DAYS_PER_WEEK = 4
FIRST_DAY = datetime.date(2025, 3, 3)
CARD_DAYS = 30
WITHOUT_ALLOWANCE = {"T15"}
PAID_BY_WELLBEING = {"T11"}


def day(text):
    return datetime.datetime.strptime(text.strip(), "%d.%m.%Y").date()


def rows(name):
    with open(INPUT / name, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def kind(cell):
    cell = cell.strip().upper()
    if re.match(r"^[0-9]", cell) or cell == "L" or cell.startswith("V "):
        return "attended"
    return {"E": "not_held", "S": "own_illness", "LS": "child_ill", "T": "job_interview",
            "LT": "public_office", "P": "other_absence"}[cell.rstrip("+")]


def days_by_client():
    days = defaultdict(dict)
    for name in sorted(path.name for path in INPUT.glob("lasnaolo-*.csv")):
        header, *body = rows(name)
        if "koodi" in header:
            for row in body:
                entry = dict(zip(header, row))
                days[entry["asiakas"]][day(entry["pvm"])] = kind(entry["koodi"])
        else:
            for row in body:
                for title, cell in zip(header[2:], row[2:]):
                    if cell.strip():
                        days[row[0]][day(title)] = kind(cell)
    header, *body = rows("korjaukset.csv")
    for row in body:
        entry = dict(zip(header, row))
        days[entry["asiakas"]][day(entry["pvm"])] = kind(entry["koodi"])
    return days


def paid_days(days):
    by_week = defaultdict(list)
    for date in sorted(date for date, what in days.items() if what == "attended"):
        by_week[date.isocalendar()[:2]].append(date)
    return [date for week in by_week.values() for date in week[:PAID_DAYS_PER_WEEK]]


def assessed():
    """By client reference: how many Kykyviisari rounds and evaluations the agencies' files record."""
    names = {case: client for client, case in cases().items()}
    result = defaultdict(lambda: defaultdict(int))
    for path in INPUT.glob("*.ndjson"):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            kind_of = entry["type"].rsplit(".", 1)[1]
            if entry["case"] in names:
                result[names[entry["case"]]][kind_of] += 1
    return result


def cases():
    return {row[0]: row[1] for row in rows("asiakkaat.csv")[1:]}


def expected():
    """By client reference: attended, not_held, absences (accepted, other), paid days and cents."""
    result = {}
    for client, days in days_by_client().items():
        kinds = list(days.values())
        paid = [] if client in WITHOUT_ALLOWANCE else paid_days(days)
        result[client] = {
            "attended": kinds.count("attended"),
            "not_held": kinds.count("not_held"),
            "absent_other": kinds.count("other_absence"),
            "absent_accepted": len(kinds) - sum(
                kinds.count(k) for k in ("attended", "not_held", "other_absence")),
            "bus_cards": len({(date - FIRST_DAY).days // CARD_DAYS for date in paid_days(days)}),
            "paid_days": len(paid),
            "allowance_cents": CENTS_PER_DAY * len(paid),
        }
    return result


if __name__ == "__main__":
    for client, numbers in sorted(expected().items()):
        print(client, numbers)
