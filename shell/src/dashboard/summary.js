// The first line: who leads, how far the topology is, how nodes fare, and how long a commit takes.

import { at, draw, make, mark, say, settle } from "./dom.js";
import { filter, toggleCondition } from "./filter.js";
import { nodeNow, on, state } from "./state.js";
import { CONDITIONS, called, clock, count, micros, plural, span } from "./words.js";

const chips = new Map();
// A minute of looks, so that the first few do not fill the width.
const LOOKS_MIN = 30;
const SPARK = { width: 300, height: 44 };

export function begin() {
  for (const condition of CONDITIONS) chips.set(condition, chip(condition));
  at("conditions").append(make("div", { class: "share-bar", "aria-hidden": "true" }), make("div", { class: "chips" }, ...chips.values()));
  for (const condition of CONDITIONS) at("conditions").firstChild.append(make("i", { "data-condition": condition }));
  on(["status", "filter"], show);
  on(["status", "events"], leader);
  on(["latency"], latency);
  setInterval(leader, 1_000);
}

function chip(condition) {
  return make("button", { type: "button", class: "chip", "data-condition": condition, "aria-pressed": "false", click: () => toggleCondition(condition) },
    mark(condition), make("b", {}, "–"), make("span", {}, condition));
}

function show() {
  const { status } = state;
  if (!status) return;
  document.title = `${status.cluster} · Delian`;
  say(at("cluster"), status.cluster);
  say(at("asked"), status.name);
  say(at("asked-more"), `${status.id} · ${status.role} · up ${span(status.up_ms)}`);
  say(at("epoch"), count(status.epoch));
  say(at("epoch-more"), `commit ${count(status.commit)}`);
  say(at("registered"), count(status.members));
  for (const [condition, element] of chips) {
    const nodes = status.conditions[condition] ?? 0;
    say(element.children[1], count(nodes));
    element.classList.toggle("none", nodes === 0);
    element.setAttribute("aria-pressed", filter.conditions.has(condition));
    const part = at("conditions").firstChild.querySelector(`[data-condition=${condition}]`);
    part.hidden = nodes === 0;
    part.style.flexGrow = nodes;
  }
  say(at("foot"), `Delian ${status.version} · ${status.name} ${status.id}, run ${status.boot} · feature level ${status.level} · log ${status.snapshot.toLocaleString("en")} – ${status.last.toLocaleString("en")}`);
}

function leader() {
  const { status, reign } = state;
  if (!status) return;
  say(at("leader"), status.leader ? called(status.leader) : "nobody");
  at("leader").dataset.nobody = !status.leader;
  if (!reign) {
    say(at("leader-more"), `term ${count(status.term)}`);
    return;
  }
  const age = span(nodeNow() - reign.at).replace(/(\.\d s|\d+ ms)$/, (tail) => (tail.endsWith("ms") ? "0 s" : " s"));
  const since = reign.exact ? `since ${clock(reign.at)}, ${age}` : `for ${age} at least`;
  say(at("leader-more"), `${reign.leader} · term ${count(reign.term)} · ${since}`);
}

function latency() {
  const { status, latency: told } = state;
  say(at("median"), micros(status.commit_median_us));
  say(at("p99"), micros(status.commit_p99_us));
  settle(at("spark"), [spark(told)]);
}

// Median and 99th percentile since the page was opened. Where nothing is known the line breaks.
function spark(told) {
  const peak = Math.max(1, ...told.map((each) => each.p99 ?? each.median ?? 0));
  const x = (index) => SPARK.width - (told.length - 1 - index) * (SPARK.width / (Math.max(LOOKS_MIN, told.length) - 1));
  const y = (value) => SPARK.height - 2 - (value / peak) * (SPARK.height - 6);
  const path = (key) => {
    let drawn = "";
    told.forEach((each, index) => {
      if (each[key] === null) return;
      const begins = index === 0 || told[index - 1][key] === null;
      drawn += `${begins ? "M" : "L"}${x(index).toFixed(1)} ${y(each[key]).toFixed(1)}`;
    });
    return drawn;
  };
  const minutes = told.length > 1 ? span(told.at(-1).at - told[0].at) : "the last moment";
  const label = `Commit latency over ${minutes}, up to ${micros(peak)}: ${plural(told.length, "look")}`;
  return draw("svg", { viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    draw("line", { x1: 0, x2: SPARK.width, y1: SPARK.height - 1, y2: SPARK.height - 1, class: "axis" }),
    draw("path", { d: path("p99"), class: "p99" }), draw("path", { d: path("median"), class: "median" }));
}
