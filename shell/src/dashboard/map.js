// Every node where it stands: a box per region, datacenter and rack, a cell per node, marked by its condition.
//
// One cell is a stop of the tab key; arrows walk to the others, so thousands of cells cost a keyboard one stop.

import { at, make, mark, settle } from "./dom.js";
import { filter, isFiltering, matcher, set } from "./filter.js";
import { on, state } from "./state.js";
import { CONDITIONS, plural } from "./words.js";

const DENSE_ABOVE = 400;

let cells = new Map();
let built = "";
let stop = null;

export function begin() {
  on(["nodes", "filter", "status"], show);
  at("map").addEventListener("keydown", walk);
  at("map").addEventListener("click", (clicked) => {
    const cell = clicked.target.closest(".cell");
    if (cell) set({ node: cell.dataset.id });
  });
  at("map").addEventListener("focusin", (focused) => settleStop(focused.target.closest(".cell")));
  at("legend").append(...CONDITIONS.map((condition) => make("li", {}, mark(condition), condition)),
    make("li", {}, make("span", { class: "frame", "data-log": "leader", "aria-hidden": "true" }), "leader"),
    make("li", {}, make("span", { class: "frame", "data-log": "voter", "aria-hidden": "true" }), "voter"),
    make("li", {}, make("span", { class: "frame", "data-log": "learner", "aria-hidden": "true" }), "learner"));
}

function show() {
  const nodes = [...state.nodes.values()];
  const shape = nodes.map((node) => `${node.id} ${node.name} ${node.place.region} ${node.place.datacenter} ${node.place.rack}`).join("|");
  if (shape !== built) {
    built = shape;
    build(nodes);
  }
  const matches = matcher();
  const filtering = isFiltering();
  for (const node of nodes) paint(cells.get(node.id), node, filtering && !matches(node));
}

function paint(cell, node, out) {
  const leads = state.status?.leader?.id === node.id;
  const log = leads ? "leader" : node.log === "leader" ? "voter" : node.log;
  const told = `${node.condition} ${log} ${out} ${node.id === filter.node}`;
  if (cell.told === told) return;
  cell.told = told;
  cell.firstChild.dataset.condition = node.condition;
  cell.dataset.log = log ?? "none";
  cell.classList.toggle("out", out);
  cell.classList.toggle("open", node.id === filter.node);
  const name = `${node.name}, ${node.id}, ${node.condition}${log ? `, ${log}` : ""}`;
  cell.setAttribute("aria-label", name);
  cell.title = name;
}

// Groups in the order of their names, each with how many of its nodes are not healthy.
function grouped(nodes, key) {
  const groups = Map.groupBy ? Map.groupBy(nodes, key) : groupBy(nodes, key);
  return [...groups].sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true }));
}

function groupBy(nodes, key) {
  const groups = new Map();
  for (const node of nodes) groups.set(key(node), [...(groups.get(key(node)) ?? []), node]);
  return groups;
}

function build(nodes) {
  const focused = document.activeElement?.closest(".cell")?.dataset.id;
  cells = new Map();
  at("map").classList.toggle("dense", nodes.length > DENSE_ABOVE);
  const regions = grouped(nodes, (node) => node.place.region).map(([region, inRegion]) =>
    make("section", { class: "region", "aria-label": `Region ${region}` },
      make("h3", {}, region, make("small", {}, plural(inRegion.length, "node"))),
      make("div", { class: "datacenters" }, ...grouped(inRegion, (node) => node.place.datacenter).map(datacenter))));
  settle(at("map"), regions.length > 0 ? regions : [make("p", { class: "empty" }, "No node is registered.")]);
  const first = cells.values().next().value ?? null;
  settleStop(cells.get(stop?.dataset.id) ?? first);
  if (focused) cells.get(focused)?.focus();
}

function datacenter([name, nodes]) {
  const racks = grouped(nodes, (node) => node.place.rack).map(([rack, inRack]) =>
    make("div", { class: "rack", role: "group", "aria-label": `Rack ${rack}` }, make("span", { class: "rack-name" }, rack),
      make("div", { class: "cells" }, ...inRack.map(cellOf))));
  return make("div", { class: "datacenter", role: "group", "aria-label": `Datacenter ${name}` }, make("h4", {}, name), make("div", { class: "racks" }, ...racks));
}

function cellOf(node) {
  const cell = make("button", { type: "button", class: "cell", tabindex: "-1", "data-id": node.id }, mark(node.condition));
  cells.set(node.id, cell);
  return cell;
}

function settleStop(cell) {
  if (!cell) return;
  stop?.setAttribute("tabindex", "-1");
  stop = cell;
  stop.setAttribute("tabindex", "0");
}

// Left and right follow the order of the map; up and down go to the cell that is nearest in that direction.
function walk(pressed) {
  const from = pressed.target.closest(".cell");
  if (!from) return;
  const all = [...cells.values()];
  const index = all.indexOf(from);
  const to = {
    ArrowRight: () => all[index + 1],
    ArrowLeft: () => all[index - 1],
    Home: () => all[0],
    End: () => all.at(-1),
    ArrowDown: () => nearest(from, all, 1),
    ArrowUp: () => nearest(from, all, -1),
  }[pressed.key];
  if (!to) return;
  pressed.preventDefault();
  to()?.focus();
}

function nearest(from, all, direction) {
  const here = from.getBoundingClientRect();
  let best = null;
  let least = Infinity;
  for (const cell of all) {
    const there = cell.getBoundingClientRect();
    const down = (there.top - here.top) * direction;
    if (down < 4) continue;
    const far = down + Math.abs(there.left - here.left) * 2;
    if (far < least) [best, least] = [cell, far];
  }
  return best;
}
