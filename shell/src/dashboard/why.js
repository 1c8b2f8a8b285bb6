// Why a node is held to be what it is: the evidence of the asked node, in lines, along time, and in numbers.

import { Refused, ask } from "./api.js";
import { at, draw, link, make, mark, row, say, settle } from "./dom.js";
import { entry } from "./events.js";
import { filter, set } from "./filter.js";
import { nodeNow, on, state } from "./state.js";
import { SEVERITIES, bytes, called, clock, count, day, percent, permille, place, share, span } from "./words.js";
import { shareOf } from "./state.js";

const REFRESH_INTERVAL = 2_000;
const EVENTS_SHOWN = 12;
const LOOK_BACK = 15 * 60_000;
const AXIS = { width: 400, height: 58, line: 30 };

let open = null;
let told = null;
let cameFrom = null;
let asking = 0;

export function begin() {
  on(["panel"], follow);
  on(["nodes", "events"], () => { if (open && told) ask_(); });
  on(["connection"], () => { at("why").dataset.stale = state.connection.phase !== "live"; });
  setInterval(() => { if (open && state.connection.phase === "live" && !document.hidden) ask_(); }, REFRESH_INTERVAL);
  document.addEventListener("keydown", (pressed) => {
    if (pressed.key === "Escape" && open && pressed.target.tagName !== "INPUT") close();
  });
}

const close = () => set({ node: null });

function follow() {
  if (filter.node === open) return;
  if (filter.node === null) {
    open = null;
    at("why").hidden = true;
    document.body.classList.remove("beside");
    // The element may be gone meanwhile, or drawn anew: the search is a place that always is.
    (cameFrom?.isConnected ? cameFrom : at("find")).focus({ preventScroll: true });
    return;
  }
  if (open === null) cameFrom = document.activeElement;
  open = filter.node;
  told = null;
  document.body.classList.add("beside");
  at("why").hidden = false;
  frame();
  at("why-title").focus({ preventScroll: true });
  ask_();
}

function frame() {
  const node = state.nodes.get(open);
  at("why").replaceChildren(
    make("header", {}, make("h2", { id: "why-title", tabindex: "-1" }, called(node ?? { id: open })), make("small", {}, open),
      make("button", { type: "button", class: "plain", click: close, "aria-label": "Close" }, "Close ", make("kbd", {}, "Esc"))),
    make("div", { class: "why-body" }, make("p", { class: "quiet" }, "Asking the node for its evidence.")));
}

async function ask_() {
  const id = open;
  const number = ++asking;
  let parts;
  try {
    told = await ask(`/v1/nodes/${encodeURIComponent(id)}/why`);
    parts = () => contents(told);
  } catch (error) {
    if (error instanceof Refused && error.status !== 404) parts = () => [make("p", { class: "quiet" }, error.message)];
    else if (error instanceof Refused) parts = () => [make("p", { class: "quiet" }, "It is not registered. What happened to it is below."), ...history(id)];
    else if (told) return;
    else parts = () => [make("p", { class: "quiet" }, "The node that is asked does not answer.")];
  }
  if (id !== open || number !== asking) return;
  const body = at("why").querySelector(".why-body");
  // What is read or held by the keyboard in it is not replaced under the reader.
  if (body.contains(document.activeElement) || (!getSelection().isCollapsed && body.contains(getSelection().anchorNode))) return;
  if (told) say(at("why-title"), told.node.name);
  const scrolled = at("why").scrollTop;
  body.replaceChildren(...parts());
  at("why").scrollTop = scrolled;
}

function contents(why) {
  const { node } = why;
  return [
    make("p", { class: "verdict", "data-condition": node.condition }, mark(node.condition), make("b", {}, node.condition),
      make("span", {}, `since epoch ${count(node.since_epoch)}: ${node.cause}`)),
    ...drain(node),
    make("h3", {}, "Evidence"),
    make("ul", { class: "lines" }, ...why.lines.map((line) => make("li", {}, line))),
    axis(why),
    make("h3", {}, `As ${called(state.nodes.get(why.asked) ?? { id: why.asked })} sees it`),
    ...seen(why),
    ...history(node.id),
    make("h3", {}, "Registration"),
    registration(node),
  ];
}

function drain(node) {
  if (!node.drain) return [];
  const meter = make("meter", { min: 0, max: 1000, value: node.drain.moved_permille, "aria-label": "moved" });
  const within = node.drain.within_ms === null || node.drain.within_ms === undefined ? "without a limit" : `within ${span(node.drain.within_ms)}`;
  return [make("p", { class: "drain" }, meter, `${percent(node.drain.moved_permille)} of what it held is elsewhere; it may take ${within}`)];
}

