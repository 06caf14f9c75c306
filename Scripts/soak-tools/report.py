"""The figures of a run, as a table and as JSON."""

import collections
import math
import statistics


def slope(samples):
    """Least squares through (seconds, KiB) -> MiB an hour and its standard error."""
    n = len(samples)
    if n < 10:
        return None
    mean_x = statistics.fmean(x for x, _ in samples)
    mean_y = statistics.fmean(y for _, y in samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    rate = sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread
    rest = sum((y - mean_y - rate * (x - mean_x)) ** 2 for x, y in samples)
    error = math.sqrt(rest / (n - 2) / spread)
    return rate * 3600 / 1024, error * 3600 / 1024


# Before a daemon's memory is looked at: seconds, or a quarter of its life where that is less.
WARM_UP = 600


def memory(lives):
    """Of the life that lasted longest."""
    life = max(lives, key=lambda life: len(life.memory))
    if len(life.memory) < 20:
        return None
    warm = min(WARM_UP, life.memory[-1][0] / 4)
    samples = [sample for sample in life.memory if sample[0] >= warm]
    rate = slope([(s[0], s[1]) for s in samples])
    if rate is None:
        return None
    return {
        "life_minutes": round((life.ended - life.began) / 60, 1), "warm_up_minutes": round(warm / 60, 1),
        "slope_mib_per_hour": round(rate[0], 2), "slope_standard_error": round(rate[1], 2),
        "resident_mib_first": round(samples[0][1] / 1024, 1), "resident_mib_last": round(samples[-1][1] / 1024, 1),
        "resident_mib_most": round(max(s[1] for s in life.memory) / 1024, 1),
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


def make(arguments, minutes, lives, injector, ledger, checks):
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
        "last_life_frames": final, "memory": memory(lives),
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
            f"{memory['slope_mib_per_hour']} ± {memory['slope_standard_error']} MiB an hour, {memory['resident_mib_first']} to "
            f"{memory['resident_mib_last']} MiB; descriptors {memory['descriptors_first']} to {memory['descriptors_last']}, "
            f"threads {memory['threads_first']} to {memory['threads_last']}")
    lines.append("")
    lines += [f"{'ok  ' if check['holds'] else 'FAIL'} {check['what']}: {check['figures']}" for check in report["checks"]]
    return "\n".join(lines)
