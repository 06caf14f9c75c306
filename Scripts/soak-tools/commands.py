"""Commands, as people and the plant's controllers send them: whether each is answered once, and what it promised came true."""

import collections
import dataclasses
import itertools
import json
import pathlib
import re
import time

# From a fault's end until all must work as before: the longest wait for a lost broker, and its own time.
AFTERWARDS = 20
# Enrolment judges its references beside the lines' work; everything else is far quicker.
PATIENCE = 60


@dataclasses.dataclass
class Command:
    number: int
    verb: str
    line: str
    fields: dict
    sent: float
    is_line_recovering: bool
    answers: list = dataclasses.field(default_factory=list)  # (time, answer)
    copies: int = 0  # of answers, marked as such by the broker


class Operator:
    def __init__(self, ledger, versions):
        """versions: the folder with the station's versions of recipes."""
        self.ledger, self.versions = ledger, versions
        self.subscriber = None
        # What was broken, the lines concerned, from when to when, None where it still is.
        self.troubles = []
        self.numbers = itertools.count(1)
        self.commands = {}
        self.missing = []  # files that an answer told of
        self.recipes = {}  # line: the recipe that was asked for last

    def end_trouble(self, what):
        for trouble in self.troubles:
            if trouble[0] == what and trouble[3] is None:
                trouble[3] = time.time()

    # Sending.

    def send(self, verb, line, dice, is_recovering):
        """-> whether it could be sent: an acknowledgement needs an alert."""
        number = next(self.numbers)
        if verb == "trigger":
            fields = {"part_id": f"part-{number}"}
        elif verb == "recipe":
            last = self.recipes.get(line)
            fields = {"recipe": "part-1" if last == "part-0" else "part-0" if last else dice.choice(("part-0", "part-1"))}
            self.recipes[line] = fields["recipe"]
        elif verb == "acknowledge":
            if line not in self.ledger.open_alerts:
                return False
            fields = {"by": "soak", "alert_id": self.ledger.open_alerts[line]}
        elif verb == "enrol":
            now = time.time()
            if any(c.verb == verb and not c.answers and c.sent > now - PATIENCE for c in self.commands.values()):
                return False  # Lines share recipes, and a recipe is enrolled by one at a time.
            fields = {"count": 8, "reason": "soak"}
        else:
            fields = {}
        self.commands[number] = Command(number, verb, line, fields, time.time(), is_recovering)
        self.subscriber.command(f"soak/{line}/cmd/{verb}", json.dumps(fields), str(number).encode())
        return True

    def take(self, message):
        command = self.commands.get(int(message.properties.CorrelationData))
        answer = json.loads(message.payload)
        if command.answers and message.dup:
            command.copies += 1
            return
        command.answers.append((time.time(), answer))
        if answer["outcome"] == "done" and command.verb in ("snapshot", "enrol"):
            if command.verb == "enrol":
                version, recipe = re.match(r"Version (\d+) of recipe (\S+) ", answer["reason"]).groups()
                file = self.versions / recipe / f"{int(version):04}"
            else:
                file = pathlib.Path(answer["file"])
            if not (file.exists() and file.stat().st_size):
                self.missing.append(file)

    # After the end.

    def was_troubled(self, words, line, since, until):
        """Whether one of these was broken then; `line` stands for whatever concerned that line."""
        return any(
            begin <= until and (end is None or end >= since)
            and (what.split()[0] in words or "line" in words and line in lines)
            for what, lines, begin, end in self.troubles)

    def check(self):
        """-> [(what, whether it holds, figures)]"""
        wrong, cut = [], 0
        for command in self.commands.values():
            answered, answer = command.answers[0] if command.answers else (command.sent + PATIENCE, None)
            outcome = answer["outcome"] if answer else "none"
            if self.was_troubled(("broker", "daemon"), None, command.sent, answered):
                cut += 1
                continue
            words = ("line", "disk") if command.verb in ("snapshot", "enrol") else ("line",)
            must = not command.is_line_recovering and not self.was_troubled(words, command.line, command.sent - AFTERWARDS, answered)
            allowed = {"done", "refused"} if command.verb == "acknowledge" else {"done"} if must else {"done", "refused", "failed"}
            if len(command.answers) != 1 or outcome not in allowed:
                told = "; ".join(f"{a['outcome']}: {a['reason']}" for _, a in command.answers)
                wrong.append(f"{command.verb} {command.number} to {command.line}, {len(command.answers)} answers: {told}")
        text = "; ".join(f"{verb} " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
                         for verb, counts in self.outcomes().items())
        yield ("every command is answered once", not wrong,
               f"{len(self.commands)} commands, {cut} met by the broker's or the daemon's end: {text}" + sentences(wrong))
        broken = [*self.check_triggers(), *self.check_promises(), *self.check_changeovers()]
        yield "what an answer says is so", not broken, f"{len(broken)} are not" + sentences(broken)

    def done(self, *verbs):
        for command in self.commands.values():
            for answered, answer in command.answers:
                if command.verb in verbs and answer["outcome"] == "done":
                    yield command, answered, answer

    def check_triggers(self):
        known = {command.fields["part_id"] for command in self.commands.values() if command.verb == "trigger"}
        yield from (f"a result of the part {part}, for which there was no trigger" for part in self.ledger.triggered.keys() - known)
        for command, _, answer in self.done("trigger"):
            results = self.ledger.triggered[command.fields["part_id"]]
            if answer["result_id"] not in results:
                yield f"{command.fields['part_id']} is said to have the result {answer['result_id']}, but has {sorted(results)}"

    def check_promises(self):
        yield from (f"{file} was not there when the answer came" for file in self.missing)
        for command, _, _ in self.done("acknowledge"):
            if command.fields["alert_id"] not in self.ledger.acknowledged:
                yield f"the alert {command.fields['alert_id']} does not say that it is acknowledged"

    def check_changeovers(self):
        """For every part exposed after the answer, over restarts too, until the line is told something else."""
        orders = [command for command in self.commands.values() if command.verb == "recipe"]
        for line in {command.line for command in orders}:
            mine = [command for command in orders if command.line == line]
            ran = self.ledger.ran[line]
            for command, following in itertools.zip_longest(mine, mine[1:]):
                for answered, answer in command.answers[:1]:
                    if answer["outcome"] != "done":
                        continue
                    until = following.sent if following else float("inf")
                    if self.was_troubled(("disk",), None, command.sent - AFTERWARDS, answered):
                        # It could not be written down, perhaps: it holds until the daemon's end.
                        until = min([until] + [b for what, _, b, _ in self.troubles if what == "daemon" and b > answered])
                    others = [exposed for exposed, recipe in ran
                              if answered + 0.1 < exposed < until and recipe != command.fields["recipe"]]
                    if others:
                        yield (f"{line} went over to {command.fields['recipe']} (command {command.number}), but {len(others)} "
                               f"results after it are of another recipe, the first after {min(others) - answered:.1f} s")

    def outcomes(self):
        found = collections.defaultdict(collections.Counter)
        for command in self.commands.values():
            found[command.verb][command.answers[0][1]["outcome"] if command.answers else "none"] += 1
        return {verb: dict(sorted(counts.items())) for verb, counts in sorted(found.items())}


def sentences(found, most=10):
    return "".join("\n    " + sentence for sentence in found[:most])
