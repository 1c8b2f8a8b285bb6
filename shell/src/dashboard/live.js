// Keeps what is held as fresh as the node allows, and knows when it is not.
//
// The watch is opened first and the documents are read after, so that no event falls between the two. An event says that
// something changed, the documents say what; both are asked for again until the node answers, however long that takes.

import { Refused, ask, askNodes, openWatch } from "./api.js";
import { addEvent, note, setConnection, setMembers, setNodes, setRing, setStatus, state } from "./state.js";

const POLL_INTERVAL = 2_000;
const MEMBERS_INTERVAL = 10_000;
const REFRESH_INTERVAL = 300;
const RETRY_MIN = 500;
const RETRY_MAX = 5_000;

let ended = null;
let wake = null;

export async function live() {
  let retry = RETRY_MIN;
  for (;;) {
    ended = new AbortController();
    let again = retry;
    try {
      const watch = await openWatch(state.lastEventId, ended.signal);
      const reading = watch.read(take);
      // It may fail while the documents are read; it is awaited below, which is where that is heard of.
      reading.catch(() => {});
      const boot = state.status?.boot;
      await loadAll();
      retry = RETRY_MIN;
      again = RETRY_MIN;
      if (boot !== undefined && boot !== state.status.boot) {
        // Its numbers mean something else in this run, so what was asked for after the last one may skip some.
        state.lastEventId = "0:0";
        ended.abort();
        continue;
      }
      setConnection({ phase: "live", failures: 0, retryAt: null, problem: null });
      const stop = keepFresh();
      try {
        await reading;
      } finally {
        stop();
      }
      setConnection({ phase: "reconnecting" });
    } catch (error) {
      again = fail(error, retry);
      retry = Math.min(RETRY_MAX, retry * 2);
    }
    ended.abort();
    await pause(again);
  }
}

// Tries again at once: a token came, or somebody asked for it.
export function retryNow() {
  wake?.();
}

function fail(error, wait) {
  const { failures } = state.connection;
  // Jitter, so that the pages of many do not all ask in the same moment when a node comes back.
  let again = wait * (0.75 + Math.random() / 2);
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
    again = Infinity;
    setConnection({ phase: "token", failures: 0, retryAt: null, problem: error.message });
  } else if (error instanceof Refused) {
    again = Math.max(again, error.retryAfter ?? 0);
    setConnection({ phase: "reconnecting", failures: failures + 1, retryAt: Date.now() + again, problem: error.message });
  } else {
    setConnection({ phase: "reconnecting", failures: failures + 1, retryAt: Date.now() + again, problem: null });
  }
  return again;
}

function pause(ms) {
  return new Promise((resolve) => {
    const timer = ms === Infinity ? null : setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

// A document that another is compared with is read first: the status, so that a later epoch of the rest is no surprise.
async function loadAll() {
  answered(setStatus, await ask("/v1/status"));
  await Promise.all([loadNodes(), loadMembers(), loadRing()]);
}

function answered(set, document) {
  set(document);
  setConnection({ answeredAt: Date.now() });
}

async function loadNodes() {
  const told = await askNodes();
  answered(() => setNodes(told.epoch, told.nodes), told);
}

const loadMembers = async () => answered(setMembers, await ask("/v1/members"));
const loadRing = async () => answered(setRing, await ask("/v1/ring"));

function take({ id, event, data }) {
  if (event === "reset") {
    state.lastEventId = "0:0";
    note("the node forgot what came between; events may be missing here");
    refresh(true);
    return;
  }
  if (event === "cut") {
    note("the node cut the watch, for it was read too slowly");
    ended.abort();
    return;
  }
  let document;
  try {
    document = JSON.parse(data);
  } catch {
    return; // No event: a later release may say what this page cannot read.
  }
  if (typeof document?.sequence !== "number" || !addEvent(id ?? state.lastEventId, document)) return;
  if (document.severity !== "routine" && state.connection.phase === "live") refresh(false);
}

let wanted = null;
let refreshing = false;

// Reads the documents anew, at most once at a time and not all the time: the next round waits three times as long as the
// last one took, so that a federation of thousands in uproar is not asked to death.
async function refresh(everything) {
  wanted = wanted || everything;
  if (refreshing) return;
  refreshing = true;
  try {
    while (wanted !== null) {
      const all = wanted;
      wanted = null;
      const began = performance.now();
      answered(setStatus, await ask("/v1/status"));
      const stale = all || state.status.ring?.epoch !== state.ring?.epoch;
      await Promise.all([loadNodes(), loadMembers(), stale ? loadRing() : null]);
      await pauseQuietly(Math.max(REFRESH_INTERVAL, 3 * (performance.now() - began)));
    }
  } catch (error) {
    giveUp(error);
  } finally {
    refreshing = false;
    wanted = null;
  }
}

const pauseQuietly = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What no event tells is asked for: commit positions, latency, the pool, and whether the node still answers at all.
function keepFresh() {
  let membersAt = Date.now();
  let busy = false;
  const poll = async () => {
    if (busy || refreshing) return;
    busy = true;
    try {
      answered(setStatus, await ask("/v1/status"));
      if (Date.now() - membersAt > MEMBERS_INTERVAL) {
        membersAt = Date.now();
        await Promise.all([loadMembers(), loadNodes()]);
      } else if (state.status.epoch !== state.nodesEpoch) {
        refresh(false);
      }
    } catch (error) {
      giveUp(error);
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(poll, POLL_INTERVAL);
  return () => clearInterval(timer);
}

// A node that turns a question away for a while is alive; everything else ends the watch, and all begins anew.
function giveUp(error) {
  if (error instanceof Refused && (error.status === 429 || error.status === 503)) return;
  ended.abort();
}
