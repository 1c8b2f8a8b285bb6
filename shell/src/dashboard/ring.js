// How evenly keys are spread: every node's share, the greatest first, against the mean.

import { at, draw, make, say, settle } from "./dom.js";
import { set } from "./filter.js";
import { on, state } from "./state.js";
import { count, plural, share } from "./words.js";

const HEIGHT = 72;
const WIDTH = 360;

export function begin() {
  on(["ring", "nodes"], show);
}

function show() {
  const { ring } = state;
  if (!ring) return;
  say(at("ring-hint"), `epoch ${count(ring.epoch)} · ${plural(ring.points, "point")}`);
  if (ring.shares.length === 0) {
    settle(at("ring"), [make("p", { class: "empty" }, "No node is on the ring.")]);
    return;
  }
  const shares = [...ring.shares].sort((one, other) => other.millionths - one.millionths || (one.name < other.name ? -1 : 1));
  const mean = shares.reduce((sum, each) => sum + each.millionths, 0) / shares.length;
  settle(at("ring"), [chart(shares, mean), facts(shares, mean)]);
}

function chart(shares, mean) {
  const peak = Math.max(shares[0].millionths, mean * 1.2);
  const y = (value) => HEIGHT - (value / peak) * HEIGHT;
  const wide = WIDTH / shares.length;
  const gap = wide > 4 ? 1.5 : 0;
  // One path for all bars: thousands of elements would cost more than they show.
  const bars = shares.map((each, index) => `M${(index * wide).toFixed(2)} ${HEIGHT}V${y(each.millionths).toFixed(2)}h${(wide - gap).toFixed(2)}V${HEIGHT}Z`).join("");
  const label = `Shares of ${shares.length} nodes, from ${share(shares[0].millionths)} to ${share(shares.at(-1).millionths)}, mean ${share(mean)}`;
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    draw("path", { d: bars, class: "bars" }), draw("line", { x1: 0, x2: WIDTH, y1: y(mean), y2: y(mean), class: "mean" }));
  svg.append(draw("title", {}, label));
  return svg;
}

function facts(shares, mean) {
  const ids = new Map([...state.nodes.values()].map((node) => [node.name, node.id]));
  const against = (each) => {
    const off = ((each.millionths / mean - 1) * 100).toFixed(1);
    return `${share(each.millionths)}, ${off >= 0 ? "+" : "−"}${Math.abs(off)} % of the mean`;
  };
  const named = (title, each) => {
    const id = ids.get(each.name);
    const name = id ? make("button", { type: "button", class: "name", click: () => set({ node: id }) }, each.name) : make("b", {}, each.name);
    return make("div", {}, make("dt", {}, title), make("dd", {}, name, make("small", {}, against(each))));
  };
  return make("dl", { class: "facts" }, named("Largest", shares[0]), named("Least", shares.at(-1)),
    make("div", {}, make("dt", {}, "Mean"), make("dd", {}, make("b", {}, share(mean)), make("small", {}, plural(shares.length, "node")))));
}
