// What is looked for, and the fragment of the address that says so, so that a view can be shared as a link.

import { changed } from "./state.js";
import { CONDITIONS, place } from "./words.js";

export const filter = { q: "", conditions: new Set(), sort: "condition", down: true, node: null, level: "info", text: "" };

const LOADED = { ...filter, conditions: undefined };

export function read() {
  const said = new URLSearchParams(location.hash.slice(1));
  filter.q = said.get("q") ?? "";
  filter.conditions = new Set((said.get("condition") ?? "").split(",").filter((word) => CONDITIONS.includes(word)));
  filter.sort = said.get("sort") ?? LOADED.sort;
  filter.down = (said.get("dir") ?? "down") === "down";
  filter.node = said.get("node");
  filter.level = said.get("level") ?? LOADED.level;
  filter.text = said.get("events") ?? "";
  changed("filter", "panel");
}

// Changes what is looked for. To open a node is a step that "back" undoes; a letter typed is none.
export function set(parts) {
  const opens = "node" in parts && parts.node !== filter.node;
  Object.assign(filter, parts);
  const said = new URLSearchParams();
  const put = (key, value, usual) => { if (value !== usual && value !== null) said.set(key, value); };
  put("q", filter.q, "");
  put("condition", [...filter.conditions].join(","), "");
  put("sort", filter.sort, LOADED.sort);
  put("dir", filter.down ? "down" : "up", "down");
  put("level", filter.level, LOADED.level);
  put("events", filter.text, "");
  put("node", filter.node, null);
  const hash = `#${said}`;
  if (hash !== (location.hash || "#")) history[opens ? "pushState" : "replaceState"](null, "", hash);
  changed("filter");
  if (opens) changed("panel");
}

export const isFiltering = () => filter.q.trim() !== "" || filter.conditions.size > 0;

export function toggleCondition(condition) {
  const conditions = new Set(filter.conditions);
  if (!conditions.delete(condition)) conditions.add(condition);
  set({ conditions });
}

const FIELDS = {
  id: (node) => node.id,
  name: (node) => node.name,
  condition: (node) => node.condition,
  region: (node) => node.place.region,
  datacenter: (node) => node.place.datacenter,
  rack: (node) => node.place.rack,
  place: (node) => place(node),
  tag: (node) => tags(node),
  pool: (node) => node.pool ?? "unknown",
  log: (node) => node.log ?? "outside",
};

const tags = (node) => Object.entries(node.tags).map(([key, value]) => `${key}=${value}`).join(" ");

// Every word must be found somewhere; `field:word` looks in one field alone.
export function matcher() {
  const words = filter.q.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const asked = words.map((word) => {
    const [field, ...rest] = word.split(":");
    return field in FIELDS && rest.length > 0 ? { look: FIELDS[field], word: rest.join(":") } : { look: null, word };
  });
  const { conditions } = filter;
  return (node) => {
    if (conditions.size > 0 && !conditions.has(node.condition)) return false;
    if (asked.length === 0) return true;
    const all = [node.id, node.name, node.condition, place(node), tags(node), node.address, node.log ?? ""].join(" ").toLowerCase();
    return asked.every(({ look, word }) => (look ? look(node).toLowerCase() : all).includes(word));
  };
}
