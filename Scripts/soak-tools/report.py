"""The figures of a run, as a table and as JSON."""

import collections
import math
import statistics


# Before a daemon's memory is looked at: seconds, or a quarter of its life where that is less.
WARM_UP = 600
# Seconds.
WINDOW = 180


def slope(values):
    """Least squares through values in KiB, one for each window -> MiB an hour and its standard error.

    What is left over the line is alike from one window to the next, which makes n of them worth as much as n (1 - r) / (1 + r)
    that are independent of each other, r being their first autocorrelation."""
    n = len(values)
    middle, mean = (n - 1) / 2, statistics.fmean(values)
    spread = sum((x - middle) ** 2 for x in range(n))
    rate = sum((x - middle) * (y - mean) for x, y in enumerate(values)) / spread
    rest = [y - mean - rate * (x - middle) for x, y in enumerate(values)]
    squares = sum(r * r for r in rest)
    alike = max(0, sum(a * b for a, b in zip(rest, rest[1:])) / squares) if squares else 0
    worth = max(n * (1 - alike) / (1 + alike), 3)
    hourly = 3600 / WINDOW / 1024
    return rate * hourly, math.sqrt(squares / (worth - 2) / spread) * hourly


def floors(samples, column):
    """The lowest value of each whole window: what is there also when nothing waits for the broker. A leak raises it."""
    found = collections.defaultdict(list)
    for sample in samples:
        found[int((sample[0] - samples[0][0]) // WINDOW)].append(sample[column])
    return [min(found[window]) for window in sorted(found)[:-1]]


def memory(lives):
    """Of the life that lasted longest. Anonymous memory is what the daemon asked for; the rest of what is resident are pages of its
    program and files, which the kernel takes back as it likes."""
    life = max(lives, key=lambda life: len(life.memory))
    if len(life.memory) < 20:
        return None
    warm = min(WARM_UP, life.memory[-1][0] / 4)
    samples = [sample for sample in life.memory if sample[0] >= warm]
    resident, anonymous = floors(samples, 1), floors(samples, 2)
    if len(anonymous) < 4:
        return None
    rate, error = slope(anonymous)
    return {
        "life_minutes": round((life.ended - life.began) / 60, 1), "warm_up_minutes": round(warm / 60, 1),
        "fitted_minutes": len(anonymous) * WINDOW // 60,
        "slope_mib_per_hour": round(rate, 2), "slope_standard_error": round(error, 2),
        "floors_mib": [round(value / 1024, 2) for value in anonymous],
        "most_mib": round(max(s[2] for s in life.memory) / 1024, 1),
        "resident_slope_mib_per_hour": round(slope(resident)[0], 2),
        "resident_mib_first": round(resident[0] / 1024, 1), "resident_mib_last": round(resident[-1] / 1024, 1),
        "descriptors_first": samples[0][3], "descriptors_last": samples[-1][3],
        "threads_first": samples[0][4], "threads_last": samples[-1][4],
    }


def recoveries(injector):
    times = collections.defaultdict(list)
    mixed = collections.Counter()
    for kind, seconds, is_mixed in injector.recovered:
        if is_mixed:
            mixed[kind] += 1
        else:
            times[kind].append(seconds)
    return {
        kind: {"injected": count, "measured": len(times[kind]), "mixed": mixed[kind],
               "median_s": round(statistics.median(times[kind]), 2) if times[kind] else None,
               "worst_s": round(max(times[kind]), 2) if times[kind] else None}
        for kind, count in sorted(collections.Counter(fault.kind for fault in injector.done).items())
    }


def make(arguments, minutes, lives, injector, ledger, operator, memory, checks):
    final = {line["line"]: line["counters"] for line in ledger.status["lines"]}
    return {
        "schema": "assayd.soak/1", "seed": arguments.seed, "minutes": round(minutes, 1),
        "passed": all(holds for _, holds, _ in checks),
        "checks": [{"what": what, "holds": holds, "figures": figures} for what, holds, figures in checks],
        "lives": {"all": len(lives), "killed": sum(l.how == "killed" for l in lives),
                  "stopped": sum(l.how == "stopped" for l in lives)},
        "faults_injected": len(injector.done), "faults": recoveries(injector),
        "messages": ledger.counts["messages"],
        "results": sum(map(len, ledger.results.values())), "results_by_verdict": dict(sorted(ledger.kinds.items())),
        "results_replayed": ledger.counts["replayed results"], "results_duplicate": ledger.counts["duplicate results"],
        "results_cut_off_by_kills": ledger.counts["results cut off"],
        "alerts": len(ledger.alerts), "alert_messages": sum(map(len, ledger.alerts.values())),
        "alert_messages_replayed": ledger.counts["replayed alerts"],
        "alert_messages_duplicate": ledger.counts["duplicate alerts"], "alert_messages_lost": ledger.counts["alerts lost"],
        "alert_messages_cut_off_by_kills": ledger.counts["alerts cut off"],
        "commands": operator.outcomes(), "last_life_frames": final, "memory": memory,
    }


def table(report):
    lines = ["", f"{report['minutes']} minutes, seed {report['seed']}: {report['faults_injected']} faults, "
             f"{report['lives']['all']} daemons one after the other", "",
             f"{'fault':24}{'injected':>9}{'measured':>9}{'mixed':>7}{'median s':>10}{'worst s':>9}"]
    for kind, row in report["faults"].items():
        lines.append(f"{kind:24}{row['injected']:9}{row['measured']:9}{row['mixed']:7}"
                     + "".join(f"{'-' if row[key] is None else row[key]:>{width}}" for key, width in (("median_s", 10), ("worst_s", 9))))
    lines += ["", f"messages received: {report['messages']}; results: {report['results']} {report['results_by_verdict']}, "
              f"{report['results_replayed']} replayed, {report['results_duplicate']} duplicates",
              f"alerts: {report['alerts']} in {report['alert_messages']} messages, {report['alert_messages_replayed']} replayed, "
              f"{report['alert_messages_duplicate']} duplicates, {report['alert_messages_lost']} lost"]
    if memory := report["memory"]:
        lines.append(
            f"memory of the daemon that ran {memory['life_minutes']} min, after {memory['warm_up_minutes']}: "
            f"{memory['slope_mib_per_hour']} ± {memory['slope_standard_error']} MiB an hour, {memory['floors_mib'][0]} to "
            f"{memory['floors_mib'][-1]} MiB, at most {memory['most_mib']}; with pages of files {memory['resident_slope_mib_per_hour']} MiB an hour, "
            f"{memory['resident_mib_first']} to {memory['resident_mib_last']} MiB; descriptors {memory['descriptors_first']} to {memory['descriptors_last']}, "
            f"threads {memory['threads_first']} to {memory['threads_last']}")
    lines.append("")
    lines += [f"{'ok  ' if check['holds'] else 'FAIL'} {check['what']}: {check['figures']}" for check in report["checks"]]
    return "\n".join(lines)
