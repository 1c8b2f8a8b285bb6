// The members of the log, and how far the asked node's own log is. Nobody tells how far the others are, so that is not
// guessed at.

import { at, draw, make, say, settle } from "./dom.js";
import { set } from "./filter.js";
import { on, state } from "./state.js";
import { called, count, plural, span } from "./words.js";

export function begin() {
  on(["status", "members", "nodes"], show);
}

function show() {
  const { status } = state;
  if (!status) return;
  const voters = status.log_members.filter((member) => member.votes).length;
  const learners = status.log_members.length - voters;
  say(at("log-hint"), `${plural(voters, "voter")}${learners ? `, ${plural(learners, "learner")}` : ""}, ${Math.floor(voters / 2) + 1} decide`);
  // A line that has the focus is not replaced under it.
  if (at("log").contains(document.activeElement)) {
    settle(at("log"), [at("log").firstChild, position(status)]);
    return;
  }
  settle(at("log"), [table(status), position(status)]);
}

function table(status) {
  const pool = new Map((state.members?.members ?? []).map((member) => [`${member.pool} ${member.id}`, member]));
  const head = ["Member", "Role", "Pool", "Round trip", "Commit"].map((text, at) => make("th", { scope: "col", class: at > 2 ? "number" : null }, text));
  const rows = status.log_members.map((member) => {
    const leads = status.leader?.id === member.id;
    const asked = status.id === member.id;
    const seen = pool.get(`local ${member.id}`) ?? pool.get(`wide ${member.id}`);
    const trip = seen?.round_trip_us;
    const poolState = asked ? "asked" : seen?.state ?? "–";
    return make("tr", { "data-leads": leads },
      make("th", { scope: "row" }, make("button", { type: "button", class: "name", click: () => set({ node: member.id }) }, called(member)), make("small", { title: member.id }, member.id)),
      make("td", {}, leads ? "leader" : member.votes ? "voter" : "learner"),
      make("td", { "data-pool": poolState }, poolState),
      make("td", { class: "number" }, asked || trip === null || trip === undefined ? "–" : `${(trip / 1000).toFixed(2)} ms`),
      asked ? make("td", { class: "number" }, count(status.commit)) : make("td", { class: "number quiet", title: "Only that node tells how far it is" }, "–"));
  });
  return make("table", {}, make("caption", { class: "unseen" }, "Members of the log"), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

// From the snapshot to the last entry: what is committed, what the disk holds, what waits.
function position(status) {
  const whole = Math.max(1, status.last - status.snapshot);
  const x = (index) => Math.max(0, Math.min(100, ((index - status.snapshot) / whole) * 100));
  const label = `Log of ${status.name}: snapshot to ${status.snapshot}, committed to ${status.commit}, on disk to ${status.durable}, last ${status.last}`;
  return make("div", { class: "position" },
    draw("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": label },
      draw("rect", { width: 100, height: 6, class: "whole" }), draw("rect", { width: x(status.durable), height: 6, class: "durable" }),
      draw("rect", { width: x(status.commit), height: 6, class: "commit" })),
    make("p", {}, `${status.name}: committed ${count(status.commit)} of ${count(status.last)}, on disk ${count(status.durable)}, snapshot ${count(status.snapshot)}`,
      status.leader_heard_ms === null || status.leader_heard_ms === undefined || status.role === "leader" ? "" : `; leader heard ${span(status.leader_heard_ms)} ago`));
}
