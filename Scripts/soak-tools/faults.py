"""What goes wrong and when, from a seed, and how it is done."""

import dataclasses
import errno
import heapq
import itertools
import os
import random
import signal
import time

LINES = ("north", "east", "south", "west")

# Faults come in tracks. Within one they follow each other, and the tracks run beside each other, so that anything may coincide.
# A track: mean seconds between two faults, and each fault with its weight and its shortest and longest time.
TRACKS = {
    "broker": (60, {"broker stopped": (3, 1, 30), "broker killed": (3, 1, 10), "broker hangs": (3, 2, 45)}),
    "camera": (25, {"camera gone": (3, 1, 20), "damaged frames": (2, 1, 8)}),
    "configuration": (25, {"file saved by halves": (2, 2, 10), "changed": (4, 0, 0), "line taken away": (1, 2, 10)}),
    "disk": (180, {"disk full": (1, 5, 40)}),
    "daemon": (75, {"daemon killed": (1, 0.2, 3), "daemon stopped": (1, 0.2, 3)}),
    # No faults: commands, by their verbs, in between.
    "operator": (6, {"trigger": (5, 0, 0), "recipe": (2, 0, 0), "acknowledge": (2, 0, 0), "snapshot": (2, 0, 0), "enrol": (1, 0, 0)}),
}
# What the log says of a configuration that is in use again.
RELOADED = "The configuration was reloaded."
RELOADS = ("file change", "SIGHUP", "command")


@dataclasses.dataclass
class Fault:
    at: float
    track: str
    kind: str
    duration: float
    line: str
    # Decides what remains to be decided, whatever happened before.
    dice: random.Random


def schedule(seed, seconds, ends):
    """-> faults in order of time. ends: {track: when its last fault may begin}; 0 leaves it out."""
    faults = []
    for track, (gap, kinds) in TRACKS.items():
        dice = random.Random(f"{seed}/{track}")
        at = dice.expovariate(1 / gap)
        while at < min(seconds, ends.get(track, seconds)):
            kind, (_, shortest, longest) = dice.choices(list(kinds.items()), [k[0] for k in kinds.values()])[0]
            duration = dice.uniform(shortest, longest)
            faults.append(Fault(at, track, kind, duration, dice.choice(LINES), random.Random(dice.random())))
            at += duration + 3 + dice.expovariate(1 / gap)
    return sorted(faults, key=lambda fault: fault.at)


@dataclasses.dataclass
class Recovery:
    """From the moment that a cause is gone to the moment that all is as before."""

    kind: str
    # Of those lines a result of a picture taken since; or an entry in the log.
    lines: set
    entry: str | None
    since: float
    # Another fault was there, so that the time says nothing.
    is_mixed: bool = False


