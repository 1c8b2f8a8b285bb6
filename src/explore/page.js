// Walks the states of one model. The path is in the fragment of the address, so every state is a link and the browser's
// own "back" takes a step back. What is shown comes from the server in words; nothing is decided here.
"use strict";

const at = (id) => document.getElementById(id);
const kinds = [
  ["arrival", "Arrives"], ["disk", "Disks"], ["time", "Time passes"], ["request", "Somebody asks"],
  ["network", "The network fails"], ["crash", "A node fails"],
];
let shown = null;
let typed = "";
let asked = 0;

// Makes an element; children are elements or texts, and texts are never read as HTML.
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const here = () => decodeURIComponent(location.hash.slice(1)).split(",").filter((word) => word !== "");
const go = (places) => { location.hash = places.length ? `#${places.join(",")}` : "#"; };
const say = (text) => { at("said").textContent = text; };

async function ask(path, options) {
  const answer = await fetch(path, options);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

function fail(title, ...what) {
  at("trouble").replaceChildren(make("div", { class: "failure" }, make("h3", {}, title), ...what));
}

// Shows the state at the end of the path in the address.
async function load() {
  const number = ++asked;
  typed = "";
  at("typed").textContent = "";
  let told;
  try {
    told = await ask(`/api/state?path=${here().map(encodeURIComponent).join(",")}`);
  } catch (error) {
    if (number === asked) refuse(error);
    return;
  }
  if (number !== asked) return;
  shown = told;
  at("trouble").replaceChildren(...breach(told.breach));
  crumbs(told.steps);
  actions(told);
  nodes(told.nodes);
  flight(told);
  budgets(told.budgets);
  at("goals").replaceChildren(...told.goals.map((goal) =>
    make("li", { class: goal.is_met ? "met" : null }, goal.is_new ? make("ins", {}, goal.name) : goal.name)));
  document.body.dataset.steps = told.steps.length;
}

// What cannot be shown must not look as if it were.
function refuse(error) {
  const gone = error instanceof TypeError;
  const why = gone ? "Nobody answers: the page is not served any more." : error.message;
  const back = gone ? "" : make("button", { type: "button", click: () => go([]) }, "back to the beginning");
  fail(gone ? "No answer" : "There is no such path", make("p", { class: "sentence" }, why), back);
  shown = null;
  for (const id of ["crumbs", "actions", "nodes", "flight", "goals", "length", "choices", "flying"]) {
    at(id).replaceChildren();
  }
  at("budgets").tBodies[0].replaceChildren();
}

function breach(found) {
  if (!found) return [];
  const note = found.within_step
    ? "The last step did not come to its end: nodes are shown as they were before it."
    : "The state itself is what is broken; all of it is shown.";
  return [make("div", { class: "failure", id: "breach" },
    make("h3", {}, make("span", { class: "mark" }, "BROKEN"), found.invariant),
    make("p", { class: "sentence" }, found.sentence),
    make("ul", {}, ...found.facts.map((fact) => make("li", {}, fact))),
    make("p", { class: "note" }, note))];
}

function crumbs(steps) {
  const crumb = (length, label, title) => make("li", {}, make("button", {
    type: "button", title, "aria-current": length === steps.length ? "step" : null,
    click: () => go(here().slice(0, length)),
  }, ...label));
  const items = steps.map((step, index) =>
    crumb(index + 1, [make("small", {}, index + 1), step.what], step.changes.join("\n") || null));
  at("crumbs").replaceChildren(crumb(0, ["the beginning"], null), ...items);
  at("crumbs").scrollTop = at("crumbs").scrollHeight;
  at("length").textContent = plural(steps.length, "step");
  at("undo").disabled = steps.length === 0;
}

function actions(told) {
  const groups = kinds.map(([kind, title]) => [title, told.actions.filter((action) => action.kind === kind)]);
  const parts = groups.filter(([, found]) => found.length).flatMap(([title, found]) =>
    [make("h3", {}, title), ...found.map(choice)]);
  const none = told.breach ? "Nothing: what is broken ends the path." : "Nothing: this is the end of the model.";
  at("actions").replaceChildren(...(parts.length ? parts : [make("p", { class: "note" }, none)]));
  at("choices").textContent = told.actions.length;
}

function choice(action) {
  const mark = (on) => () => {
    const item = action.item === null ? null : at("flight").querySelector(`[data-place="${action.item}"]`);
    if (item) item.classList.toggle("meant", on);
  };
  return make("button", {
    type: "button", "data-place": action.place, click: () => take(action.place),
    mouseenter: mark(true), mouseleave: mark(false), focus: mark(true), blur: mark(false),
  }, make("kbd", {}, action.place), make("span", {}, action.what));
}

function take(place) {
  say("");
  go([...here(), place]);
}

// A fact that no node has is left out, so that the others stay in sight.
function nodes(all) {
  const count = all.length ? all[0].rows.length : 0;
  const places = [...Array(count).keys()].filter((place) =>
    all.some((node) => node.rows[place].parts.length || node.rows[place].gone.length));
  at("nodes").replaceChildren(...all.map((node) => nodeCard(node, places)));
}

function nodeCard(node, places) {
  const changed = node.has_other_changes || node.rows.some(differs);
  const classes = ["node", node.role === "leader" && "leads", changed && "changed"].filter(Boolean).join(" ");
  const marks = node.has_other_changes ? [make("span", { class: "note" }, "changed in what is not shown")] : [];
  const card = make("section", { class: classes, "data-node": node.id },
    make("h3", {}, node.id, make("span", { class: `mark ${node.role === "leader" ? "ok" : "idle"}` }, node.role), ...marks),
    make("dl", { class: "rows" }, ...places.map((place) => fact(node.rows[place]))));
  // Equal facts of all nodes stand at one height.
  card.style.gridRow = `span ${places.length + 1}`;
  return card;
}

const differs = (row) => row.gone.length > 0 || row.parts.some((part) => part.is_new);
const lists = ["log", "waits for disk", "progress"];

function fact(row) {
  const part = ({ text, reach, is_new }) =>
    make(is_new ? "ins" : "span", { class: reach ? `entry ${reach}` : null, title: reach && reach.replace("-", " ") }, text);
  const parts = [...row.parts.map(part), ...row.gone.map((text) => make("del", {}, text))];
  const none = make("span", { class: "none" }, "–");
  const classes = ["fact", lists.includes(row.name) && "list", differs(row) && "changed"].filter(Boolean).join(" ");
  return make("div", { class: classes, "data-row": row.name },
    make("dt", {}, row.name), make("dd", {}, ...(parts.length ? parts : [none])));
}

function flight(told) {
  const item = (flying) => make("li", { "data-place": flying.place },
    make("small", {}, flying.place + 1), make("span", {}, flying.is_new ? make("ins", {}, flying.text) : flying.text));
  const landed = (text) => make("li", {}, make("small", {}, ""), make("span", {}, make("del", {}, text)));
  const none = make("li", {}, make("small", {}, ""), make("span", { class: "none" }, "nothing"));
  const items = [...told.flight.map(item), ...told.landed.map(landed)];
  at("flight").replaceChildren(...(items.length ? items : [none]));
  at("flying").textContent = told.flight.length;
}

function budgets(rows) {
  const cell = (row) => make("td", {},
    ...row.gone.map((text) => make("del", {}, text)), " ",
    ...row.parts.map((part) => make(part.is_new ? "ins" : "span", {}, part.text)));
  at("budgets").tBodies[0].replaceChildren(...rows.map((row) => make("tr", {}, make("td", {}, row.name), cell(row))));
}

async function about() {
  const told = await ask("/api/model");
  document.title = `${told.name} · Delian`;
  at("name").textContent = told.name;
  at("sentence").textContent = told.sentence;
  const facts = [...told.facts, ["states", told.states === null ? "not counted" : told.states.toLocaleString("en")]];
  at("facts").replaceChildren(...facts.map(([name, text]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, text))));
}

