"""Runs Polku services of several agencies on this machine: keys, configurations, start, stop, kill.

The demo and the system tests both stand on it. Python 3 standard library only; everything that talks
to a service goes through the `polku` command line, as an operator would.
"""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

OULU = "FI/MUN/0187690-1/oulu"
WELLBEING = "FI/MUN/9999991-7/hyvinvointi"
PROVIDER = "FI/ORG/9999992-5/toimintatupa"
KELA = "FI/GOV/0246246-0/kela"
AUDITOR = "FI/GOV/9999993-3/tarkastaja"

# name: (agency, service). The name is the directory's and the log file's.
INSTANCES = {
    "oulu-referral": (OULU, "referral"),
    "hyvinvointi-assessment": (WELLBEING, "assessment"),
    "hyvinvointi-compensation": (WELLBEING, "compensation"),
    "toimintatupa-attendance": (PROVIDER, "attendance"),
    "kela-compensation": (KELA, "compensation"),
    "tarkastaja-audit": (AUDITOR, "audit"),
}

# Who keeps all of whose log, sealed as it is, so that its origin can fetch back what it lost.
MIRRORS = {"tarkastaja-audit": ["oulu-referral"]}

# What holds for the whole field, by roles; the agreement of these agencies is joined to it.
SHARED_AGREEMENTS = [
    Path(__file__).resolve().parents[1] / "agreements" / name
    for name in ("taulukko-1.textproto", "osapuolet.textproto")
]

# Commands that show personal data: each read is on record with who reads, what for and by which law.
READERS = {"case", "replay", "summary", "bundle", "disclosures", "export", "prove", "retention", "payments",
           "explain-payment", "certificate", "places", "persons"}
READ_AS = ("--official", "tarkastaja-1", "--purpose", "supervision", "--basis", "laki 611/2021")

# Authors: an agency's own system, with a CURVE key of its own.
AUTHORS = {"oulu": OULU, "hyvinvointi": WELLBEING, "toimintatupa": PROVIDER, "kela": KELA}

# Two officials of each agency who together may erase: each has a key that speaks for nobody else.
ERASERS = {
    f"{agency.rsplit('/', 1)[1]}-tietosuoja-{number}": agency
    for agency in dict.fromkeys(agency for agency, _ in INSTANCES.values())
    for number in (1, 2)
}


class CommandFailed(RuntimeError):
    def __init__(self, command, result):
        super().__init__(
            f"{' '.join(map(str, command))}\nexit {result.returncode}\n{result.stdout}{result.stderr}"
        )
        self.result = result


# Commands that ask a running service.
ASKS = {"publish", "import", "sheet", "status", "keys", "erase", "payments"}
PATIENCE = 60  # seconds for an answer: machines differ, and a disk may be busy


def patience(arguments):
    """What makes a command wait as long as a slow machine takes, unless it says itself how long."""
    if arguments[0] not in ASKS or {"--help", "--timeout"} & set(arguments):
        return []
    asks = ["--timeout", str(PATIENCE)] if {"--as", "--to", "--config"} & set(arguments) else []
    return asks + (["--wait", str(PATIENCE)] if "--witnesses" in arguments and "--wait" not in arguments else [])