class Injector:
    def __init__(self, station, broker, subscriber, files, operator, faults, journal):
        """journal: the file that tells what was done when."""
        self.station, self.broker, self.subscriber, self.files = station, broker, subscriber, files
        self.operator = operator
        self.journal = journal.open("w", buffering=1)
        order = itertools.count()
        self.order = order
        self.agenda = [(fault.at, next(order), fault, "begin") for fault in faults]
        heapq.heapify(self.agenda)
        self.blocked = {}  # what is broken now: the lines that cannot deliver
        self.pending = []
        self.recovered = []
        self.done = []
        self.left_out = 0
        self.disk_free_since = 0.0
        self.refusals_awaited = 0

    # Recoveries.

    def news(self, line, _verdict, made):
        """A result of a picture that was taken at that time has come."""
        now = time.time()
        for recovery in list(self.pending):
            if recovery.entry is None and made >= recovery.since:
                recovery.lines.discard(line)
                if not recovery.lines:
                    self.finish(recovery, now)

    def entry(self, at, message):
        for recovery in list(self.pending):
            if recovery.entry and at >= recovery.since and message.startswith(recovery.entry):
                self.finish(recovery, at)

    def finish(self, recovery, at):
        try:
            self.pending.remove(recovery)
        except ValueError:
            return  # The other thread was first.
        self.recovered.append((recovery.kind, at - recovery.since, recovery.is_mixed))

    def block(self, what, lines):
        self.blocked[what] = set(lines)
        self.operator.troubles.append([what, set(lines), time.time(), None])
        for recovery in list(self.pending):
            if recovery.lines & self.blocked[what] or what == "daemon" or recovery.entry == RELOADED and what.startswith("camera"):
                recovery.is_mixed = True

    def heal(self, what, kind, lines=(), entry=None):
        self.blocked.pop(what, None)
        self.operator.end_trouble(what)
        lines = set(lines)
        # A replay whose folder is away makes the whole configuration wrong, until somebody asks again.
        is_mixed = (any(lines & others for others in self.blocked.values()) or "daemon" in self.blocked
                    or any(lines & recovery.lines for recovery in self.pending)
                    or entry == RELOADED and any(what.startswith("camera") for what in self.blocked))
        self.pending.append(Recovery(kind, lines, entry, time.time(), is_mixed))

    # The run.

    def run(self, now):
        """Does what is due."""
        while self.agenda and self.agenda[0][0] <= now:
            _, _, fault, what = heapq.heappop(self.agenda)
            later = getattr(self, f"{what}_{fault.track}")(fault)
            if later is None:
                self.journal.write(f"{time.time():.3f} {what} {fault.kind} {fault.line}\n")
            if later is not None:
                heapq.heappush(self.agenda, (now + later, next(self.order), fault, what))
            elif what == "begin" and fault.track != "operator":
                self.done.append(fault)
                heapq.heappush(self.agenda, (now + fault.duration, next(self.order), fault, "end"))

    def end_all(self):
        """Ends what is broken still."""
        for _, _, fault, what in sorted(self.agenda, key=lambda entry: entry[:2]):
            if what == "end":
                getattr(self, f"end_{fault.track}")(fault)
            elif fault.track != "operator":
                self.left_out += 1
        self.agenda = []

    # What goes wrong. A method may answer after how many seconds it wants to be asked again.

    def begin_broker(self, fault):
        if fault.kind == "broker killed":
            return self.kill_broker()
        self.block("broker", LINES)
        {"broker stopped": self.broker.stop, "broker hangs": self.broker.hold}[fault.kind]()

    def kill_broker(self):
        """While the daemon holds its breath: what mosquitto has acknowledged and not passed on would be lost with it."""
        process = self.station.life.process if self.station.is_wanted else None
        if process:
            process.send_signal(signal.SIGSTOP)
        try:
            if not self.subscriber.is_level(within=1):
                return 2.0
            self.block("broker", LINES)
            self.broker.kill()
        finally:
            if process:
                process.send_signal(signal.SIGCONT)

    def end_broker(self, fault):
        if self.broker.is_held:
            self.broker.release()
        else:
            self.broker.start()
        self.heal("broker", fault.kind, LINES)

    def begin_camera(self, fault):
        self.block(f"camera {fault.line}", [fault.line])
        self.files.take_pictures(fault.line, damaged=fault.kind == "damaged frames")

    def end_camera(self, fault):
        self.files.give_pictures(fault.line)
        self.heal(f"camera {fault.line}", fault.kind, [fault.line])

    def begin_configuration(self, fault):
        if fault.kind == "line taken away":
            self.block(f"line {fault.line}", [fault.line])
            self.files.remove_line(fault.line)
        elif fault.kind == "changed":
            self.files.change_line(fault.line, fault.dice)
            self.reload(fault.dice.choice(RELOADS))
        else:
            self.files.halve_line(fault.line, fault.dice)

    def reload(self, way):
        if way == "SIGHUP" and self.station.is_wanted:
            self.station.life.process.send_signal(signal.SIGHUP)
        elif way == "command":
            self.subscriber.publish(f"soak/{LINES[0]}/cmd/reload", "{}")

    def end_configuration(self, fault):
        if fault.kind == "changed":
            return
        self.files.write_line(fault.line)
        if fault.kind == "line taken away":
            self.heal(f"line {fault.line}", fault.kind, [fault.line])
        else:
            self.heal("file", fault.kind, entry=RELOADED)

    def begin_disk(self, fault):
        self.block("disk", [])
        self.files.fill_disk()

    def end_disk(self, fault):
        self.files.free_disk()
        self.disk_free_since = time.time()
        self.heal("disk", fault.kind, entry="There is room for evidence again. Evidence is kept in full.")

    def begin_daemon(self, fault):
        # What a full disk keeps in memory does not survive the program's end, and is not promised to.
        if "disk" in self.blocked or time.time() - self.disk_free_since < 20:
            return 5.0
        self.block("daemon", LINES)
        if fault.kind == "daemon killed":
            self.station.kill()
        else:
            self.station.stop()

    def end_daemon(self, fault):
        self.station.start()
        self.heal("daemon", fault.kind, LINES)


    def begin_operator(self, fault):
        """Once the daemon listens: it has shown that by results since the broker or itself was last away."""
        lost = {recovery.kind.split()[0] for recovery in self.pending} | self.blocked.keys()
        if {"broker", "daemon"} & lost:
            return 1.0
        is_recovering = any(fault.line in recovery.lines for recovery in self.pending)
        return None if self.operator.send(fault.kind, fault.line, fault.dice, is_recovering) else 0.2


