"""Plays a region's practice from a text file, a step a line, through real services of its agencies (README.md here).

Nothing of a region stands in this file: event types, fields and codes are read out of proto/, rules out of
deploy/profiles, and who may do what is the services' to say.
"""

import datetime
import hashlib
import json
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "deploy/demo"))

import cluster  # noqa: E402

AGREEMENTS = [ROOT / "deploy/agreements" / f"{name}.textproto"
              for name in ("taulukko-1", "osapuolet", "jako-rooleittain")]
PACKAGES = ("referral", "attendance", "compensation", "assessment")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Acts whose day is none of their fields: it stands in the signatures, or the file says each day.
WITHOUT_DAY = {"AgreementMade", "ServiceExtended"}


class Failed(Exception):
    """What a step expected is not so; the text says what is."""


# ---- The schema: messages, fields and codes of the events, as proto/ declares them ----


class Schema:
    """messages: {full name: {field: (type, repeated)}}; enums: {full name: [value names]}."""

    TOKEN = re.compile(r'"[^"]*"|[\w.]+|[{}=;\[\]()<>,]')

    def __init__(self, root):
        self.messages, self.enums, self.events = {}, {}, {}
        for file in sorted((root / "proto/polku").glob("*/v1/*.proto")):
            self._read(re.sub(r"//[^\n]*", "", file.read_text()))
        for name in self.messages:
            package, _, short = name.rpartition(".")
            if re.fullmatch(r"polku\.(\w+)\.v1", package) and package.split(".")[1] in (*PACKAGES, "access"):
                self.events[short] = name

    def _read(self, text):
        package = re.search(r"package ([\w.]+);", text).group(1)
        scope, statement = [], []
        for token in self.TOKEN.findall(text):
            if token == "{":
                kind, name = (statement[-2:] + ["", ""])[:2]
                full = ".".join([package, *(part for _, part in scope), name])
                scope.append((kind, name))
                if kind == "message":
                    self.messages[full] = {}
                elif kind == "enum":
                    self.enums[full] = []
                statement = []
            elif token == "}":
                scope.pop()
                statement = []
            elif token == ";":
                if scope and "=" in statement:
                    full = ".".join([package, *(part for _, part in scope)])
                    before = statement[:statement.index("=")]
                    if scope[-1][0] == "enum":
                        self.enums[full].append(before[0])
                    elif scope[-1][0] == "message" and len(before) >= 2:
                        self.messages[full][before[-1]] = (before[-2], before[0] == "repeated")
                statement = []
            else:
                statement.append(token)

    def resolve(self, kind, message):
        """The full name of a field's type, as seen from its message; None for a scalar."""
        scope = message.split(".")
        while True:
            full = ".".join([*scope, kind])
            if full in self.messages or full in self.enums:
                return full
            if not scope:
                return kind if kind in self.messages or kind in self.enums else None
            scope.pop()

    def code(self, enum, word):
        values = self.enums[enum]
        prefix = values[0].removesuffix("UNSPECIFIED")
        name = prefix + word.upper().replace("-", "_")
        if word in values:
            return word
        if name not in values:
            known = ", ".join(value.removeprefix(prefix).lower().replace("_", "-") for value in values[1:])
            raise Failed(f"'{word}' is no code here; known are: {known}")
        return name


# ---- Persons and days ----


def identity_code(day, number):
    """A personal identity code with a number kept for tests (900-999)."""
    digits = f"{day:%d%m%y}{number}"
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31]
    return f"{digits[:6]}{'A' if day.year >= 2000 else '-'}{number}{check}"


