// Puts the parts together, and the keys and fields that belong to none of them.

import * as connection from "./connection.js";
import * as events from "./events.js";
import { filter, read, set } from "./filter.js";
import { at } from "./dom.js";
import { live } from "./live.js";
import * as log from "./log.js";
import * as map from "./map.js";
import * as nodes from "./nodes.js";
import * as ring from "./ring.js";
import { on } from "./state.js";
import * as summary from "./summary.js";
import * as why from "./why.js";

for (const part of [connection, summary, map, nodes, log, ring, events, why]) part.begin();

const find = at("find");
find.addEventListener("input", () => set({ q: find.value }));
at("finder").addEventListener("submit", (submitted) => submitted.preventDefault());
at("clear").addEventListener("click", () => {
  set({ q: "", conditions: new Set() });
  find.focus();
});
// The fragment belongs to the filter, so this link must not write its own.
at("skip").addEventListener("click", (clicked) => {
  clicked.preventDefault();
  find.focus();
});
on(["filter"], () => { if (find.value !== filter.q) find.value = filter.q; });

document.addEventListener("keydown", (pressed) => {
  const types = ["INPUT", "SELECT", "TEXTAREA"].includes(pressed.target.tagName);
  if (pressed.key === "/" && !types && !pressed.ctrlKey && !pressed.metaKey && !pressed.altKey) {
    pressed.preventDefault();
    find.focus();
    find.select();
  } else if (pressed.key === "Escape" && pressed.target === find) {
    if (find.value === "") find.blur();
    else set({ q: "" });
  }
});

for (const moved of ["hashchange", "popstate"]) addEventListener(moved, read);
read();
live();
