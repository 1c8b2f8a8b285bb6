// Questions to the node, and the stream of its events.
//
// The watch is read by `fetch` and not by `EventSource`: that sends no token, hides the status of a refusal, and hands an
// event only to who listens for its very name, so a kind of event that this page has not heard of would be lost.

const TOKEN_KEY = "delian-token";
const ANSWER_TIMEOUT = 8_000;
// A watch without a word, keep-alive included, for so long is held dead. Servers commonly send one every 15 seconds.
const SILENCE_TIMEOUT = 45_000;
const PAGES_MAX = 1000;
const LINE_MAX = 1 << 20;

// The node answered, but not what was asked for.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? `the node answered ${status}`);
    this.status = status;
    this.retryAfter = problem?.retry_after_ms ?? null;
  }
}

// Kept without the storage too, which may be forbidden.
let kept = null;

export function token() {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? kept;
  } catch {
    return kept;
  }
}

export function keepToken(text) {
  kept = text;
  try {
    sessionStorage.setItem(TOKEN_KEY, text);
  } catch {
    // It holds until the page is left.
  }
}

const headers = (more) => ({ ...(token() ? { Authorization: `Bearer ${token()}` } : {}), ...more });

async function check(answer) {
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Refused(answer.status, problem);
}

export async function ask(path) {
  const options = { headers: headers({ Accept: "application/json" }), cache: "no-store", signal: AbortSignal.timeout(ANSWER_TIMEOUT) };
  return (await check(await fetch(path, options))).json();
}

// All pages. A change between two of them shows as two epochs, and the whole is then asked for once more.
export async function askNodes() {
  let told = await askPages();
  if (told.mixed) told = await askPages();
  return told;
}

async function askPages() {
  const nodes = new Map();
  let first = null;
  let page = null;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    page = await ask(page ? `/v1/nodes?cursor=${encodeURIComponent(page.next)}` : "/v1/nodes");
    first ??= page.epoch;
    for (const node of page.nodes) nodes.set(node.id, node);
    if (page.next === null || page.next === undefined) break;
  }
  return { epoch: page.epoch, nodes: [...nodes.values()], mixed: first !== page.epoch };
}

// Opens the watch after `lastId`. Resolves when the node took it; `read` then resolves when the stream ends.
export async function openWatch(lastId, signal) {
  const answer = await check(await fetch("/v1/watch", {
    headers: headers({ Accept: "text/event-stream", "Last-Event-ID": lastId }), cache: "no-store", signal,
  }));
  return { read: (take) => readEvents(answer.body.getReader(), take) };
}

async function readEvents(reader, take) {
  const decoder = new TextDecoder();
  const parser = new Parser(take);
  for (;;) {
    let timer;
    const silence = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("the watch fell silent")), SILENCE_TIMEOUT);
    });
    try {
      const { done, value } = await Promise.race([reader.read(), silence]);
      if (done) return;
      parser.push(decoder.decode(value, { stream: true }));
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

// The event stream format of the HTML standard, section 9.2.6.
export class Parser {
  #rest = "";
  #id = null;
  #event = "";
  #data = [];
  #take;

  constructor(take) {
    this.#take = take;
  }

  push(text) {
    // A lone carriage return at the end may be the first half of a line's end, so it waits for what follows.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    if (this.#rest.length > LINE_MAX) throw new Error("the watch sent a line above any limit");
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === "") {
      if (this.#data.length > 0 || this.#event !== "") this.#take({ id: this.#id, event: this.#event, data: this.#data.join("\n") });
      this.#event = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") this.#id = value;
    else if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
  }
}
