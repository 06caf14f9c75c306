"""See Scripts/soak."""

import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

from PIL import Image, ImageOps

import report
from broker import ANSWERS, Broker, Subscriber, free_port
from commands import Operator, sentences
from faults import LINES, Files, Injector, schedule
from ledger import Ledger, seconds
from station import Log, Station

TOOLS = pathlib.Path(__file__).parent
BIN = pathlib.Path(".build/release").absolute()
DISK_MIB, EVIDENCE_MIB, RESERVE_MIB = 256, 48, 64
# Of the run; then one daemon lives to the end, so that its memory can be watched.
DAEMON_FAULTS = 0.25


def arguments():
    parser = argparse.ArgumentParser(prog="Scripts/soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--work", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    found = parser.parse_args()
    if not 0 < found.minutes <= 10_000:
        parser.error("--minutes takes a number above 0 and at most 10000.")
    return found


def say(text):
    print(text, flush=True)


class Disk:
    """A small file system for the station's own files, so that it can be filled; everybody's where we may not make one."""

    def __init__(self, folder, image):
        self.folder = folder
        folder.mkdir(parents=True)
        self.is_own = False
        if os.geteuid() != 0:
            return
        with open(image, "wb") as file:
            file.truncate(DISK_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        ways = (["-o", "loop", str(image)], ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none"])
        self.is_own = any(subprocess.run(["mount", *way, folder], stderr=subprocess.DEVNULL).returncode == 0 for way in ways)

    def release(self):
        if self.is_own:
            subprocess.run(["umount", self.folder], check=False)


def lay_out(work, port, console):
    """Model, recipes, pictures; what does not belong on the station's small disk lies beside it."""
    drawn = work / "drawn"
    subprocess.run([sys.executable, TOOLS.parent / "vm-tools/parts.py", drawn], check=True)
    subprocess.run([sys.executable, TOOLS.parent / "vm-tools/small_checkpoint.py", work / "small.safetensors"], check=True)
    subprocess.run([BIN / "assayctl", "model", "import", work / "small.safetensors", "--output", work / "model.safetensors",
                    "--origin", "seeded random weights"], check=True, stdout=subprocess.DEVNULL)
    # The model knows nothing, so a bad part has to be very bad.
    (drawn / "negative").mkdir()
    for file in (drawn / "good").iterdir():
        with Image.open(file) as picture:
            ImageOps.invert(picture).save(drawn / "negative" / file.name, quality=85)
    pictures = work / "pictures"
    for number, line in enumerate(LINES):
        lay_out_pictures(drawn, pictures, line, random.Random(number))
    root = work / "station"
    for folder in ("lines", "recipes"):
        (root / "etc/assayd" / folder).mkdir(parents=True)
    (root / "etc/assayd/assayd.yaml").write_text(
        f"station: soak\nroot_topic: soak\nbroker:\n  host: 127.0.0.1\n  port: {port}\nconsole:\n  port: {console}\n"
        f"model:\n  file: {work}/model.safetensors\n"
        f"evidence:\n  keep_mib: {EVIDENCE_MIB}\n  reserve_mib: {RESERVE_MIB}\n")
    files = Files(root, pictures, root / "var/lib/assayd")
    for recipe in ("part-0", "part-1"):
        (root / f"etc/assayd/recipes/{recipe}.yaml").write_text(
            f"product: {recipe}\nscoring:\n  input_width: 56\n  input_height: 56\n  blocks: [2]\n  views: 1\n")
    for line in LINES:
        files.write_line(line)
    return root, files


def lay_out_pictures(drawn, pictures, line, dice):
    """Half a minute of good parts, with one that is bad here and there and two runs of bad ones; and the same names with damage."""
    good, bad = sorted((drawn / "good").iterdir()), sorted((drawn / "negative").iterdir())
    (pictures / line).mkdir(parents=True)
    (pictures / f"{line}.damaged").mkdir()
    runs = [range(start, start + dice.randint(8, 40)) for start in (dice.randint(20, 150), dice.randint(250, 380))]
    for number in range(450):
        is_bad = any(number in run for run in runs) or dice.random() < 0.01
        source = (bad if is_bad else good)[number % len(good)]
        name = f"{number:03}.jpg"
        os.link(source, pictures / line / name)
        content = source.read_bytes()
        damaged = dice.choice([b"", content[:len(content) // 2], bytes(dice.randrange(256) for _ in range(999)),
                               content[:300] + bytes(dice.randrange(256) for _ in range(2000))])
        (pictures / f"{line}.damaged" / name).write_bytes(damaged)


class Soak:
    def __init__(self, arguments):
        self.arguments = arguments
        work = self.work = arguments.work.absolute()
        if os.path.ismount(work / "station/var/lib/assayd"):
            subprocess.run(["umount", work / "station/var/lib/assayd"], check=True)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.disk = Disk(work / "station/var/lib/assayd", work / "disk.img")
        self.broker = Broker(work / "broker")
        console = free_port()
        self.root, files = lay_out(work, self.broker.port, console)
        for recipe in ("part-0", "part-1"):
            subprocess.run([BIN / "assayctl", "enrol", "--root", self.root, "--recipe", recipe, "--from",
                            work / "drawn/references"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = arguments.minutes * 60
        ends = {"daemon": seconds * DAEMON_FAULTS, "disk": seconds if self.disk.is_own else 0}
        self.ledger = Ledger(self.news)
        self.station = Station(BIN / "assayd", self.root, work / "assayd.log", console, self.ledger.take_station_status)
        self.broker.start()
        self.operator = Operator(self.ledger, self.root / "var/lib/assayd/recipes")
        self.subscriber = self.operator.subscriber = Subscriber(self.broker.port, self.take)
        self.injector = Injector(self.station, self.broker, self.subscriber, files, self.operator,
                                 schedule(arguments.seed, seconds, ends), work / "faults.log")
        self.fresh = dict.fromkeys(LINES, 0.0)  # when the newest picture was taken of which the result is here
        self.log = Log(work / "assayd.log", lambda at, message, _: self.injector.entry(at, message))

    def take(self, message):
        (self.operator if message.topic == ANSWERS else self.ledger).take(message)

    def news(self, line, verdict, identifier):
        made = seconds(identifier)
        self.fresh[line] = max(self.fresh.get(line, 0), made)
        if verdict in ("ok", "ng"):
            self.injector.news(line, verdict, made)

    def wait(self, what, seconds, condition):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                say(f"{what}: not within {seconds} s")
                return False
            time.sleep(0.1)
        return True

    def all_deliver(self, since):
        return all(self.fresh[line] > since for line in LINES)

    def run(self):
        self.wait("the subscription", 10, lambda: self.subscriber.is_level(within=1))
        self.broker.remember()
        self.station.start()
        if not self.wait("the first results of all lines", 60, lambda: self.all_deliver(0)):
            raise SystemExit(f"The station does not work at all; its log is {self.log.file}.")
        end = self.arguments.minutes * 60
        began, told = time.monotonic(), 0.0
        died = 0
        while (now := time.monotonic() - began) < end:
            self.injector.run(now)
            if self.station.notice_end():
                died += 1
                say(f"The daemon ended by itself, with {self.station.life.status}; it is started again.")
                self.station.start()
            if now - told >= (1 if sys.stdout.isatty() else 60):
                told = now
                self.progress(now, end)
            time.sleep(0.02)
        healed = time.time()
        self.injector.end_all()
        checks = [("the daemon never ended by itself", died == 0, f"{died} times")]
        delivers = self.wait("all lines deliver again", 120, lambda: self.all_deliver(healed + 1))
        checks.append(("in the end all lines deliver", delivers, f"{time.time() - healed:.1f} s after the last fault"))
        drained = self.wait("all is acknowledged", 300, self.is_drained)
        checks.append(("in the end all is acknowledged", drained, ""))
        self.injector.block("daemon", LINES)
        self.station.stop()
        level = self.wait("the subscriber has everything", 60, lambda: self.subscriber.is_level(within=5))
        self.subscriber.stop()
        self.broker.stop()
        self.log.finish()
        return self.settle(time.monotonic() - began, checks + [("the subscriber has all the broker had", level, "")])

    def is_drained(self):
        """Whether a status says so that was made after all faults; a result or two are always on their way."""
        status = self.ledger.status
        return status and time.time() - status["received"] < 15 and status["outbox"]["waiting"] < 20

    def progress(self, now, end):
        counts = self.ledger.counts
        broken = ", ".join(sorted(self.injector.blocked)) or "nothing"
        text = (f"{now / 60:6.1f} of {end / 60:g} min: {len(self.injector.done)} faults, now broken: {broken}; "
                f"{sum(map(len, self.ledger.results.values()))} results, {len(self.ledger.alerts)} alerts, "
                f"{counts['duplicate results'] + counts['duplicate alerts']} duplicates, {len(self.ledger.violations)} violations")
        print(f"\r{text}\x1b[K" if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True)

    def settle(self, seconds, checks):
        lives = self.station.lives
        self.station.settle(self.log)
        checks += self.ledger.check(lives, self.log, self.root / "var/lib/assayd/spool.sqlite", self.root / "var/lib/assayd/evidence")
        stops = [life for life in lives if life.how == "stopped"]
        worst = max((life.stop_seconds for life in stops), default=0)
        checks.append(("every stop ends with status 0 within 3 s", all(l.status == 0 for l in stops) and worst < 3,
                       f"{len(stops)} stops, the longest {worst:.2f} s"))
        unbalanced = [f for _, f in self.log.stops
                      if int(f["captured"]) != int(f["judged"]) + int(f["replaced"]) + int(f["rejected"])]
        checks.append(("frames add up whenever a line stops", not unbalanced, f"{len(self.log.stops)} times"))
        checks += [self.check_damage(), self.check_criticals(), *self.operator.check()]
        memory = report.memory(lives)
        if memory and memory["fitted_minutes"] >= 24:
            grown = memory["slope_mib_per_hour"]
            checks.append(("memory grows by less than 1 MiB an hour", grown < 1,
                           f"{grown} ± {memory['slope_standard_error']}"))
        return report.make(self.arguments, seconds / 60, lives, self.injector, self.ledger, self.operator, memory, checks)

    def check_damage(self):
        """The daemon found no file of its own damaged, and none is."""
        state = self.root / "var/lib/assayd"
        found = list(self.log.damage)
        found += [f"{file.name} was moved aside" for file in state.glob("*-damaged-*")]
        with contextlib.closing(sqlite3.connect(f"file:{state / 'spool.sqlite'}?mode=ro", uri=True)) as database:
            found += [f"spool.sqlite: {text}" for (text,) in database.execute("PRAGMA integrity_check") if text != "ok"]
        records = 0
        for file in (state / "evidence").rglob("*.json"):
            records += 1
            try:
                json.loads(file.read_bytes())
            except ValueError:
                found.append(f"{file} is not whole")
        return "no file was found damaged", not found, f"{records} records of evidence looked at" + sentences(found, 5)

    def check_criticals(self):
        """A start beside a broken file is told at the highest level, and goes on with the last good configuration."""
        others = [line for line in self.log.criticals if "The last good configuration is used" not in line]
        return ("nothing else was critical", not others, f"{len(self.log.criticals) - len(others)} problems met with the last good "
                "configuration at a start" + sentences(others, 5))

    def release(self):
        self.station.over.set()
        if self.station.lives and self.station.life.how == "runs":
            self.station.kill()
        self.broker.kill()
        self.disk.release()


def main():
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soak = Soak(wanted)
    say(f"{wanted.minutes:g} minutes, seed {wanted.seed}; {'a disk of its own' if soak.disk.is_own else 'no disk of its own: none is filled'}; "
        f"logs and records: {soak.work}")
    try:
        found = soak.run()
    finally:
        soak.release()
    print(report.table(found))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if found["passed"] else 1)


main()