function seen(why) {
  if (!why.watches) return [make("p", { class: "quiet" }, "It hears no heartbeats, so it knows what was agreed on and no more.")];
  const rows = [
    ["Last heartbeat", why.heartbeat_age_ms, (age) => `${span(age)} ago${why.heartbeat_sequence === null ? "" : `, number ${count(why.heartbeat_sequence)}`}`],
    ["Gave itself", why.reported_permille, permille],
    ["Counts for", why.effective_permille, permille],
    ["Silence", why.silence_level, (level) => `level ${level}`],
    ["Failure detector", why.reach, String],
    ["Finding", why.finding, (finding) => `${finding}${why.finding_cause ? `: ${why.finding_cause}` : ""}`],
    ["Good news held for", why.held_for_ms, span],
    ["Bad news", why.withheld ? true : null, () => "withheld, for too many are silent at once"],
    ["Removal proposed in", why.removed_in_ms, span],
  ];
  return [make("dl", { class: "pairs" }, ...rows.filter(([, value]) => value !== null && value !== undefined).flatMap(([term, value, word]) => row(term, word(value))))];
}

function registration(node) {
  const tags = Object.entries(node.tags).map(([key, value]) => make("code", {}, `${key}=${value}`));
  return make("dl", { class: "pairs" },
    ...row("Place", place(node)), ...row("Address", `${node.address}:${node.port}`),
    ...row("Storage", `${bytes(node.total_bytes)}, ${bytes(node.free_bytes)} free at registration`),
    ...row("Ring", share(shareOf(node))), ...row("Log", node.log ?? "outside"), ...row("Pool", node.pool ?? "–"),
    ...row("Registered", `${day(node.registered_at_ms)}, epoch ${count(node.registered_epoch)}`),
    ...row("Tags", tags.length > 0 ? make("span", { class: "tags" }, ...tags) : "–"),
    ...row("API", node.api ? link(node.api, node.api) : "–"));
}

const eventsOf = (id) => state.events.filter((event) => !event.gap && event.node === id);

function history(id) {
  const events = eventsOf(id).slice(-EVENTS_SHOWN).reverse();
  if (events.length === 0) return [];
  return [make("h3", {}, "What happened to it"), make("ol", { class: "list short" }, ...events.map(entry))];
}

// A line from the events that are remembered, over the last heartbeat and the present, to a removal that may come.
function axis(why) {
  const now = nodeNow();
  const events = eventsOf(why.node.id).filter((event) => event.at_ms > now - LOOK_BACK);
  const beat = why.heartbeat_age_ms === null || why.heartbeat_age_ms === undefined ? null : now - why.heartbeat_age_ms;
  const removal = why.removed_in_ms === null || why.removed_in_ms === undefined ? null : now + why.removed_in_ms;
  const from = Math.min(now - 60_000, beat ?? now, ...events.map((event) => event.at_ms));
  const to = Math.max(now + (now - from) * 0.08, removal ?? now);
  const x = (moment) => 8 + ((moment - from) / (to - from)) * (AXIS.width - 16);
  const y = AXIS.line;
  const svg = draw("svg", { class: "axis-of", viewBox: `0 0 ${AXIS.width} ${AXIS.height}`, role: "img",
    "aria-label": [`${events.length} events since ${clock(from)}`, beat === null ? "no heartbeat" : `last heartbeat ${span(now - beat)} ago`, removal === null ? "no removal is due" : `removal in ${span(removal - now)}`].join(", ") });
  svg.append(draw("line", { x1: 8, x2: x(now), y1: y, y2: y, class: "axis" }));
  if (removal !== null) svg.append(draw("line", { x1: x(now), x2: x(removal), y1: y, y2: y, class: "axis ahead" }), draw("path", { d: `M${x(removal) - 5} ${y - 5}l10 10m0 -10l-10 10`, class: "removal" }));
  if (beat !== null) svg.append(draw("line", { x1: x(beat), x2: x(now), y1: y, y2: y, class: "silence", "data-level": why.silence_level ?? 0 }), draw("circle", { cx: x(beat), cy: y, r: 4.5, class: "beat-dot" }));
  for (const event of events) svg.append(draw("rect", { x: x(event.at_ms) - 1.5, y: y - 12, width: 3, height: 24, rx: 1, "data-severity": SEVERITIES.includes(event.severity) ? event.severity : "info" }, draw("title", {}, `${clock(event.at_ms)} ${event.text}`)));
  svg.append(draw("line", { x1: x(now), x2: x(now), y1: y - 16, y2: y + 16, class: "present" }));
  const label = (moment, top, words, anchor) => svg.append(draw("text", { x: x(moment), y: top, "text-anchor": anchor }, words));
  label(from, 54, clock(from), "start");
  label(now, 54, removal === null ? "present" : "present", removal === null || x(now) > 330 ? "end" : "middle");
  if (beat !== null) label(Math.max(beat, from), 11, `heartbeat ${span(now - beat)} ago`, x(beat) > 200 ? "end" : "start");
  if (removal !== null) label(removal, 11, `removal in ${span(removal - now)}`, "end");
  return svg;
}
