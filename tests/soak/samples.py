# SPDX-License-Identifier: MIT
"""samples.py: what a node says of itself over HTTP, and whether it grows."""
import http.client
import statistics

MIB = 1 << 20
FIELDS = {"rss": "process_resident_memory_bytes", "used": 's2sd_heap_bytes{state="used"}',
          "free": 's2sd_heap_bytes{state="free"}', "fds": "process_open_fds", "cpu": "process_cpu_seconds_total"}
# Growth that is allowed from the second to the last fifth of the samples, whatever the number of stanzas between. What is in use
# under load is also what waits for a peer that has gone dark (two queues at most) and the streams that are there just then; what is
# left over shows at rest.
HEAP_GROWTH, RSS_GROWTH, FDS_GROWTH = 4 * MIB, 8 * MIB, 8
# The same at rest, from a fifth of the rounds to the end.
REST_HEAP_GROWTH, REST_RSS_GROWTH = MIB // 4, 4 * MIB
LEAST_SAMPLES = 20  # fewer show nothing


def metrics(address, port):
    """{name with labels: number}"""
    connection = http.client.HTTPConnection(address, port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def sample(values):
    return {field: values.get(name, 0.0) for field, name in FIELDS.items()}


def line(seen):
    """{name: sample} in one line."""
    return "; ".join(f"{name} {s['used'] / MIB:.2f} MiB in use, RSS {s['rss'] / MIB:.1f} MiB, {s['fds']:.0f} fds"
                     for name, s in seen.items())


def show(name, samples):
    """About ten rows, evenly spread."""
    print(f"# {name}: {'round':>6} {'RSS MiB':>8} {'heap used MiB':>14} {'heap free MiB':>14} {'fds':>5} {'CPU s':>8}")
    step = max(1, len(samples) // 10)
    for i in sorted({*range(0, len(samples), step), len(samples) - 1}):
        s = samples[i]
        print(f"# {name}: {i + 1:6} {s['rss'] / MIB:8.1f} {s['used'] / MIB:14.2f} {s['free'] / MIB:14.2f} {s['fds']:5.0f} "
              f"{s['cpu']:8.1f}")


def growth(samples, field):
    """From the median of the second fifth to that of the last; the first fifth fills caches."""
    fifth = len(samples) // 5
    values = [s[field] for s in samples]
    return statistics.median(values[-fifth:]) - statistics.median(values[fifth:2 * fifth])


def judge(name, samples):
    """Complaints."""
    if len(samples) < LEAST_SAMPLES:
        print(f"# {name}: too few samples to say anything about growth")
        return []
    grown = {field: growth(samples, field) for field in ("rss", "used", "fds")}
    print(f"# {name}: growth from the second to the last fifth: RSS {grown['rss'] / 1024:.0f} KiB, heap in use "
          f"{grown['used'] / 1024:.0f} KiB, {grown['fds']:.0f} descriptors")
    return [f"{name}: {field} grew by {grown[field]:.0f}" for field, most in
            (("rss", RSS_GROWTH), ("used", HEAP_GROWTH), ("fds", FDS_GROWTH)) if grown[field] > most]


def judge_rest(name, before, after, rounds):
    """Complaints about what is in use when nothing is at work."""
    print(f"# {name} at rest, after a fifth of the rounds and at the end: heap in use {before['used'] / 1024:.0f} and "
          f"{after['used'] / 1024:.0f} KiB, RSS {before['rss'] / 1024:.0f} and {after['rss'] / 1024:.0f} KiB, "
          f"{before['fds']:.0f} and {after['fds']:.0f} descriptors")
    limits = {"fds": 0, "used": REST_HEAP_GROWTH, "rss": REST_RSS_GROWTH} if rounds >= LEAST_SAMPLES else {"fds": 0}
    return [f"{name}: {field} grew by {after[field] - before[field]:.0f} at rest" for field, most in limits.items()
            if after[field] > before[field] + most]
