"""A node's API as the dashboard sees it, played by nobody: a federation whose trouble is asked for by POST /mock/ACT.

It speaks the documents of shell/src/shapes, prints its address as the first line, and ends by itself after --lifetime
seconds or when its standard input closes. It knows nothing of Raft: each act is a story written down beforehand.
"""

import argparse
import json
import os
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ISLANDS = (
    "delos naxos paros samos chios lesbos rhodes kos thasos lemnos andros tenos siphnos melos ios thera keos kythnos "
    "skyros imbros leros kalymnos karpathos ikaria mykonos syros aegina samothrace skiathos patmos"
).split()
PLACES = [
    ("eu", "ams", 52_370_000, 4_890_000), ("eu", "fra", 50_110_000, 8_680_000),
    ("us", "iad", 38_950_000, -77_450_000), ("us", "pdx", 45_520_000, -122_670_000),
    ("ap", "sin", 1_350_000, 103_820_000),
]
KEPT_EVENTS_MAX = 512
PAGE_MAX = 250
KEEP_ALIVE_SECONDS = 5


def wall_ms():
    return int(time.time() * 1000)


class Federation:
    """What the asked node, n1, holds. Every act takes the lock, changes documents and tells an event."""

    def __init__(self, size, seed):
        self.lock = threading.Condition()
        self.random = random.Random(seed)
        self.size, self.boot, self.term, self.leader, self.epoch = size, 1, 7, "n2", 40 + size
        self.sequence, self.events, self.streams = 0, [], 0
        self.began, self.index, self.heard = time.monotonic(), 48_210, time.monotonic()
        self.drained, self.silent_at = {}, {}
        self.nodes = {}
        for number in range(1, size + 1):
            self.nodes[f"n{number}"] = self.node(number)
        self.shares()
        with self.lock:
            self.past()

    def node(self, number):
        region, datacenter, latitude, longitude = PLACES[(number - 1) % len(PLACES)]
        racks = max(2, self.size // 120)
        name = ISLANDS[(number - 1) % len(ISLANDS)]
        if number > len(ISLANDS):
            name = f"{name}-{(number - 1) // len(ISLANDS) + 1}"
        total = self.random.choice([2, 4, 4, 8]) << 40
        return {
            "id": f"n{number}", "name": name, "address": f"10.{number // 250}.{number % 250}.7", "port": 7000,
            "place": {"region": region, "datacenter": datacenter,
                      "rack": f"r{(number - 1) // len(PLACES) % racks + 1}",
                      "latitude_microdegrees": latitude, "longitude_microdegrees": longitude},
            "total_bytes": total, "free_bytes": int(total * self.random.uniform(0.2, 0.8)),
            "tags": {"disk": self.random.choice(["nvme", "nvme", "hdd"]), "tier": self.random.choice(["hot", "cold"])},
            "registered_at_ms": wall_ms() - 86_400_000 * self.random.randint(2, 90) - number * 977,
            "registered_epoch": 4 + number, "changed_epoch": 4 + number, "condition": "healthy",
            "since_epoch": 4 + number, "cause": "it beats and its score is good", "drain": None,
            "pool": "alive", "ring_permille": None,
            "log": {1: "voter", 2: "leader", 3: "voter", 4: "learner"}.get(number),
            "api": f"http://10.0.{number}.7:7001" if number <= 4 else None,
        }

    def shares(self):
        weights = {node["name"]: self.random.gauss(1, 0.07) for node in self.nodes.values()
                   if node["condition"] in ("healthy", "degraded", "silent", "leaving")}
        whole = sum(weights.values())
        self.ring = {"epoch": self.epoch, "points": 256 * len(weights), "shares": [
            {"name": name, "millionths": int(1_000_000 * weight / whole), "points": 256}
            for name, weight in sorted(weights.items())]}
        share = {entry["name"]: entry["millionths"] for entry in self.ring["shares"]}
        for node in self.nodes.values():
            node["ring_permille"] = share[node["name"]] // 1000 if node["name"] in share else None

    def past(self):
        """What happened before anybody looked."""
        told = [
            (840, "started", "info", "n1 started, boot 1, with 47,903 entries", "n1", {"boot": 1}),
            (838, "follows_leader", "info", "follows samos (n4) in term 6", "n4", {"term": 6}),
            (791, "node_failed", "error", "melos (n14) failed: its heartbeats stay away, level 3", "n14", {}),
            (744, "node_recovered", "info", "melos (n14) is back: it beats and its score is good", "n14", {}),
            (655, "compacted", "info", "the log up to 48,000 became a snapshot of 41 KiB", None, {}),
            (431, "transfer_began", "info", "samos hands over to naxos", "n2", {"term": 6}),
            (430, "leader_changed", "info", "naxos (n2) leads term 7", "n2", {"term": 7}),
            (302, "pool_suspected", "warning", "keos (n17) is suspected in the local pool", "n17", {}),
            (299, "pool_recovered", "info", "keos (n17) refuted the suspicion", "n17", {}),
            (120, "session_opened", "info", "a session was opened", None, {}),
        ]
        for ago, kind, severity, text, node, fields in told:
            self.tell(kind, severity, text, node if node in self.nodes else None, fields, wall_ms() - ago * 1000)

    def tell(self, kind, severity, text, node=None, fields=None, at=None):
        self.sequence += 1
        self.events.append({"sequence": self.sequence, "epoch": self.epoch, "at_ms": at or wall_ms(), "kind": kind,
                            "severity": severity, "text": text, "node": node, "fields": fields or {}})
        del self.events[:-KEPT_EVENTS_MAX]
        self.lock.notify_all()

    def called(self, node):
        return f"{self.nodes[node]['name']} ({node})"

    def find(self, condition, cause, node):
        self.epoch += 1
        self.nodes[node].update(condition=condition, cause=cause, since_epoch=self.epoch, changed_epoch=self.epoch)

    # The acts.

    def kill_leader(self):
        lost = self.leader
        self.nodes[lost].update(pool="dead", log="voter")
        self.tell("pool_died", "error", f"{self.called(lost)} died in the local pool", lost)
        self.term, self.leader = self.term + 1, "n3" if lost != "n3" else "n1"
        self.nodes[self.leader]["log"] = "leader"
        self.heard = time.monotonic()
        self.tell("leader_changed", "info", f"{self.called(self.leader)} leads term {self.term}", self.leader,
                  {"term": self.term})
        self.silent_at[lost] = time.monotonic()
        self.find("unreachable", "the failure detector holds it dead", lost)
        self.tell("node_failed", "error", f"{self.called(lost)} failed: the failure detector holds it dead", lost)

    def silence(self, node):
        self.silent_at[node] = time.monotonic()
        self.nodes[node]["pool"] = "suspect"
        self.tell("pool_suspected", "warning", f"{self.called(node)} is suspected in the local pool", node)
        self.find("silent", "its heartbeats stay away, level 2", node)
        self.tell("node_failed", "error", f"{self.called(node)} failed: its heartbeats stay away, level 2", node)

    def degrade(self, node):
        self.find("degraded", "it gives itself 310 ‰ only", node)
        self.tell("changed", "warning", f"{self.called(node)} is degraded: it gives itself 310 ‰ only", node)

    def drain(self, node):
        self.drained[node] = time.monotonic()
        self.nodes[node]["drain"] = {"moved_permille": 420, "within_ms": 3_600_000}
        self.find("leaving", "it was asked for", node)
        self.tell("changed", "info", f"{self.called(node)} leaves: it was asked for", node)

    def recover(self, node):
        self.silent_at.pop(node, None)
        self.nodes[node].update(pool="alive", drain=None)
        self.find("healthy", "it beats and its score is good", node)
        self.tell("node_recovered", "info", f"{self.called(node)} is back: it beats and its score is good", node)

    def remove(self, node):
        text = f"{self.called(node)} was removed"
        del self.nodes[node]
        self.epoch += 1
        self.shares()
        self.tell("ring_changed", "info", text, node, {"members": len(self.nodes)})

    def restart(self):
        """The asked node comes back as another run, which numbers its events anew."""
        self.boot, self.sequence, self.events, self.began = self.boot + 1, 0, [], time.monotonic()
        self.tell("started", "info", f"n1 started, boot {self.boot}, with {self.index:,} entries", "n1",
                  {"boot": self.boot})

    # The documents.

    def reference(self, node):
        known = self.nodes.get(node, {})
        return {"id": node, "name": known.get("name"), "api": known.get("api")}

    def status(self):
        now = time.monotonic()
        self.index += self.random.randint(0, 9)
        wave = 900 + 350 * abs((now / 17) % 2 - 1) + self.random.randint(0, 160)
        conditions = {}
        for node in self.nodes.values():
            conditions[node["condition"]] = conditions.get(node["condition"], 0) + 1
        voters = [dict(self.reference(node), votes=self.nodes[node]["log"] != "learner")
                  for node in ("n1", "n2", "n3", "n4") if node in self.nodes]
        return {
            "id": "n1", "name": self.nodes["n1"]["name"], "cluster": "aegean", "version": "0.1.0", "boot": self.boot,
            "up_ms": int((now - self.began) * 1000) + 840_000, "at_ms": wall_ms(), "term": self.term,
            "role": "leader" if self.leader == "n1" else "follower", "leader": self.reference(self.leader),
            "leader_heard_ms": self.random.randint(10, 90), "log_settled": True, "log_members": voters, "last": self.index + 2,
            "durable": self.index + 1, "commit": self.index, "snapshot": 48_000, "level": 3, "epoch": self.epoch,
            "members": len(self.nodes), "conditions": conditions, "suspects_itself": False,
            "ring": {"epoch": self.ring["epoch"], "members": len(self.ring["shares"]), "points": self.ring["points"]},
            "withheld": 1, "pending_commands": 2, "pending_reads": 0, "transfer": None, "has_lease": False,
            "halted": None, "commit_median_us": int(wave), "commit_p99_us": int(wave * 3.4),
        }

    def members(self):
        return {"asked": "n1", "health": 0, "members": [
            {"id": node["id"], "name": node["name"], "address": f"{node['address']}:{node['port']}", "pool": "local",
             "state": node["pool"], "incarnation": 3, "role": node["log"], "round_trip_us": 380 + 41 * at,
             "api": node["api"]}
            for at, node in enumerate(list(self.nodes.values())[:200])]}

    def page(self, query):
        after = int(query.get("cursor", ["0"])[0])
        nodes = list(self.nodes.values())
        end = after + PAGE_MAX
        return {"epoch": self.epoch, "total": len(nodes), "nodes": nodes[after:end],
                "next": str(end) if end < len(nodes) else None}

    def why(self, node):
        known = self.nodes[node]
        silent = int((time.monotonic() - self.silent_at[node]) * 1000) if node in self.silent_at else None
        age = 4_200 + silent if silent is not None else self.random.randint(100, 900)
        dead = known["condition"] == "unreachable"
        reported = 310 if known["condition"] == "degraded" else 960
        lines = [f"{self.called(node)} is {known['condition']} since epoch {known['since_epoch']}: {known['cause']}",
                 f"delos (n1) heard its heartbeat 88,100 {age / 1000:.1f} s ago",
                 f"it gave itself {reported} ‰ then, which counts for {max(0, reported - age // 40)} ‰ by now"]
        if dead:
            lines.append("the failure detector holds it unreachable; its removal is proposed if nothing changes")
        return {
            "node": known, "asked": "n1", "watches": True, "heartbeat_age_ms": age, "heartbeat_sequence": 88_100,
            "reported_permille": reported, "effective_permille": max(0, reported - age // 40),
            "silence_level": 2 if silent is not None else 0, "reach": "unreachable" if dead else "reachable",
            "finding": known["condition"], "finding_cause": known["cause"], "held_for_ms": None, "withheld": False,
            "removed_in_ms": max(0, 300_000 - silent) if dead and silent is not None else None, "lines": lines,
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, body, status=200, kind="application/json"):
        told = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(told)))
        self.send_header("Cache-Control", "no-store")
        if kind.startswith("text/html"):
            self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(told)

    def refuse(self, status, kind, title):
        self.answer({"type": f"urn:delian:problem:{kind}", "title": title, "status": status, "detail": title,
                     "node": "n1", "leader": None, "retry_after_ms": None}, status, "application/problem+json")

    def do_GET(self):
        if self.server.dead:
            return self.vanish()
        asked = urlsplit(self.path)
        query, world = parse_qs(asked.query), self.server.world
        if not asked.path.startswith("/v1/"):
            return self.asset(asked.path)
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self.refuse(401, "no-token", "this node asks for a token")
        if asked.path == "/v1/watch":
            return self.watch()
        with world.lock:
            known = {"/v1/status": world.status, "/v1/members": world.members, "/v1/ring": lambda: world.ring,
                     "/v1/nodes": lambda: world.page(query)}.get(asked.path)
            body = known() if known else None
            parts = asked.path.split("/")
            if len(parts) == 5 and parts[2] == "nodes" and parts[4] == "why" and parts[3] in world.nodes:
                body = world.why(parts[3])
            told = json.dumps(body).encode()
        return self.answer(told) if body is not None else self.refuse(404, "not-found", f"nothing at {asked.path}")

    def vanish(self):
        """What a connection that outlives the listener shows of a process that is gone: nothing."""
        self.close_connection = True

    def asset(self, path):
        kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}
        name = "index.html" if path == "/" else path.removeprefix("/dashboard/")
        file = os.path.join(self.server.folder, os.path.basename(name))
        kind = kinds.get(os.path.splitext(file)[1])
        if kind is None or not os.path.isfile(file):
            return self.refuse(404, "not-found", f"nothing at {path}")
        with open(file, "rb") as opened:
            return self.answer(opened.read(), 200, f"{kind}; charset=utf-8")

    def watch(self):
        world, last = self.server.world, self.headers.get("Last-Event-ID")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with world.lock:
            generation = self.server.generation
            after = int(last.split(":")[1]) if last else world.sequence
            oldest = world.events[0]["sequence"] if world.events else 1
            lost = after + 1 < oldest or after > world.sequence
            after = 0 if lost else after
        try:
            if lost:
                self.wfile.write(b"event: reset\ndata: {}\n\n")
            while True:
                with world.lock:
                    if not any(event["sequence"] > after for event in world.events):
                        world.lock.wait(KEEP_ALIVE_SECONDS)
                    if self.server.dead:
                        return
                    if self.server.generation != generation:
                        word = self.server.last_word
                        if word:
                            self.wfile.write(f"event: {word}\ndata: {{}}\n\n".encode())
                        if word != "reset":
                            return
                        generation = self.server.generation
                    told = [event for event in world.events if event["sequence"] > after]
                for event in told:
                    after = event["sequence"]
                    line = json.dumps(event, ensure_ascii=False)
                    text = f"id: {event['epoch']}:{after}\nevent: {event['kind']}\ndata: {line}\n\n"
                    self.wfile.write(text.encode())
                if not told:
                    self.wfile.write(b": alive\n\n")
                self.wfile.flush()
        except OSError:
            return

    def do_POST(self):
        asked = urlsplit(self.path)
        act, query = asked.path.removeprefix("/mock/"), parse_qs(asked.query)
        world, node = self.server.world, query.get("node", ["n9"])[0]
        acts = {"silence": world.silence, "degrade": world.degrade, "drain": world.drain, "recover": world.recover,
                "remove": world.remove}
        with world.lock:
            if act == "kill-leader":
                world.kill_leader()
            elif act in acts and node in world.nodes:
                acts[act](node)
            elif act in ("reset", "cut", "die"):
                self.server.last_word = None if act == "die" else act
                self.server.generation += 1
                self.server.dead = act == "die"
                world.lock.notify_all()
            else:
                return self.refuse(404, "not-found", f"no act {act} for {node}")
        self.answer({})
        if act == "die":
            self.close_connection = True
            self.server.dead_for = float(query.get("for", ["5"])[0])
            threading.Thread(target=self.server.shutdown, daemon=True).start()
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def policy(folder):
    """The header is written once, in mod.rs."""
    with open(os.path.join(folder, "mod.rs"), encoding="utf-8") as source:
        text = source.read()
    parts = text.split("CONTENT_SECURITY_POLICY", 1)[1].split('"', 2)[1]
    return " ".join(part.strip() for part in parts.replace("\\\n", " ").split())


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--nodes", type=int, default=30)
    arguments.add_argument("--token", default="")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--lifetime", type=float, default=300)
    arguments.add_argument("--folder", default=os.path.join(here, "../../shell/src/dashboard"))
    chosen = arguments.parse_args()
    # The watchdog of last resort: a test that dies leaves no server behind.
    threading.Timer(chosen.lifetime, lambda: os._exit(0)).start()
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    world, port = Federation(chosen.nodes, chosen.seed), 0
    while True:
        server = Server(("127.0.0.1", port), Handler)
        server.world, server.token, server.folder = world, chosen.token, chosen.folder
        server.dead = False
        server.policy, server.generation, server.last_word, server.dead_for = policy(chosen.folder), 0, None, 0
        if port == 0:
            print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        port = server.server_address[1]
        server.serve_forever(poll_interval=0.05)
        server.server_close()
        time.sleep(server.dead_for)
        with world.lock:
            world.restart()


if __name__ == "__main__":
    main()
