#!/usr/bin/env python3
"""Plays three months of one Oulu group through real services of five agencies (deploy/demo/README.md).

Called by deploy/demo.sh, which installs and builds first.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import cluster  # noqa: E402  (beside this file)

# What holds in the whole country, what the law says of this activity, and the region's own.
PROFILES = [ROOT / f"deploy/profiles/{name}.textproto" for name in ("suomi", "kuntouttava", "oulu")]
MARK = ".polku-demo"  # only a directory with this file in it is ever removed

# What happened, in the order it happened: (author, service it goes to, command, file).
ACTS = [
    ("oulu", "oulu-referral", "import", "01-oulu-tarve.ndjson"),
    ("hyvinvointi", "oulu-referral", "import", "02-hyvinvointi-suunnitelma.ndjson"),
    ("oulu", "oulu-referral", "import", "03-oulu-lahete.ndjson"),
    ("toimintatupa", "oulu-referral", "import", "04-toimintatupa-vastaus.ndjson"),
    ("hyvinvointi", "oulu-referral", "import", "05-hyvinvointi-sopimus.ndjson"),
    ("oulu", "oulu-referral", "import", "06-oulu-lausunto.ndjson"),
    ("toimintatupa", "oulu-referral", "import", "07-toimintatupa-aloitus.ndjson"),
    ("hyvinvointi", "hyvinvointi-assessment", "import", "08-hyvinvointi-kykyviisari-1.ndjson"),
    ("toimintatupa", "toimintatupa-attendance", "sheet", "lasnaolo-2025-03.csv"),
    ("toimintatupa", "toimintatupa-attendance", "sheet", "lasnaolo-2025-04.csv"),
    ("toimintatupa", "hyvinvointi-assessment", "import", "09-toimintatupa-arvioinnit.ndjson"),
    ("toimintatupa", "toimintatupa-attendance", "sheet", "lasnaolo-2025-05.csv"),
    ("toimintatupa", "toimintatupa-attendance", "sheet", "korjaukset.csv"),
    ("hyvinvointi", "hyvinvointi-assessment", "import", "10-hyvinvointi-kykyviisari-2.ndjson"),
    ("toimintatupa", "toimintatupa-attendance", "sheet", "lasnaolo-2025-06.csv"),
    ("hyvinvointi", "oulu-referral", "import", "11-hyvinvointi-jatko.ndjson"),
    ("oulu", "oulu-referral", "import", "12-oulu-jatko.ndjson"),
    ("toimintatupa", "oulu-referral", "import", "13-toimintatupa-paattyminen.ndjson"),
    ("toimintatupa", "hyvinvointi-assessment", "import", "14-toimintatupa-palaute.ndjson"),
]
BUSINESS_DATE = "2025-06-10"  # the day on which the demo looks back


def say(text):
    print(text, flush=True)


def clean(directory):
    if not directory.exists():
        return
    if not (directory / MARK).exists():
        sys.exit(f"demo: {directory} is not a demo's directory (no {MARK} in it); name another with --data")
    cluster.stop_left_running(directory)
    shutil.rmtree(directory)


def make_cluster(directory, binaries):
    directory.mkdir(parents=True)
    (directory / MARK).write_text("made by deploy/demo.sh; may be removed\n")
    made = cluster.Cluster(
        directory, binaries, HERE / "agreement.textproto", PROFILES,
        business_date=BUSINESS_DATE,
    )
    made.make()
    return made


def perform(made, act):
    """One act as its author does it; returns the command's summary. Safe to repeat."""
    author, service, command, file = act
    arguments = [command, "--as", made.client(author, service), "--json"]
    if command == "sheet":
        arguments += ["--clients", HERE / "input/asiakkaat.csv", "--official", "ohjaaja-1",
                      "--place", "tupa-1", "--profile", made.profile_flag()]
    return json.loads(made.polku(*arguments, HERE / "input" / file).splitlines()[-1])


def case_of(reference):
    for line in (HERE / "input/asiakkaat.csv").read_text().splitlines()[1:]:
        name, case = line.split(";")
        if name == reference:
            return case
    raise KeyError(reference)


