// Elements made by calls alone. Whatever a document says becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const at = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const make = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
export const draw = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

// Writes only what differs, so that what is read aloud or selected is not disturbed without need.
export function say(element, text) {
  const told = text === null || text === undefined ? "–" : String(text);
  if (element.textContent !== told) element.textContent = told;
}

// The mark of a condition: its shape differs, not its colour alone. The word stands beside it or in `label`.
export const mark = (condition) => make("span", { class: "mark", "data-condition": condition ?? "unknown", "aria-hidden": "true" });

export const row = (term, told) => [make("dt", {}, term), make("dd", {}, told)];

// A link to an address that came from a document. Only the web is linked to; a `javascript:` address stays text.
export function link(address, ...children) {
  let parsed;
  try {
    parsed = new URL(address);
  } catch {
    return make("span", {}, ...children);
  }
  const safe = parsed.protocol === "http:" || parsed.protocol === "https:";
  return safe ? make("a", { href: parsed.href, rel: "noreferrer" }, ...children) : make("span", {}, ...children);
}

// Leaves of `parent` only `wanted`, in their order, and moves none that stands right already.
export function settle(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}
