// Says plainly whether what is shown is live, how old it is, and whom to ask instead.

import { keepToken } from "./api.js";
import { at, link, make, say, settle } from "./dom.js";
import { retryNow } from "./live.js";
import { nodeNow, on, state } from "./state.js";
import { called, clock, span } from "./words.js";

// Above two polls that failed to come.
const FRESH_MAX = 6_000;
const LEADER_HEARD_MAX = 5_000;
const FAILURES_BEFORE_GONE = 2;

export function begin() {
  on(["connection", "status", "members", "nodes"], show);
  setInterval(show, 1_000);
  at("token").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const field = at("token-field");
    keepToken(field.value.trim());
    field.value = "";
    at("token-said").textContent = "";
    retryNow();
  });
}

function phaseOf(connection, age) {
  if (connection.phase === "token") return ["token", "token needed"];
  if (connection.phase === "live") {
    return age <= FRESH_MAX ? ["live", "live"] : ["stale", `stale since ${clock(nodeNow() - age)}`];
  }
  if (connection.failures >= FAILURES_BEFORE_GONE) return ["gone", "disconnected"];
  if (connection.answeredAt !== null && age > FRESH_MAX) return ["stale", `stale since ${clock(nodeNow() - age)}`];
  return connection.answeredAt === null && connection.failures === 0 ? ["connecting", "connecting"] : ["reconnecting", "reconnecting"];
}

function show() {
  const { connection } = state;
  const age = connection.answeredAt === null ? null : Date.now() - connection.answeredAt;
  const [phase, word] = phaseOf(connection, age ?? Infinity);
  at("connection").dataset.phase = phase;
  document.body.dataset.phase = phase;
  say(at("phase"), word);
  say(at("age"), age === null ? "nothing shown yet" : age < 1_500 ? "just told" : `${Math.round(age / 1000)} s old`);
  const away = phase === "gone" || phase === "stale" || phase === "token";
  at("main").dataset.stale = away && age !== null;
  notices(phase, age);
  token(phase);
}

function token(phase) {
  const form = at("token");
  if (form.hidden !== (phase !== "token")) {
    form.hidden = phase !== "token";
    if (!form.hidden) at("token-field").focus();
  }
  if (phase === "token") say(at("token-said"), state.connection.problem ?? "");
}

const shown = new Map();

// A notice stays the same element while it lasts, so that a link in it keeps the focus.
function notices(phase, age) {
  const wanted = [];
  const put = (key, level, title, told, ...more) => {
    let notice = shown.get(key);
    if (!notice) {
      notice = make("div", { class: "notice", "data-level": level }, make("strong"), make("span"));
      notice.append(...more.map((make) => make()));
      shown.set(key, notice);
    }
    say(notice.children[0], title);
    say(notice.children[1], told);
    wanted.push(notice);
  };
  const { status, connection } = state;
  const name = status ? called(status) : "The node";
  const since = age === null ? "Nothing was heard from it yet." : `What you see is from ${clock(nodeNow() - age)}, ${span(age)} ago.`;
  if (phase === "gone") {
    const wait = connection.retryAt === null ? null : Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
    const again = wait ? `Asking again in ${wait} s.` : "Asking again.";
    put("gone", "error", `${name} does not answer.`, `${since} ${again}`, others, retryButton);
  } else if (phase === "stale") {
    put("stale", "warning", `${name} answers nothing new.`, since, others);
  }
  if (connection.problem !== null && phase !== "token") put("refused", "warning", "The node refused.", connection.problem);
  if (status && phase === "live") trouble(status, put);
  for (const [key, notice] of shown) if (!wanted.includes(notice)) shown.delete(key);
  settle(at("notices"), wanted);
}

function trouble(status, put) {
  if (status.halted) put("halted", "error", `${status.name} stopped for good.`, status.halted);
  if (!status.leader) {
    put("headless", "error", "Nobody leads, as far as this node knows.", "Nothing can be committed until somebody does.");
  } else if ((status.leader_heard_ms ?? 0) > LEADER_HEARD_MAX) {
    put("unheard", "warning", `${status.name} has not heard of its leader for ${span(status.leader_heard_ms)}.`,
      "What it tells may be as old as that.");
  }
  if (status.suspects_itself) {
    put("itself", "warning", `${status.name} suspects itself.`, "So many are silent at once that it finds nothing about any of them.");
  }
  if (status.transfer) put("transfer", "info", "The lead is being handed over.", `It goes to ${status.transfer}.`);
}

// The other nodes whose API this page knew of: its memory is all that is left to ask.
function others() {
  const known = new Map();
  const add = (node) => {
    if (node?.api && node.id !== state.status?.id) known.set(node.api, node);
  };
  state.status?.log_members.forEach(add);
  add(state.status?.leader);
  for (const member of state.members?.members ?? []) add(member);
  for (const node of state.nodes.values()) add(node);
  const links = [...known.values()].slice(0, 6).map((node) => make("li", {}, link(node.api, called(node)), ` ${node.api.replace(/^\w+:\/\//, "")}`));
  if (links.length === 0) return make("p", {}, "It told of no other node's address.");
  return make("div", { class: "others" }, make("p", {}, "Ask another node:"), make("ul", {}, ...links));
}

const retryButton = () => make("button", { type: "button", class: "plain", click: retryNow }, "Ask at once");