def reads(arguments):
    """The command shows personal data of a service's store (`bundle verify FILE` reads a file alone)."""
    if arguments[0] not in READERS or (arguments[0] == "prove" and "--leaf" not in arguments):
        return False
    return "--config" in arguments and "--help" not in arguments


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """One directory, a subdirectory an instance; see layout in deploy/demo/README.md."""

    def __init__(self, directory, binaries, agreement, profiles, business_date="", ports=None, *,
                 instances=None, authors=None, erasers=None, mirrors=None, shared=None):
        """The demo's agencies; others are named by `instances`, `authors`, `erasers`, `mirrors`, `shared`, in the form
        of the tables above."""
        self.directory = Path(directory)
        self.binaries = Path(binaries)
        self.instances = INSTANCES if instances is None else instances
        self.authors = AUTHORS if authors is None else authors
        self.erasers = ERASERS if erasers is None else erasers
        self.mirrors = MIRRORS if mirrors is None else mirrors
        self.shared = SHARED_AGREEMENTS if shared is None else shared
        self.agreement = Path(agreement).resolve()
        self.profiles = [Path(file).resolve() for file in profiles]
        self.business_date = business_date
        self.ports = ports or {name: free_port() for name in self.instances}
        self.processes = {}

    # ---- Files ----

    def config(self, name):
        return self.directory / name / "service.textproto"

    def client(self, author, instance):
        return self.directory / "authors" / author / f"{instance}.textproto"

    def origin(self, name):
        agency, service = self.instances[name]
        return f"{agency}/{service}/1"

    def profile_flag(self):
        """The value of `polku sheet --profile`."""
        return ",".join(map(str, self.profiles))

    def log_file(self, name):
        return self.directory / name / "log.txt"

    def _public(self, path):
        return (self.directory / path).read_text().strip()

    def make(self):
        """Keys, agreement, profile and configurations, as each agency's operator would have them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in self.instances:
            self.polku("keygen", "--origin", self.origin(name), "--dir", self.directory / name / "keys")
        for author in (*self.authors, *self.erasers):
            self.polku("keygen", "--author", "--dir", self.directory / "authors" / author / "keys")
        for name in self.instances:
            self.write_config(name)
        for author, agency in (*self.authors.items(), *self.erasers.items()):
            for name in self.instances:
                if author in self.erasers and self.instances[name][0] != agency:
                    continue
                official = f'official: "{author}"\n' if author in self.erasers else ""
                self.client(author, name).write_text(
                    f'service_address: "tcp://127.0.0.1:{self.ports[name]}"\n'
                    f'service_curve_key: "{self._public(f"{name}/keys/curve.public")}"\n'
                    f'keys_directory: "keys"\n'
                    f'agency: "{agency}"\n{official}'
                )

    def write_config(self, name):
        lines = [
            f'origin: "{self.origin(name)}"',
            f'listen: "tcp://127.0.0.1:{self.ports[name]}"',
            'data_directory: "data"',
            'keystore_directory: "keystore"',
            'keys_directory: "keys"',
            *(f'agreement_file: "{file}"' for file in (*self.shared, self.agreement)),
            *(f'profile_file: "{file}"' for file in self.profiles),
        ]
        if self.business_date:
            lines.append(f'business_date: "{self.business_date}"')
        for peer in self.instances:
            if peer == name:
                continue
            mirror = "\n  mirror: true" if peer in self.mirrors.get(name, []) else ""
            lines.append(
                f'peers {{\n  origin: "{self.origin(peer)}"\n'
                f'  address: "tcp://127.0.0.1:{self.ports[peer]}"\n'
                f'  curve_key: "{self._public(f"{peer}/keys/curve.public")}"\n'
                f'  signing_key: "{self._public(f"{peer}/keys/signing.public")}"{mirror}\n}}'
            )
        for peer, (agency, _) in self.instances.items():
            if agency != self.instances[name][0]:
                key = self._public(f"{peer}/keys/cosigning.public")
                lines.append(f'witnesses {{ agency: "{agency}" cosigning_key: "{key}" }}')
        for peer, (agency, _) in self.instances.items():
            rights = "rights: RIGHT_OPERATE" if peer == name else "rights: RIGHT_REPLICATE"
            if name in self.mirrors.get(peer, []):
                rights += " rights: RIGHT_MIRROR"
            lines.append(self._principal(agency, f"{peer}/keys/curve.public", rights))
        for author, agency in self.authors.items():
            own = agency == self.instances[name][0]
            rights = "rights: RIGHT_PUBLISH" + (" rights: RIGHT_OPERATE" if own else "")
            lines.append(self._principal(agency, f"authors/{author}/keys/curve.public", rights))
        for official, agency in self.erasers.items():
            if agency == self.instances[name][0]:
                rights = f'rights: RIGHT_ERASE official: "{official}"'
                lines.append(self._principal(agency, f"authors/{official}/keys/curve.public", rights))
        self.config(name).write_text("\n".join(lines) + "\n")

    def _principal(self, agency, key_file, rights):
        return f'principals {{ agency: "{agency}" curve_key: "{self._public(key_file)}" {rights} }}'

    # ---- Processes ----

    def start_missing(self):
        """Starts every instance that is not running."""
        self.start(*[name for name in self.instances if name not in self.processes])

    def start(self, *names):
        for name in names:
            binary = self.binaries / f"polku-{self.instances[name][1]}"
            log = open(self.log_file(name), "ab")
            process = subprocess.Popen(
                [binary, "--config", self.config(name)],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt at the terminal is ours to pass on
                text=True,
            )
            log.close()
            ready = process.stdout.readline()
            if not ready.startswith("ready "):
                code = process.wait()
                raise RuntimeError(
                    f"{name} did not start, exit {code}; the last of {self.log_file(name)}:\n"
                    + self.log_file(name).read_text(errors="replace")[-2000:]
                )
            self.processes[name] = process
            (self.directory / name / "pid").write_text(f"{process.pid}\n")

    def stop(self, *names, kill=False):
        """SIGTERM, or SIGKILL; returns the exit codes by name."""
        stopping = [name for name in (names or tuple(self.processes)) if name in self.processes]
        for name in stopping:
            self.processes[name].send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        codes = {}
        for name in stopping:
            process = self.processes.pop(name)
            codes[name] = process.wait(timeout=180)
            process.stdout.close()
            (self.directory / name / "pid").unlink(missing_ok=True)
        return codes

    # ---- The command line ----

    @staticmethod
    def _named(arguments):
        """The instance whose configuration a command was given."""
        return Path(arguments[list(arguments).index("--config") + 1]).parent.name

    def run(self, *arguments, stdin=None):
        """A `polku` command; its result, whatever the exit code. A read says who reads, unless the caller does."""
        command = [self.binaries / "polku", *map(str, arguments)]
        if reads(arguments) and not {"--official", "--purpose", "--basis"} & set(map(str, arguments)):
            command += READ_AS
        if reads(arguments) and self._named(arguments) not in self.processes:
            command.append("--stopped")
        command += patience(command[1:])
        return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=600)

    def polku(self, *arguments, stdin=None):
        """A `polku` command that must succeed; its standard output."""
        result = self.run(*arguments, stdin=stdin)
        if result.returncode != 0:
            raise CommandFailed(["polku", *arguments], result)
        return result.stdout

    def status(self, name):
        return json.loads(self.polku("status", "--config", self.config(name), "--json"))

    def told(self, name):
        """The same of a service that may be unhealthy."""
        return json.loads(self.run("status", "--config", self.config(name), "--json").stdout)

    def wait_until(self, what, condition, seconds=300):
        """Polls until the condition holds; a test or the demo fails loudly when it never does."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds} seconds")
            time.sleep(0.05)

    def settle(self, unhealthy=()):
        """Waits until every running service holds what every running peer has, and nobody adds. All services but
        the named ones must be healthy."""
        names = list(self.processes)

        def sizes():
            states = {name: (self.told if name in unhealthy else self.status)(name) for name in names}
            own = {state["origin"]: int(state.get("size", 0)) for state in states.values()}
            for state in states.values():
                for subscription in state.get("subscriptions", []):
                    if subscription["origin"] not in own:
                        continue
                    if int(subscription.get("stored_size", 0)) != own[subscription["origin"]]:
                        return None
            return own

        # Duties call for duties at other services: settled is the same twice, some time apart.
        def settled():
            first = sizes()
            if first is None:
                return None
            time.sleep(0.3)
            return first if sizes() == first else None

        return self.wait_until("the services settle", settled)


def stop_left_running(directory):
    """Stops services of an earlier run that `--keep` left behind."""
    for pid_file in Path(directory).glob("*/pid"):
        try:
            pid = int(pid_file.read_text())
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                if b"polku-" not in cmdline.read():
                    continue  # the number was given to another program since
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        except (ValueError, FileNotFoundError, ProcessLookupError):
            continue
