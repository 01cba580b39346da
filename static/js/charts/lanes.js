// Alarm states under the charts, on their time axis: a lane for each alarm. The server says the states; here they only get their place.
import { duration } from "../words.js";
import { element, grid, releases, share } from "./draw.js";

const SEEN = 0.4; // percent of the lane: what is bad can be seen, however short it is
const WORDS = { ok: "OK", bad: "ALARM", unknown: "insufficient data", expected: "ALARM, expected" };

function word(span) {
  return span.light === "unknown" && span.why ? span.why : (WORDS[span.light] ?? span.light);
}

function cell(name, content) {
  const made = document.createElement("div");
  made.className = name;
  made.append(...[content].flat());
  return made;
}

function state(light, word) {
  const made = document.createElement("span");
  made.className = `st st-${light === "expected" ? "wait" : light}`;
  const glyph = element("svg", { class: `g g-${light === "expected" ? "info" : light}`, "aria-hidden": "true" });
  glyph.append(element("use", { href: `#g-${light === "expected" ? "info" : light}` }));
  made.append(glyph, word);
  return made;
}

export function drawLanes(place, alarms, changes, view) {
  if (!place) return;
  if (!alarms.length) return place.replaceChildren();
  const head = document.createElement("div");
  head.className = "chart ax-head";
  const title = document.createElement("h3");
  title.textContent = "Alarms";
  head.append(cell("lab", title), cell("plot-none", []), cell("val", "now, and for how long"));
  place.replaceChildren(head, ...alarms.map((alarm) => lane(alarm, changes, view)));
}

function now(alarm) {
  return [state(alarm.now.light, word(alarm.now)), ` ${duration(Date.now() / 1000 - alarm.now.from)}`];
}

// The alarms that a widget of CloudWatch's names, wherever they stand on the page.
export function drawStates(root, alarms) {
  for (const place of root.querySelectorAll("[data-alarm]")) {
    const alarm = alarms.find((each) => each.name === place.dataset.alarm);
    place.replaceChildren(...(alarm ? now(alarm) : [state("unknown", "not among the alarms that were read")]));
  }
}

function lane(alarm, changes, view) {
  const row = document.createElement("div");
  row.className = "chart swim";
  const link = document.createElement("a");
  link.href = alarm.url;
  link.textContent = alarm.name;
  const title = document.createElement("h3");
  title.append(link);
  const svg = element("svg", { class: "p", role: "img", "aria-label": said(alarm, view) });
  releases(svg, changes, view);
  grid(svg, view, 12);
  for (const span of alarm.spans) {
    const [from, to] = [Math.max(span.from, view.from), Math.min(span.to ?? view.to, view.to)];
    if (to <= from) continue;
    const calm = span.light === "ok";
    const wide = Math.max((100 * (to - from)) / (view.to - view.from), calm ? 0 : SEEN);
    const left = Math.min((100 * (from - view.from)) / (view.to - view.from), 100 - wide);
    svg.append(element("rect", { class: `${calm ? "calm" : "loud"} f-${span.light}${span.light === "expected" ? "" : "-q"}`, x: `${left.toFixed(3)}%`, width: `${wide.toFixed(3)}%` }));
    if (!calm) svg.append(element("text", { class: "pt", x: share(to, view), dx: 6, y: "51%" }, span.light === "expected" ? `expected: ${span.why}` : duration(to - from)));
  }
  const plot = cell("plot", svg);
  plot.dataset.lane = "";
  row.append(cell("lab", title), plot, cell("val", now(alarm)));
  return row;
}

function said(alarm, view) {
  const loud = alarm.spans.filter((span) => span.light !== "ok" && (span.to ?? view.to) > view.from && span.from < view.to);
  return loud.length ? `${alarm.name}: ${loud.map((span) => `${word(span)} for ${duration((span.to ?? view.to) - span.from)}`).join(", ")}` : `${alarm.name}: no alarm`;
}
