"""The daemon, from one start to the next, its log and its memory."""

import datetime
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

FIELD = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|\S*)')


class Life:
    """From a start of the daemon to its end."""

    def __init__(self, process):
        self.process = process
        self.began = time.time()
        self.ended = None
        self.how = "runs"
        self.boot = None
        self.status = None
        self.stop_seconds = None
        self.results = {}  # line: how many it said to have sent, at a stop
        self.memory = []  # (seconds since it began, KiB resident, KiB anonymous, descriptors, threads)

    @property
    def is_killed(self):
        return self.how == "killed"


class Log:
    """Follows what the daemon writes to standard error."""

    def __init__(self, file, news):
        """news: called with time, message and fields of each entry."""
        self.file = file
        self.news = news
        self.alerts = []  # (time, alert id, revision)
        self.stops = []  # fields of "The line stopped."
        self.boots = []
        self.criticals = []
        self.damage = []  # what it says of damaged files
        self.is_over = threading.Event()
        file.touch()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        rest = b""
        with open(self.file, "rb") as stream:
            while True:
                is_last = self.is_over.is_set()
                *lines, rest = (rest + stream.read()).split(b"\n")
                for line in lines:
                    self.take(line.decode(errors="replace"))
                if is_last:
                    return
                time.sleep(0.02)

    def take(self, line):
        head = line.split(" ", 2)
        if len(head) < 3 or not head[0].endswith("Z"):
            return
        at = datetime.datetime.fromisoformat(head[0][:26] + "+00:00").timestamp()
        message = FIELD.split(head[2])[0]
        fields = {name: value.strip('"') for name, value in FIELD.findall(head[2])}
        if "alert_id" in fields:
            self.alerts.append((at, fields["alert_id"], int(fields["revision"])))
        elif message.startswith("assayd "):
            self.boots.append((at, fields["boot_id"]))
        elif message in ("The line stopped.", "The line was taken away."):
            self.stops.append((at, fields))
        if head[1] == "critical":
            self.criticals.append(line)
        if "was damaged" in message or "recipe_damaged" in line:
            self.damage.append(line)
        self.news(at, message, fields)

    def finish(self):
        self.is_over.set()
        self.thread.join()


class Station:
    def __init__(self, program, root, log, console, status):
        """console: its port; status: called with each status that it tells there, also while the broker is away."""
        self.program = program
        self.root = root
        self.log = log
        self.console = console
        self.status = status
        self.lives = []
        self.is_wanted = False
        self.over = threading.Event()
        threading.Thread(target=self.measure, daemon=True).start()

    @property
    def life(self):
        return self.lives[-1]

    def start(self):
        with open(self.log, "ab") as log:
            self.lives.append(Life(subprocess.Popen([self.program, "--root", self.root], stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=log)))
        self.is_wanted = True

    def kill(self):
        self.end(signal.SIGKILL, "killed")

    def stop(self):
        self.end(signal.SIGTERM, "stopped")

    def end(self, how, word):
        self.is_wanted = False
        life, began = self.life, time.time()
        life.process.send_signal(how)
        life.status = life.process.wait()
        life.ended, life.how = time.time(), word
        life.stop_seconds = life.ended - began
        if word == "killed":
            life.ended = began

    def notice_end(self):
        """-> whether it ended though nobody asked it to."""
        if not self.is_wanted or self.life.process.poll() is None:
            return False
        self.life.status, self.life.ended, self.life.how = self.life.process.returncode, time.time(), "ended by itself"
        return True

    def measure(self):
        while not self.over.wait(5):
            if not self.lives or self.life.how != "runs":
                continue
            life, process = self.life, f"/proc/{self.life.process.pid}"
            try:
                with open(process + "/status") as file:
                    fields = dict(line.split(":", 1) for line in file)
                life.memory.append((time.time() - life.began, int(fields["VmRSS"].split()[0]),
                                    int(fields["RssAnon"].split()[0]), len(os.listdir(process + "/fd")),
                                    int(fields["Threads"])))
                with urllib.request.urlopen(f"http://127.0.0.1:{self.console}/status", timeout=2) as answer:
                    self.status(json.load(answer))
            except (OSError, KeyError, ValueError, http.client.HTTPException):
                pass  # It has just ended, or has just begun.

    def settle(self, log):
        """Joins each life with what the log says of it."""
        for life in self.lives:
            until = life.ended + 1
            life.boot = next((boot for at, boot in log.boots if life.began - 1 <= at <= until), None)
            if life.how == "stopped":
                for at, fields in log.stops:
                    if life.began <= at <= until:
                        life.results[fields["line"]] = int(fields.get("results", 0))
