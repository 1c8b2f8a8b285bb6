// The table of registered nodes. Only rows that can be seen are in the document, so thousands scroll as well as ten.

import { at, make, mark, say, settle } from "./dom.js";
import { filter, isFiltering, matcher, set } from "./filter.js";
import { on, shareOf, state } from "./state.js";
import { count, percent, place, rank, share } from "./words.js";

// The height that the style gives a row, in pixels; both must agree.
const ROW = 32;
const BEYOND = 8;

// One collator for all: to make one per comparison, as `localeCompare` does, costs a frame at thousands of rows.
const collator = new Intl.Collator("en", { numeric: true });
const text = (one, other) => collator.compare(one ?? "", other ?? "");
const COLUMNS = [
  { key: "condition", title: "Condition", order: (one, other) => rank(one.condition) - rank(other.condition) },
  { key: "name", title: "Name", order: (one, other) => text(other.name, one.name) },
  { key: "id", title: "Id", order: (one, other) => text(other.id, one.id) },
  { key: "place", title: "Place", order: (one, other) => text(place(other), place(one)) },
  { key: "pool", title: "Pool", order: (one, other) => text(other.pool, one.pool) },
  { key: "log", title: "Log", order: (one, other) => text(one.log, other.log) },
  { key: "share", title: "Ring", order: (one, other) => (shareOf(one) ?? -1) - (shareOf(other) ?? -1) },
  { key: "since", title: "Since", order: (one, other) => one.since_epoch - other.since_epoch },
  { key: "cause", title: "Because", order: (one, other) => text(other.cause, one.cause) },
];

const made = new Map();
let shown = [];
let greatest = 1;
let active = null;
let body;
let above;
let below;
let heads;
let drawing = false;

export function begin() {
  heads = COLUMNS.map((column) => make("th", { scope: "col", class: `c-${column.key}` },
    make("button", { type: "button", click: () => sortBy(column.key) }, column.title)));
  above = make("tbody", { class: "room", "aria-hidden": "true" }, make("tr", {}, make("td", { colspan: COLUMNS.length })));
  below = above.cloneNode(true);
  body = make("tbody", {});
  const table = make("table", {}, make("caption", { class: "unseen" }, "Registered nodes"), make("thead", {}, make("tr", {}, ...heads)), above, body, below);
  at("nodes").append(table);
  at("nodes").addEventListener("scroll", later, { passive: true });
  new ResizeObserver(later).observe(at("nodes"));
  body.addEventListener("keydown", walk);
  body.addEventListener("focusin", (focused) => { active = focused.target.closest("tr")?.dataset.id ?? active; });
  body.addEventListener("click", (clicked) => {
    const id = clicked.target.closest("tr")?.dataset.id;
    if (id) set({ node: id });
  });
  on(["nodes", "filter", "ring", "status"], show);
}

function sortBy(key) {
  set(filter.sort === key ? { down: !filter.down } : { sort: key, down: true });
}

function show() {
  if (!state.nodesEpoch && state.nodes.size === 0) return;
  const column = COLUMNS.find((each) => each.key === filter.sort) ?? COLUMNS[0];
  const sign = filter.down ? -1 : 1;
  shown = [...state.nodes.values()].filter(matcher());
  shown.sort((one, other) => sign * column.order(one, other) || text(one.name, other.name) || text(one.id, other.id));
  greatest = Math.max(1, ...[...state.nodes.values()].map((node) => shareOf(node) ?? 0));
  COLUMNS.forEach((each, index) => {
    if (each === column) heads[index].setAttribute("aria-sort", filter.down ? "descending" : "ascending");
    else heads[index].removeAttribute("aria-sort");
  });
  at("nodes").firstChild.setAttribute("aria-rowcount", shown.length + 1);
  const all = state.nodes.size;
  say(at("nodes-hint"), isFiltering() ? `${count(shown.length)} of ${count(all)}` : `${count(all)} registered`);
  say(at("found"), isFiltering() ? `${count(shown.length)} of ${count(all)} nodes` : "");
  at("clear").hidden = !isFiltering();
  drawRows();
}