def the_day(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise Failed(f"'{text}' is no day of the form 2014-03-24") from None


def cents(text):
    return round(float(text) * 100)


# ---- One scenario ----


class Scenario:
    def __init__(self, path, binaries, directory=None):
        self.path = Path(path)
        self.binaries = Path(binaries)
        self.directory = Path(directory or tempfile.mkdtemp(prefix=f"polku-region-{self.path.stem}-"))
        self.schema = Schema(ROOT)
        self.region, self.profiles, self.today = self.path.stem, [], ""
        self.agencies, self.services, self.clients = {}, [], []
        self.made = None  # the cluster, from the first step on
        self.batch, self.batch_to = [], None
        self.changed = False  # since the services last settled
        self.sheets = 0
        self.reads = {}
        self.output = ""

    def play(self):
        try:
            for number, line in enumerate(self.path.read_text().splitlines(), 1):
                words = shlex.split(line, comments=True)
                if not words:
                    continue
                try:
                    self.step(words)
                except (Failed, cluster.CommandFailed, TimeoutError, RuntimeError, IndexError, KeyError) as failure:
                    kind = "" if isinstance(failure, Failed) else f"{type(failure).__name__}: "
                    raise Failed(f"{self.path.name}:{number}: {line.strip()}\n{kind}{failure}") from failure
            self.flush()
        finally:
            if self.made is not None:
                self.made.stop(kill=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def step(self, words):
        verb, rest = words[0], words[1:]
        if re.fullmatch(r"\d{4}-\d\d-\d\d", verb):
            return self.act(*self.event(words))
        method = getattr(self, f"do_{verb}", None)
        if method is None:
            raise Failed(f"no step begins with '{verb}'; README.md lists them")
        return method(*rest)

    # ---- Who takes part ----

    def do_region(self, *name):
        self.region = " ".join(name)

    def do_profile(self, *names):
        self.profiles = [ROOT / f"deploy/profiles/{name}.textproto" for name in names]

    def do_today(self, day):
        self.today = str(the_day(day))

    def do_agency(self, short, name, roles):
        self.agencies[short] = (name, [self.schema.code("polku.config.v1.AgencyRole", role)
                                       for role in roles.split(",")])

    def do_service(self, agency, service):
        self.services.append((agency, service))

    def do_clients(self, prefix, count):
        width = max(2, len(count))
        self.clients += [f"{prefix}{number:0{width}}" for number in range(1, int(count) + 1)]

    def start(self):
        """The agencies' services, once the first step needs them."""
        if self.made is not None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        agreement = self.directory / "agreement.textproto"
        lines = [f'name: "{self.region}"']
        for name, roles in self.agencies.values():
            lines.append(f'agencies {{ name: "{name}" {" ".join(f"roles: {role}" for role in roles)} }}')
        agreement.write_text("\n".join(lines) + "\n")
        self.made = cluster.Cluster(
            self.directory / "cluster", self.binaries, agreement, self.profiles, business_date=self.today,
            instances={f"{agency}-{service}": (self.agencies[agency][0], service)
                       for agency, service in self.services},
            authors={short: name for short, (name, roles) in self.agencies.items()
                     if roles != ["AGENCY_ROLE_AUDITOR"]},
            erasers={}, mirrors={}, shared=AGREEMENTS)
        self.made.make()
        self.made.start_missing()

    def instance(self, service, author):
        """The author's own service of that name, else the first that runs one."""
        for agency, name in sorted(self.services, key=lambda one: one[0] != author):
            if name == service:
                return f"{agency}-{name}"
        raise Failed(f"no agency of this scenario runs {service}")

    def instance_named(self, name):
        self.start()
        if name not in self.made.instances:
            raise Failed(f"no service {name} here; there are {', '.join(self.made.instances)}")
        return name

    def case(self, client):
        return hashlib.sha256(f"{self.region}/{client}".encode()).hexdigest()[:32]

    def chosen(self, text):
        """k01, k01..k15, k01,k04..k06 or all."""
        if text == "all":
            return list(self.clients)
        found = []
        for part in text.split(","):
            first, _, last = part.partition("..")
            if first not in self.clients or (last and last not in self.clients):
                raise Failed(f"'{part}': no such client; clients are {self.clients[0]}..{self.clients[-1]}")
            start = self.clients.index(first)
            found += self.clients[start:self.clients.index(last or first) + 1]
        return found

    # ---- Acts: DAY AGENCY CLIENTS EVENT field=value … ----

    def value(self, message, field, kind, repeated, raw):
        if isinstance(raw, list):
            return [self.value(message, field, kind, False, one) for one in raw]
        if repeated and isinstance(raw, str):
            return [self.value(message, field, kind, False, one) for one in raw.split(",") if one]
        resolved = self.schema.resolve(kind, message)
        if resolved in self.schema.enums:
            return self.schema.code(resolved, raw)
        if resolved == "polku.event.v1.Schedule" and isinstance(raw, str):
            days, minutes, *weekdays = re.fullmatch(r"(\d)x(\d+)(?::(.*))?", raw).groups()
            names = [name for name in (weekdays[0] or "").split(",") if name]
            enum = "polku.event.v1.Weekday"
            full = {value[len("WEEKDAY_"):][:3].lower(): value for value in self.schema.enums[enum]}
            return {"days_per_week": int(days), "minutes_per_day": int(minutes),
                    "weekdays": [full[name] for name in names]}
        if resolved in self.schema.messages:
            return {name: self.field(resolved, name, one) for name, one in raw.items()}
        if field == "agency" or field.endswith(("_agency", "_agencies")):
            if raw in self.agencies:
                return self.agencies[raw][0]
            raise Failed(f"'{raw}' is no agency of this scenario")
        if kind in ("uint32", "int64", "uint64"):
            return int(raw)
        if kind == "bool":
            return raw if isinstance(raw, bool) else {"true": True, "false": False}[raw]
        return raw

    def field(self, message, name, raw):
        fields = self.schema.messages[message]
        if name not in fields:
            raise Failed(f"{message} has no field {name}; it has {', '.join(fields)}")
        kind, repeated = fields[name]
        if isinstance(raw, str) and raw[:1] in ("{", "["):
            raw = json.loads(raw)
        return self.value(message, name, kind, repeated, raw)

    def event(self, words):
        """DAY AGENCY CLIENTS EVENT field=value … → (author, service, events)."""
        day, author, clients, short, *pairs = words
        the_day(day)
        if author not in self.agencies:
            raise Failed(f"'{author}' is no agency of this scenario")
        if short not in self.schema.events:
            raise Failed(f"'{short}' is no event")
        message = self.schema.events[short]
        given = dict(pair.split("=", 1) for pair in pairs)
        official = given.pop("by", f"{author}-1")
        service = given.pop("at", None)
        package = message.split(".")[1]
        places = {clients} if clients.startswith("@") else self.chosen(clients)
        where = service or self.instance("referral" if package == "access" else package, author)
        signatures = given.pop("signed", None)
        newest = {name: raw.removeprefix("newest:") for name, raw in given.items() if raw.startswith("newest:")}
        body = {name: self.field(message, name, raw) for name, raw in given.items() if name not in newest}
        dated = self.day_field(message, short)
        if dated:
            body.setdefault(dated, day)
        if signatures:
            enum = "polku.event.v1.ActorRole"
            body["signatures"] = [{"signer": self.schema.code(enum, one), "signed_on": day}
                                  for one in signatures.split(",")]
        if short == "ReferralMade":
            body.setdefault("requester_agency", self.agencies[author][0])
            body.setdefault("status", "REFERRAL_STATUS_REQUESTED")
        events = []
        for client in places:
            own = dict(body)
            for name, kind in newest.items():
                found = self.newest(where, client, kind)
                own[name] = [found] if self.schema.messages[message].get(name, ("", False))[1] else found
            if short == "ClientIdentified":
                own = {**self.person(client), **own}
            events.append({"case": self.case(client), "type": message, "official": official, "event": own})
        return author, where, events

    def newest(self, where, client, short):
        """The id of the client's newest event of that type, as the service holds it."""
        found = [entry["id"] for entry in map(json.loads, self.read(where, "replay").splitlines())
                 if entry.get("type") == self.schema.events[short] and entry["case"] == self.case(client)]
        if not found:
            raise Failed(f"{client} has no {short} at {where}")
        return found[-1]

    def day_field(self, message, short):
        if short in WITHOUT_DAY:
            return None
        for name, (kind, _) in self.schema.messages[message].items():
            if kind == "string" and (name.endswith("_on") or name in ("date", "valid_from", "changed_from",
                                                                      "interrupted_from", "travelled_from", "chosen_from")):
                return name
        return None

    def person(self, client):
        """Made up: an identity code of the numbers kept for tests, women with even ones."""
        number = self.clients.index(client)
        born = datetime.date(1962 + number * 7 % 38, 1 + number % 12, 1 + number % 28)
        code = 900 + number % 100
        return {"identity_code": identity_code(born, code), "birth_year": born.year,
                "sex": "SEX_FEMALE" if code % 2 == 0 else "SEX_MALE",
                "family_name": f"Esimerkki{number + 1}", "given_names": "Testi", "language": "fi"}

    def act(self, author, where, events):
        self.start()
        if self.batch_to not in (None, (author, where)):
            last = self.batch_to[1]
            self.flush()
            if where != last:
                self.settle()
        self.batch_to = (author, where)
        self.batch += events
        self.changed = True
        self.reads.clear()

    def flush(self):
        if not self.batch:
            return
        (author, where), lines = self.batch_to, "".join(json.dumps(event) + "\n" for event in self.batch)
        count = len(self.batch)
        self.batch, self.batch_to = [], None
        told = json.loads(self.made.polku("import", "--as", self.made.client(author, where), "--json", "-",
                                          stdin=lines).splitlines()[-1])
        if told["recorded"] + told["repeated"] != count:
            raise Failed(f"{count} events were offered, the service says {told}")

    def settle(self):
        self.flush()
        if self.changed:
            self.made.settle()
            self.changed = False
            self.reads.clear()

    def do_refused(self, code, *words):
        """refused CODE DAY AGENCY CLIENT EVENT …: the service must say no, for that reason, and record nothing."""
        author, where, events = self.event(words)
        self.start()
        self.settle()
        for event in events:
            result = self.made.run("publish", "--as", self.made.client(author, where), "--json", "-",
                                   stdin=json.dumps(event))
            if result.returncode != 1 or f'"{code}"' not in result.stdout:
                raise Failed(f"expected a refusal {code}; got exit {result.returncode}:\n"
                             f"{result.stdout}{result.stderr}")

    def do_sheet(self, author, clients, *pairs):
        """sheet AGENCY CLIENTS days=mon,fri from=DAY until=DAY hours=5 place=… period=… CLIENT@DAY=CODE …; with
        correction=REASON instead of days, from and until: rows that correct the marked days"""
        self.start()
        self.settle()
        given = dict(pair.split("=", 1) for pair in pairs if "@" not in pair)
        marks = {}
        for pair in pairs:
            if "@" in pair:
                who, _, mark = pair.partition("=")
                names, _, day = who.partition("@")
                for name in (self.chosen(clients) if names == "all" else self.chosen(names)):
                    marks[name, the_day(day)] = mark
        if "correction" in given:
            rows = [["asiakas", "suunniteltu", "päivä", "koodi", "korjaus"]]
            rows += [[name, given["hours"], str(day), mark, given["correction"]]
                     for (name, day), mark in sorted(marks.items())]
        else:
            rows = self.wide_rows(clients, given, marks)
        self.sheets += 1
        sheet = self.directory / f"lista-{self.sheets}.csv"
        sheet.write_text("".join(";".join(row) + "\n" for row in rows))
        book = self.directory / "asiakkaat.csv"
        book.write_text("asiakas;tapaus\n" + "".join(f"{name};{self.case(name)}\n" for name in self.clients))
        where = self.instance("attendance", author)
        self.made.polku("sheet", "--as", self.made.client(author, where), "--clients", book, "--official",
                        f"{author}-1", "--place", given["place"], "--period", given["period"],
                        "--profile", self.made.profile_flag(), "--json", sheet)
        self.changed = True
        self.reads.clear()

    def wide_rows(self, clients, given, marks):
        """A row a client, a column a day."""
        day, last = the_day(given["from"]), the_day(given["until"])
        wanted = {WEEKDAYS.index(name) for name in given["days"].split(",")}
        columns = []
        while day <= last:
            if day.weekday() in wanted or any(marked == day for _, marked in marks):
                columns.append(day)
            day += datetime.timedelta(days=1)
        rows = [["asiakas", "suunniteltu", *map(str, columns)]]
        for name in self.chosen(clients):
            rows.append([name, given["hours"],
                         *(marks.get((name, day), given["hours"] if day.weekday() in wanted else "")
                           for day in columns)])
        return rows

    # ---- Expectations ----

    def reader(self):
        for agency, service in self.services:
            if service == "audit":
                return f"{agency}-{service}"
        raise Failed("no agency of this scenario runs audit, to read with")

    def read(self, *command):
        self.start()
        self.settle()
        if command not in self.reads:
            config = self.made.config(command[0])
            self.reads[command] = self.made.polku(*command[1:], "--config", config, "--json")
        return self.reads[command]

    def do_expect(self, kind, *rest):
        getattr(self, f"expect_{kind}")(*rest)

    @staticmethod
    def same(what, got, wanted):
        if got != wanted:
            raise Failed(f"{what}: expected {wanted}, got {got}")

    def expect_events(self, short, count, *rest):
        """expect events TYPE N [of CLIENTS] [by AGENCY] [at SERVICE] [field=value …]: as many are held."""
        rest = list(rest)
        who, author, where = None, None, None
        while rest and rest[0] in ("of", "by", "at"):
            word, value = rest.pop(0), rest.pop(0)
            if word == "of":
                who = {self.case(client) for client in self.chosen(value)}
            elif word == "by":
                author = self.agencies[value][0]
            else:
                where = self.instance_named(value)
        message = self.schema.events[short]
        wanted = {name: self.field(message, name, raw)
                  for name, raw in (pair.split("=", 1) for pair in rest)}
        got = 0
        for line in self.read(where or self.reader(), "replay").splitlines():
            entry = json.loads(line)
            if entry.get("type") != message or (who is not None and entry["case"] not in who):
                continue
            if author is not None and entry.get("author", entry.get("author_agency")) != author:
                continue
            body = entry.get("event", {})
            got += all(self.equal(body.get(name), value) for name, value in wanted.items())
        self.same(f"events {short}", got, int(count))

    @staticmethod
    def equal(got, wanted):
        if got is None:
            return wanted in (0, False, "", [])
        return str(got) == str(wanted) or got == wanted

    def summaries(self, day=None):
        """By case; with a day: of what had become true in the world by then."""
        cases = json.loads(self.read(self.reader(), "summary", *(["--valid-on", day] if day else [])))["cases"]
        return {case["case"]: case for case in cases}

    def figure(self, case, name):
        """A field of a case's summary; money in cents, an open due as kind@day, all of them in order."""
        if name in ("allowance", "travel"):
            if case[name]["sealed"]:
                raise Failed(f"{name} is sealed for the reader")
            return case[name]["cents"]
        if name == "due":
            return ",".join(sorted(f"{due['kind'].replace(' ', '-')}@{due['due_on']}" for due in case["due"]))
        head, _, key = name.partition(".")
        if key:
            return case[head].get(key.replace("-", " "), 0)
        return case[head]

    def expect_case(self, clients, *pairs):
        """expect case CLIENTS attended=8 allowance=72.00 stage=ended …: each of them."""
        found = self.summaries()
        for client in self.chosen(clients):
            for name, raw in (pair.split("=", 1) for pair in pairs):
                got = self.figure(found[self.case(client)], name)
                wanted = cents(raw) if name in ("allowance", "travel") else raw
                got = got if name in ("allowance", "travel") else "" if got is None else str(got).replace(" ", "-")
                self.same(f"{client} {name}", got, wanted)

    def expect_sum(self, name, total, *rest):
        """expect sum attended 120 [of CLIENTS]"""
        clients = self.chosen(rest[1]) if rest else self.clients
        found = self.summaries()
        got = sum(self.figure(found[self.case(client)], name) for client in clients if self.case(client) in found)
        self.same(f"sum of {name}", got, cents(total) if name in ("allowance", "travel") else int(total))

    def expect_count(self, count, *pairs):
        """expect count N field=value … [on=DAY]: so many cases have all of these, that day or now."""
        wanted = dict(pair.split("=", 1) for pair in pairs)
        day = wanted.pop("on", None)
        got = 0
        for case in self.summaries(day).values():
            got += all(str(self.figure(case, name) or "").replace(" ", "-") == raw
                       for name, raw in wanted.items())
        self.same("count", got, int(count))

    def expect_visitors(self, place, *pairs):
        """expect visitors PLACE visitors=164 children=11 …, over all its days; TOTAL: of every place."""
        told = json.loads(self.read(self.reader(), "summary", "--visitors"))
        for name, raw in (pair.split("=", 1) for pair in pairs):
            got = (told["total"][name] if place == "TOTAL"
                   else sum(day[name] for day in told["days"] if day["place"] == place))
            self.same(f"{place} {name}", got, int(raw))

    # ---- Any other command ----

    def do_run(self, name, *words):
        """run SERVICE COMMAND … [as=OFFICIAL] [exit=CODE]: a polku command with that service's configuration; {k01} is
        that client's case, {accounts} a file with an account for each."""
        self.instance_named(name)
        self.settle()
        official, code, command = None, 0, []
        for word in words:
            if word.startswith("as="):
                official = word[3:]
            elif word.startswith("exit="):
                code = int(word[5:])
            elif word == "{accounts}":
                command.append(self.accounts())
            else:
                command.append(re.sub(r"\{(\w+)\}", lambda m: self.case(m.group(1)), word))
        if official:
            author = next(agency for agency, service in self.services if f"{agency}-{service}" == name)
            command += ["--as", self.made.client(author, name), "--official", official, "--purpose", "payment",
                        "--basis", "laki 189/2001"]
        result = self.made.run(*command, "--config", self.made.config(name))
        if result.returncode != code:
            raise Failed(f"expected exit {code}, got {result.returncode}:\n{result.stdout}{result.stderr}")
        self.output = result.stdout
        self.changed = True  # a command may have added to a log, if only that somebody read
        self.reads.clear()

    def accounts(self):
        """Made up, with check digits that hold."""
        file = self.directory / "tilit.csv"
        file.write_text("tapaus;iban;viite\n" + "".join(
            f"{self.case(client)};FI2112345600000785;1234561\n" for client in self.clients))
        return file

    def do_output(self, kind, *rest):
        """output has TEXT… | hasnot TEXT… | json PATH VALUE"""
        if kind in ("has", "hasnot"):
            for text in rest:
                if (text in self.output) != (kind == "has"):
                    raise Failed(f"the output {'lacks' if kind == 'has' else 'has'} '{text}':\n{self.output}")
            return
        path, wanted = rest
        value = json.loads(self.output)
        for part in re.findall(r"[^.\[\]]+", path):
            value = value[int(part)] if isinstance(value, list) else value[part]
        self.same(path, str(value), wanted)
