// Numbers as people read them. A number that is unknown is a dash, never a nought.

const UNKNOWN = "–";
const known = (value) => value !== null && value !== undefined;

export const CONDITIONS = ["healthy", "degraded", "leaving", "silent", "unreachable"];
export const SEVERITIES = ["routine", "info", "warning", "error"];

// The worse, the greater. A condition that this page has not heard of ranks worst: it deserves a look.
export const rank = (condition) => (CONDITIONS.includes(condition) ? CONDITIONS.indexOf(condition) : CONDITIONS.length);

export const count = (value) => (known(value) ? value.toLocaleString("en") : UNKNOWN);
export const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
export const called = (node) => (node ? node.name ?? node.id : UNKNOWN);

export function span(ms) {
  if (!known(ms)) return UNKNOWN;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

export function micros(us) {
  if (!known(us)) return UNKNOWN;
  if (us < 1000) return `${us} µs`;
  return us < 100_000 ? `${(us / 1000).toFixed(1)} ms` : `${Math.round(us / 1000)} ms`;
}

export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  const power = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(value) / 10)) : 0;
  const scaled = value / 1024 ** power;
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power]}`;
}

// A share in millionths as per cent: three digits that count, so that a thousandth part is not shown as nothing.
export function share(millionths) {
  if (!known(millionths)) return UNKNOWN;
  const percent = millionths / 10_000;
  return `${percent >= 1 ? percent.toFixed(2) : percent.toFixed(3)} %`;
}

export const permille = (value) => (known(value) ? `${value} ‰` : UNKNOWN);
export const percent = (value) => (known(value) ? `${(value / 10).toFixed(value % 10 === 0 ? 0 : 1)} %` : UNKNOWN);

export function clock(ms) {
  return known(ms) ? new Date(ms).toLocaleTimeString("en-GB", { hour12: false }) : UNKNOWN;
}

export function day(ms) {
  return known(ms) ? new Date(ms).toISOString().slice(0, 16).replace("T", " ") + " UTC" : UNKNOWN;
}

export const place = (node) => `${node.place.region} / ${node.place.datacenter} / ${node.place.rack}`;