function later() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawRows();
  });
}

function drawRows() {
  const room = at("nodes");
  const first = Math.max(0, Math.floor(room.scrollTop / ROW) - BEYOND);
  const last = Math.min(shown.length, Math.ceil((room.scrollTop + room.clientHeight) / ROW) + BEYOND);
  above.style.height = `${first * ROW}px`;
  below.style.height = `${(shown.length - last) * ROW}px`;
  const hadFocus = body.contains(document.activeElement);
  const rows = shown.slice(first, last).map((node, index) => rowOf(node, first + index));
  settle(body, rows.length > 0 || state.nodes.size === 0 ? rows : [empty]);
  for (const [id, row] of made) if (!row.isConnected) made.delete(id);
  const stop = made.get(active) ?? rows[0];
  for (const row of rows) row.querySelector("button")?.setAttribute("tabindex", row === stop ? "0" : "-1");
  if (hadFocus && !body.contains(document.activeElement)) made.get(active)?.querySelector("button").focus({ preventScroll: true });
}

const empty = make("tr", { class: "none" }, make("td", { colspan: COLUMNS.length }, "No node is like that."));

function rowOf(node, index) {
  let row = made.get(node.id);
  if (!row) {
    row = make("tr", { "data-id": node.id });
    made.set(node.id, row);
  }
  const millionths = shareOf(node);
  const leads = state.status?.leader?.id === node.id;
  const log = leads ? "leader" : node.log === "leader" ? "voter" : node.log;
  const told = JSON.stringify([node.name, node.condition, node.cause, node.since_epoch, node.pool, log, millionths, greatest, node.place, node.drain, node.tags]);
  row.setAttribute("aria-rowindex", index + 2);
  row.classList.toggle("open", node.id === filter.node);
  if (row.told !== told) {
    row.told = told;
    fill(row, node, millionths, log);
  }
  return row;
}

function fill(row, node, millionths, log) {
  row.dataset.condition = node.condition;
  const name = row.querySelector("button") ?? make("button", { type: "button", class: "name", tabindex: "-1" });
  say(name, node.name);
  const bar = make("i", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--part", millionths === null ? 0 : millionths / greatest);
  const drained = node.drain ? `, ${percent(node.drain.moved_permille)} moved` : "";
  const cells = {
    condition: [mark(node.condition), make("span", { class: "word" }, node.condition)],
    name: [name],
    id: [node.id],
    place: [place(node)],
    pool: [node.pool ?? "–"],
    log: [log ?? "–"],
    share: [make("div", { class: "part" }, make("span", {}, share(millionths)), bar)],
    since: [count(node.since_epoch)],
    cause: [`${node.cause}${drained}`],
  };
  const hadFocus = document.activeElement === name;
  row.replaceChildren(...COLUMNS.map(({ key }) => make("td", { class: `c-${key}`, title: key === "cause" || key === "place" ? cells[key][0] : null }, ...cells[key])));
  row.querySelector(".c-pool").dataset.pool = node.pool ?? "unknown";
  row.querySelector(".c-log").dataset.log = log ?? "none";
  if (hadFocus) name.focus({ preventScroll: true });
}

// Arrows walk along all rows, those that are not drawn too.
function walk(pressed) {
  const page = Math.max(1, Math.floor(at("nodes").clientHeight / ROW) - 2);
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[pressed.key];
  if (step === undefined || shown.length === 0) return;
  pressed.preventDefault();
  const from = shown.findIndex((node) => node.id === active);
  const to = Math.max(0, Math.min(shown.length - 1, from + step));
  active = shown[to].id;
  const room = at("nodes");
  const head = heads[0].offsetHeight;
  if (to * ROW < room.scrollTop) room.scrollTop = to * ROW;
  else if ((to + 1) * ROW + head > room.scrollTop + room.clientHeight) room.scrollTop = (to + 1) * ROW + head - room.clientHeight;
  drawRows();
  made.get(active)?.querySelector("button").focus({ preventScroll: true });
}