def main():
    parser = argparse.ArgumentParser(prog="deploy/demo.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the services running")
    parser.add_argument("--data", type=Path, default=ROOT / "demo-data", help="data directory")
    parser.add_argument("--bin", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    # Short paths in what is printed, as seen from where the user stands.
    arguments.bin = Path(os.path.relpath(arguments.bin))
    arguments.data = Path(os.path.relpath(arguments.data))

    started = time.monotonic()
    clean(arguments.data)
    made = make_cluster(arguments.data, arguments.bin)
    made.start_missing()
    say(f"{len(made.processes)} services of {len({agency for agency, _ in cluster.INSTANCES.values()})} "
        f"agencies are up; data in {arguments.data}\n")
    try:
        for act in ACTS:
            result = perform(made, act)
            made.settle()
            say(f"  {act[0]:>12} → {act[1]:<24} {act[3]:<38} {json.dumps(result)}")
        sizes = made.settle()
        say(f"\nEverybody holds what everybody may hold, {time.monotonic() - started:.1f} s after the start.\n")

        oulu, one = made.config("oulu-referral"), case_of("T01")
        say("== One client (T01) as Oulu's employment services see the path: need to follow-on plan ==\n")
        say(made.polku("case", one, "--config", oulu, "--lang", "en", "--type", "polku.referral.*"))
        say("== The same client, everything on record, a line an event ==\n")
        say(made.polku("case", one, "--config", oulu, "--lang", "en", "--brief"))
        say("== Who received T01's data, on which basis, and who looked: the client's answer ==\n")
        say(made.polku("disclosures", one, "--config", oulu, "--lang", "en", "--official", "etuus-3",
                       "--purpose", "client-request", "--basis", "(EU) 2016/679 art. 15"))
        say("== The group, as the auditor counts it: days, money, assessments ==\n")
        say(made.polku("summary", "--cases", "--lang", "en", "--clients", HERE / "input/asiakkaat.csv",
                       "--config", made.config("tarkastaja-audit")))
        say("== What each agency holds ==\n")
        for name in cluster.INSTANCES:
            logs = made.polku("summary", "--logs", "--lang", "en", "--config", made.config(name)).split("\n\n")[0]
            say(f"-- {name}\n{logs}\n")
        say("== Who stands behind Oulu's log: each agency cosigned what it had verified and stored ==\n")
        say(made.polku("status", "--config", oulu).split("\nfollows")[0])
        say("== The auditor reads and verifies all of it again ==\n")
        say(made.polku("verify", "--config", made.config("tarkastaja-audit")))
        bundle = made.directory / "T01.json"
        say("== Evidence for a court: T01's referral path, nothing opened, to be verified anywhere ==\n")
        say(made.polku("bundle", "--config", oulu, "--case", one, "--type", "polku.referral.*", "--out", bundle))
        say(made.polku("bundle", "verify", bundle))
        say("Entries a log: " + ", ".join(f"{origin} {size}" for origin, size in sizes.items()))
    except BaseException:
        made.stop()
        raise

    if arguments.keep:
        config = made.config("oulu-referral")
        say(f"""
The services are running. Talk to them, for example:
  {arguments.bin}/polku status --config {config}
  {arguments.bin}/polku replay --config {config} --follow {' '.join(cluster.READ_AS[:-1])} '{cluster.READ_AS[-1]}'
  {arguments.bin}/polku publish --as {made.client('oulu', 'oulu-referral')} EVENT.json  # README.md has one
Stop them with:
  kill $(cat {arguments.data}/*/pid)""")
        for process in made.processes.values():
            process.stdout.close()
    else:
        made.stop()
        say(f"\nThe services are stopped; read on with, for example:\n"
            f"  {arguments.bin}/polku case {case_of('T01')} --config {made.config('kela-compensation')} "
            f"{' '.join(cluster.READ_AS[:-1])} '{cluster.READ_AS[-1]}'")


if __name__ == "__main__":
    try:
        main()
    except (cluster.CommandFailed, RuntimeError, TimeoutError) as failure:
        sys.exit(f"demo: {failure}")