class Files:
    """The station's files, and how they are broken."""

    def __init__(self, root, pictures, disk):
        """pictures: a folder that holds LINE, and LINE.damaged; disk: mounted, or None where it is everybody's."""
        self.root, self.pictures, self.disk = root, pictures, disk
        self.settings = {line: {"close_after": 10, "deadline_ms": 500, "rate": 15} for line in LINES}

    def line(self, name):
        settings = self.settings[name]
        return (f"# The line {name}.\ndeadline_ms: {settings['deadline_ms']}\nalerts:\n"
                f"  close_after: {settings['close_after']}\n  update_interval_s: 1\n  max_per_hour: 3600\n"
                f"replay:\n  folder: {self.pictures / name}\n  rate: {settings['rate']}\n"
                f"recipe: part-{LINES.index(name) % 2}\n")

    def file(self, name):
        return self.root / "etc/assayd/lines" / f"{name}.yaml"

    def write_line(self, name):
        self.file(name).write_text(self.line(name))

    def remove_line(self, name):
        self.file(name).unlink()

    def change_line(self, name, dice):
        what, values = dice.choice([("close_after", range(5, 20)), ("deadline_ms", range(100, 1000)), ("rate", (14, 15))])
        former = self.settings[name][what]
        self.settings[name][what] = dice.choice([v for v in values if v != former])
        self.write_line(name)

    def halve_line(self, name, dice):
        """Cut anywhere before the last key, which is required."""
        text = self.line(name)
        self.file(name).write_text(text[:dice.randrange(text.index("\nrecipe"))])

    def take_pictures(self, name, damaged):
        (self.pictures / name).rename(self.pictures / f"{name}.away")
        if damaged:
            (self.pictures / f"{name}.damaged").rename(self.pictures / name)

    def give_pictures(self, name):
        if (self.pictures / name).exists():
            (self.pictures / name).rename(self.pictures / f"{name}.damaged")
        (self.pictures / f"{name}.away").rename(self.pictures / name)

    def fill_disk(self):
        with open(self.disk / "ballast", "wb", buffering=0) as ballast:
            for piece in (1 << 20, 1 << 12):
                try:
                    while True:
                        ballast.write(bytes(piece))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free_disk(self):
        os.unlink(self.disk / "ballast")