// Asks again and again while the search goes on.
async function search() {
  let told;
  try {
    told = await ask("/api/search");
  } catch {
    at("search").textContent = "the search cannot be asked";
    return;
  }
  const words = {
    searching: "searching…", complete: "every state was met, nothing is broken",
    broken: "stopped at a violation", stopped: "stopped at its limit",
  };
  at("search").textContent = `${plural(told.states, "state")}, depth ${told.depth}: ${words[told.stage]}`;
  const chip = (kind) => (jump) => make("button", {
    type: "button", class: kind, disabled: jump.path === null ? "" : null, click: () => go(jump.path),
  }, jump.name, " ", make("small", {}, jump.path === null ? "not seen" : plural(jump.path.length, "step")));
  // Whoever is on one of them with the keyboard stays there.
  const focused = [...at("jumps").children].indexOf(document.activeElement);
  at("jumps").replaceChildren(...told.violations.map(chip("failed")), ...told.goals.map(chip(null)));
  if (focused >= 0) at("jumps").children[focused]?.focus();
  document.body.dataset.search = told.stage;
  if (told.stage === "searching") setTimeout(search, 500);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say(`${what} could not be copied: the browser does not allow it`);
  }
}

const undo = () => go(here().slice(0, -1));
const copyPath = () => shown && copy(shown.path, "Path");
const copyStory = () => shown && copy(shown.story, "Story");

async function stop() {
  try {
    await ask("/stop", { method: "POST" });
    say("Stopped: the command has ended.");
  } catch (error) {
    refuse(error);
  }
}

// A number is taken at once where no longer one begins with it.
function type(digit) {
  const places = shown ? shown.actions.map((action) => String(action.place)) : [];
  typed += digit;
  const begun = places.filter((place) => place.startsWith(typed));
  if (begun.length === 1 && begun[0] === typed) take(Number(typed));
  else if (begun.length === 0) { say(`Nothing has the number ${typed}.`); typed = ""; }
  at("typed").textContent = typed;
}

function move(by) {
  const buttons = [...at("actions").querySelectorAll("button")];
  const now = buttons.indexOf(document.activeElement);
  const next = now < 0 ? (by > 0 ? 0 : buttons.length - 1) : (now + by + buttons.length) % buttons.length;
  buttons[next]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    u: undo, Backspace: undo, p: copyPath, s: copyStory,
    ArrowDown: () => move(1), ArrowUp: () => move(-1), Escape: () => { typed = ""; at("typed").textContent = ""; },
  };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^[0-9]$/.test(key)) type(key);
  else if (key === "Enter" && typed !== "") take(Number(typed));
  else if (keys[key]) keys[key]();
  else return;
  event.preventDefault();
});
at("undo").addEventListener("click", undo);
at("copy-path").addEventListener("click", copyPath);
at("copy-story").addEventListener("click", copyStory);
at("stop").addEventListener("click", stop);
window.addEventListener("hashchange", load);
about().catch(refuse);
load();
search();
