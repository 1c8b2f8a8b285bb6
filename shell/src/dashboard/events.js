// What happened, the latest first. A reader who pauses it reads in peace; what comes meanwhile is counted.

import { at, draw, make, say, settle } from "./dom.js";
import { filter, set } from "./filter.js";
import { nodeNow, on, state } from "./state.js";
import { SEVERITIES, clock, plural } from "./words.js";

const ROWS_MAX = 200;
const DENSITY_SPAN = 15 * 60_000;
const DENSITY_PARTS = 60;

let paused = null;
const made = new Map();

export function begin() {
  on(["events", "filter"], show);
  setInterval(density, 5_000);
  at("level").addEventListener("change", () => set({ level: at("level").value }));
  at("event-text").addEventListener("input", () => set({ text: at("event-text").value }));
  at("pause").addEventListener("click", () => {
    paused = paused === null ? [...state.events] : null;
    at("pause").setAttribute("aria-pressed", paused !== null);
    show();
  });
}

const least = () => Math.max(0, SEVERITIES.indexOf(filter.level));

function show() {
  at("level").value = SEVERITIES[least()];
  if (at("event-text").value !== filter.text) at("event-text").value = filter.text;
  const word = filter.text.trim().toLowerCase();
  const passes = (event) => event.gap || (SEVERITIES.indexOf(event.severity) >= least() &&
    (word === "" || `${event.kind} ${event.text} ${event.node ?? ""}`.toLowerCase().includes(word)));
  const source = paused ?? state.events;
  const rows = source.filter(passes).slice(-ROWS_MAX).reverse();
  const last = paused?.at(-1);
  const missed = paused === null ? 0 : state.events.length - 1 - state.events.lastIndexOf(last);
  say(at("pause"), paused === null ? "Pause" : missed > 0 ? `Go on, ${plural(missed, "new one")}` : "Go on");
  settle(at("events"), rows.length > 0 ? rows.map(rowOf) : [empty]);
  for (const event of made.keys()) if (!made.get(event).isConnected) made.delete(event);
  density();
}

const empty = make("li", { class: "empty" }, "Nothing of that kind has been told.");

function rowOf(event) {
  let row = made.get(event);
  if (!row) {
    row = event.gap ? make("li", { class: "gap" }, event.gap) : entry(event);
    made.set(event, row);
  }
  return row;
}

export function entry(event) {
  const severity = SEVERITIES.includes(event.severity) ? event.severity : "info";
  const sentence = event.node && state.nodes.has(event.node)
    ? make("button", { type: "button", class: "sentence", click: () => set({ node: event.node }) }, event.text)
    : make("span", { class: "sentence" }, event.text);
  return make("li", { "data-severity": severity },
    make("span", { class: "severity", title: severity }, make("span", { class: "unseen" }, `${severity}: `)),
    make("time", { datetime: new Date(event.at_ms).toISOString() }, clock(event.at_ms)), sentence,
    make("small", {}, `${event.kind.replaceAll("_", " ")} · epoch ${event.epoch}`));
}

// How much happened when, over the last quarter of an hour.
function density() {
  const end = nodeNow();
  const parts = Array.from({ length: DENSITY_PARTS }, () => ({ count: 0, worst: 0 }));
  for (const event of state.events) {
    const part = parts[DENSITY_PARTS - 1 - Math.floor(((end - event.at_ms) / DENSITY_SPAN) * DENSITY_PARTS)];
    if (!part || event.gap) continue;
    part.count += 1;
    part.worst = Math.max(part.worst, SEVERITIES.indexOf(event.severity));
  }
  const bars = parts.flatMap(({ count, worst }, index) => {
    const tall = Math.min(24, 4 + count * 4);
    return count === 0 ? [] : [draw("rect", { x: index * 6, y: 24 - tall, width: 4.5, height: tall, rx: 1, "data-severity": SEVERITIES[worst] })];
  });
  const label = `${plural(bars.length, "busy quarter of a minute")} in the last 15 minutes`.replace("minutes in", "minute in");
  settle(at("density"), [draw("svg", { viewBox: "0 0 360 24", preserveAspectRatio: "none", role: "img", "aria-label": label }, draw("line", { x1: 0, x2: 360, y1: 23.5, y2: 23.5, class: "axis" }), ...bars),
    make("p", { "aria-hidden": "true" }, make("span", {}, "15 min ago"), make("span", {}, "at present"))]);
}
