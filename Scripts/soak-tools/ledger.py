"""What was received, and whether it is what was sent."""

import collections
import contextlib
import datetime
import json
import sqlite3
import threading
import time

ALPHABET = {c: i for i, c in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}


def seconds(ulid):
    """When a ULID was made, in seconds since 1970."""
    value = 0
    for character in ulid[:10]:
        value = value * 32 + ALPHABET[character]
    return value / 1000


def balances(counters):
    return counters["captured"] == (
        counters["judged"] + counters["replaced"] + sum(counters["rejected"].values()) + counters["in_flight"])


def outbox_balances(box):
    return box["appended"] + box["recovered"] == box["acknowledged"] + box["rejected"] + box["dropped"] + box["waiting"]


class Ledger:
    def __init__(self, news):
        """news: called with line, verdict and result id of each result that is new here."""
        self.news = news
        self.lock = threading.Lock()
        self.results = collections.defaultdict(dict)  # (boot, line): {seq: result id}
        self.result_ids = set()
        self.verdicts = {}  # result id: line; by the way that is never replayed
        self.alerts = collections.defaultdict(dict)  # alert id: {revision: state}
        self.kinds = collections.Counter()  # results by verdict
        self.counts = collections.Counter()
        self.status = None
        self.told = {}  # (boot, line): results that a status counts
        self.violations = []
        self.triggered = collections.defaultdict(set)  # part: ids of its results
        self.ran = collections.defaultdict(list)  # line: (when a part was exposed, the recipe it was judged by)
        self.open_alerts = {}  # line: alert id
        self.acknowledged = set()  # alert ids

    def violate(self, sentence):
        if len(self.violations) < 100:
            self.violations.append(sentence)

    def take(self, message):
        if not message.payload:
            return  # A retained message is taken back.
        with self.lock:
            self.counts["messages"] += 1
            kind = message.topic.rsplit("/", 1)[-1]
            if kind == "result":
                self.take_result(json.loads(message.payload), message.dup)
            elif kind == "alert":
                self.take_alert(json.loads(message.payload), message.dup)
            elif kind == "verdict":
                verdict = json.loads(message.payload)
                self.verdicts[verdict["result_id"]] = verdict["line"]
            elif kind == "status":
                self.take_status(json.loads(message.payload))

    def take_result(self, result, is_copy):
        book = self.results[result["boot_id"], result["line"]]
        self.counts["replayed results"] += result["replayed"]
        known = book.get(result["seq"])
        if known is None:
            book[result["seq"]] = result["result_id"]
            self.result_ids.add(result["result_id"])
            self.kinds[result["verdict"]] += 1
            if result["recipe"]:
                exposed = datetime.datetime.fromisoformat(result["exposure_utc"][:26] + "+00:00").timestamp()
                self.ran[result["line"]].append((exposed, result["recipe"]["id"]))
            if result["part_id_source"] == "trigger":
                self.triggered[result["part_id"]].add(result["result_id"])
            self.news(result["line"], result["verdict"], result["result_id"])
        else:
            self.duplicate("result", result["result_id"], result["replayed"], is_copy)
            if known != result["result_id"]:
                self.violate(f"{result['line']} gave the number {result['seq']} to {known} and to {result['result_id']}.")

    def take_alert(self, alert, is_copy):
        revisions = self.alerts[alert["alert_id"]]
        self.counts["replayed alerts"] += alert["replayed"]
        if alert["revision"] in revisions:
            self.duplicate("alert", alert["alert_id"], alert["replayed"], is_copy)
        revisions[alert["revision"]] = alert["state"]
        if alert["acknowledged"]:
            self.acknowledged.add(alert["alert_id"])
        if alert["state"] != "closed":
            self.open_alerts[alert["line"]] = alert["alert_id"]
        elif self.open_alerts.get(alert["line"]) == alert["alert_id"]:
            del self.open_alerts[alert["line"]]

    def duplicate(self, kind, identifier, is_replayed, is_copy):
        self.counts[f"duplicate {kind}s"] += 1
        if not is_replayed and not is_copy:
            self.violate(f"A copy of the {kind} {identifier} does not say that it is one.")

    def take_status(self, status):
        if status["schema"] == "assayd.status/1":
            if not balances(status["counters"]):
                self.violate(f"The frames of {status['line']} do not add up: {status['counters']}.")
        else:
            self.status = status | {"received": time.time()}
            self.check_status(status)

    def take_station_status(self, status):
        """One that did not come over MQTT."""
        with self.lock:
            self.check_status(status)

    def check_status(self, status):
        self.counts["statuses"] += 1
        for line in status["lines"]:
            book = status["boot_id"], line["line"]
            self.told[book] = max(self.told.get(book, 0), sum(line["verdicts"].values()))
            if not balances(line["counters"]) or line["unaccounted"]:
                self.violate(f"The frames of {line['line']} do not add up: {line}.")
        if not outbox_balances(status["outbox"]):
            self.violate(f"The messages do not add up: {status['outbox']}.")
        for what in ("dropped", "rejected"):
            if status["outbox"][what]:
                self.violate(f"Messages were {what}: {status['outbox']}.")

    # After the end.

    def check(self, lives, log, spool, evidence):
        """-> [(what, whether it holds, figures)]"""
        checks = [self.check_results(lives, log), self.check_verdicts(lives), *self.check_alerts(lives, log, evidence)]
        with contextlib.closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as database:
            waiting = database.execute("SELECT count(*) FROM message").fetchone()[0]
        checks.append(("nothing is left in the spool", waiting == 0, f"{waiting} messages"))
        checks.append(("every status adds up, nothing dropped or rejected, copies say so", not self.violations,
                       f"{self.counts['statuses']} statuses" + "".join("\n    " + v for v in self.violations[:10])))
        return checks

    # How long before a kill something may have been made that it takes away: 50 ms of patience, and the disk's own time.
    GRACE = 1.0

    def check_results(self, lives, log):
        """Numbers without a gap up to the last: at a stop the log tells it, and each status how many there were. SIGKILL may take
        the last ones."""
        lost, cut, oldest = [], 0, 0.0
        for life in lives:
            for line in {line for boot, line in [*self.results, *self.told] if boot == life.boot} | set(life.results):
                book = self.results.get((life.boot, line), {})
                last = max(life.results.get(line, 0), self.told.get((life.boot, line), 0), max(book, default=0))
                for number in range(1, last + 1):
                    if number in book:
                        continue
                    before = max((n for n in book if n < number), default=None)
                    age = life.ended - seconds(book[before]) if before else 1e9
                    if life.is_killed and age < self.GRACE:
                        cut, oldest = cut + 1, max(oldest, age)
                    else:
                        lost.append(f"{line} {life.boot} {number}")
        received = sum(map(len, self.results.values()))
        figures = f"{received} received, {len(lost)} lost; {cut} cut off by a kill, at most {oldest * 1000:.0f} ms old"
        self.counts["results cut off"] = cut
        return "every result", not lost, figures + "".join("\n    " + l for l in lost[:10])

    def check_verdicts(self, lives):
        """Each verdict that came by the fast way has its result."""
        missing, cut = [], 0
        for identifier, line in self.verdicts.items():
            if identifier in self.result_ids:
                continue
            made = seconds(identifier)
            if any(life.is_killed and 0 <= life.ended - made < self.GRACE for life in lives):
                cut += 1
            else:
                missing.append(f"{line} {identifier}")
        figures = f"{len(self.verdicts)} verdicts, {len(missing)} without a result; {cut} cut off by a kill"
        return "every verdict has its result", not missing, figures + "".join("\n    " + m for m in missing[:10])

    def check_alerts(self, lives, log, evidence):
        """Each message of an alert that the log or the evidence tells of was received, and each alert has its end."""
        missing, cut = [], 0
        for at, identifier, revision in log.alerts:
            if revision in self.alerts.get(identifier, {}):
                continue
            if any(life.is_killed and 0 <= life.ended - at < self.GRACE for life in lives):
                cut += 1
            else:
                missing.append(f"{identifier} revision {revision}, in the log")
        kept = 0
        for file in evidence.rglob("*.alert.json"):
            alert = json.loads(file.read_text())
            kept += 1
            if alert["revision"] not in self.alerts.get(alert["alert_id"], {}):
                missing.append(f"{alert['alert_id']} revision {alert['revision']}, in the evidence")
        for identifier, revisions in self.alerts.items():
            missing += [f"{identifier} revision {n}" for n in range(1, max(revisions)) if n not in revisions]
        messages = sum(map(len, self.alerts.values()))
        self.counts["alerts lost"] = len(missing)
        self.counts["alerts cut off"] = cut
        yield ("every alert", not missing,
               f"{len(self.alerts)} alerts in {messages} messages received, {len(log.alerts)} in the log, {kept} in the "
               f"evidence, {len(missing)} lost; {cut} cut off by a kill" + "".join("\n    " + m for m in missing[:10]))
        open_at_end = {line["alerts"]["open"] for line in self.status["lines"]} - {None}
        unclosed = {i for i, revisions in self.alerts.items() if revisions[max(revisions)] != "closed"}
        yield ("alerts without an end are those that are open", unclosed == open_at_end, f"{len(unclosed)} open at the end")
