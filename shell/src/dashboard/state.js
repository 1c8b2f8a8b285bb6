// What the page holds, and who is told when a part of it changes. Drawing is done once a frame, however much came in.

const EVENTS_MAX = 1000;
const LATENCY_MAX = 150;

export const state = {
  status: null,
  members: null,
  nodes: new Map(),
  nodesEpoch: null,
  ring: null,
  shares: new Map(),
  // The latest last. A row `{ gap: text, at_ms }` stands where events may be missing.
  events: [],
  lastEventId: "0:0",
  latency: [],
  // Since when the leader of this term leads: what an event said, or else since when this page has seen it lead.
  reign: null,
  // The node's wall clock less the browser's, so that ages are right where clocks differ.
  skew: 0,
  connection: { phase: "connecting", answeredAt: null, failures: 0, retryAt: null, problem: null },
};

const listeners = [];
let pending = new Set();

export function on(parts, listener) {
  listeners.push([parts, listener]);
}

export function changed(...parts) {
  const first = pending.size === 0;
  for (const part of parts) pending.add(part);
  if (first) requestAnimationFrame(tell);
}

function tell() {
  const parts = pending;
  pending = new Set();
  for (const [wanted, listener] of listeners) if (wanted.some((part) => parts.has(part))) listener();
}

export const nodeNow = () => Date.now() + state.skew;

export function setStatus(status) {
  const before = state.status;
  state.status = status;
  state.skew = status.at_ms - Date.now();
  const at = nodeNow();
  state.latency.push({ at, median: status.commit_median_us ?? null, p99: status.commit_p99_us ?? null });
  state.latency.splice(0, Math.max(0, state.latency.length - LATENCY_MAX));
  if (before && before.boot !== status.boot) {
    note(`${status.name} started anew; what it told before belongs to its earlier run`);
  }
  setReign(before, status);
  changed("status", "latency");
}

function setReign(before, status) {
  const leader = status.leader?.id ?? null;
  if (leader === null) {
    state.reign = null;
  } else if (state.reign?.term !== status.term || state.reign.leader !== leader) {
    const watched = before !== null && (before.term !== status.term || before.leader?.id !== leader);
    state.reign = { term: status.term, leader, at: nodeNow(), exact: watched };
  }
  const told = state.events.find((event) => !event.gap && isReign(event, status.term));
  if (told && state.reign) state.reign = { ...state.reign, at: told.at_ms, exact: true };
}

const REIGNS = new Set(["became_leader", "leader_changed", "follows_leader"]);
const isReign = (event, term) => REIGNS.has(event.kind) && event.fields?.term === term;

export function setMembers(members) {
  state.members = members;
  changed("members");
}

export function setNodes(epoch, nodes) {
  state.nodes = new Map(nodes.map((node) => [node.id, node]));
  state.nodesEpoch = epoch;
  changed("nodes");
}

export function setRing(ring) {
  state.ring = ring;
  state.shares = new Map(ring.shares.map((entry) => [entry.name, entry.millionths]));
  changed("ring");
}

// A node's share in millionths; from the coarser number beside the node where the ring is not known.
export function shareOf(node) {
  const fine = state.shares.get(node.name);
  if (fine !== undefined) return fine;
  return node.ring_permille === null || node.ring_permille === undefined ? null : node.ring_permille * 1000;
}

// A number alone is not enough: the next run of the node counts from one again.
const keys = new Set();

// Takes an event in, unless the watch told it before.
export function addEvent(id, event) {
  state.lastEventId = id;
  const key = `${event.sequence} ${event.at_ms} ${event.kind}`;
  if (keys.has(key)) return false;
  keys.add(key);
  state.events.push({ ...event, key });
  for (const gone of state.events.splice(0, Math.max(0, state.events.length - EVENTS_MAX))) keys.delete(gone.key);
  if (state.status && state.reign && isReign(event, state.status.term)) setReign(state.status, state.status);
  changed("events");
  return true;
}

// Says in the list of events that some may be missing, where there were any.
export function note(text) {
  if (state.events.length === 0 || state.events.at(-1).gap === text) return;
  state.events.push({ gap: text, at_ms: nodeNow() });
  changed("events");
}

export function setConnection(parts) {
  Object.assign(state.connection, parts);
  changed("connection");
}
