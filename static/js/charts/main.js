// The page Monitoring: reads the figures, draws every chart over the same time span, keeps them fresh. The server decides what there is to see.
import { announce, duration, now } from "../words.js";
import { socket } from "../socket.js";
import { cursor } from "./cursor.js";
import { drawChart, element, health, newest, releases, share, swatch, valueAt } from "./draw.js";
import { drawLanes, drawStates } from "./lanes.js";
import { atMinute, days, parts, ticks, told } from "./scale.js";

const FRESH_EACH = 15_000; // ms between two questions whether there is something newer
const WAIT = 400; // ms, while figures are read for the first time
const RUNG_EACH = 500; // ms between two readings of what happened
const LETTER = 7; // px, of a label at the axis
const OLD = 180; // seconds: older figures are said aloud

const root = document.querySelector("[data-charts]");
const { widgets, span } = JSON.parse(document.getElementById("drawing").textContent);
const charts = [...root.querySelectorAll("[data-chart]")].map((row) => ({ row, widget: widgets.find((each) => each.key === row.dataset.chart), svg: row.querySelector("[data-plot] > svg"), lines: [] }));
const back = root.querySelector("[data-back]");
const state = { figures: null, whole: null, view: null, changes: [], alarms: [], asked: span, tag: "", cursor: null, box: { left: 0, width: 1 } };

const address = (place, of) => `${place}?span=${encodeURIComponent(of)}`;

async function readFigures(of) {
  for (;;) {
    const answer = await fetch(address(root.dataset.figures, of), { headers: state.tag ? { "If-None-Match": state.tag } : {} });
    if (answer.status === 304) return null;
    if (answer.status === 200) {
      state.tag = answer.headers.get("ETag") ?? "";
      return answer.json();
    }
    if (answer.status !== 202) throw new Error(`The console answered ${answer.status}.`);
    const { said } = await answer.json();
    age(said ? "unknown" : "wait", said || "CloudWatch is being read");
    await new Promise((done) => { setTimeout(done, WAIT); });
  }
}

async function readHappened(of) {
  const answer = await fetch(address(root.dataset.happened, of));
  if (!answer.ok) return;
  const found = await answer.json();
  Object.assign(state, { changes: found.changes, alarms: found.alarms });
  troubles(found.said);
}

// An alarm or a run has changed: only what happened is read again, and drawn into the view that is there.
let ringing = 0;
function rung(frame) {
  if (ringing || !(frame.run || frame.changed?.includes("alarms"))) return;
  ringing = setTimeout(async () => {
    ringing = 0;
    await readHappened(state.asked).catch(() => {});
    if (state.figures) draw();
  }, RUNG_EACH);
}

// -- What is drawn

function take(figures) {
  state.figures = figures;
  state.whole = { from: figures.from, to: figures.to };
  const lines = figures.lines.map((line) => {
    const [widget, described] = describe(line);
    return { ...described, ...line, label: line.label ?? described.label, title: line.label ?? described.title, health: /^EnvironmentHealth/.test(described.title) || Boolean(widget?.bands) };
  });
  for (const chart of charts) {
    chart.lines = lines.filter((line) => line.widget === chart.widget.key);
    chart.svg.setAttribute("aria-label", summary(chart));
    legend(chart);
  }
  for (const place of root.querySelectorAll("[data-numbers]")) numbers(place, lines.filter((line) => line.widget === place.dataset.numbers));
}

function describe(line) {
  const widget = widgets.find((each) => each.key === line.widget);
  return [widget, widget?.lines.find((each) => each.key === line.key) ?? { label: line.key, title: line.key, unit: "", right: false }];
}

function draw() {
  const { view, changes } = state;
  axis(view, changes);
  for (const { svg, widget, lines } of charts) drawChart(svg, widget, lines, changes, view);
  drawLanes(root.querySelector("[data-lanes]"), state.alarms, changes, view);
  drawStates(root, state.alarms);
  state.cursor?.redraw();
  if (!state.cursor) at(null);
  root.dataset.drawn = "";
}

function axis(view, changes) {
  const svg = root.querySelector("[data-axis]");
  if (!svg) return;
  root.querySelector("[data-days]").textContent = days(view.from, view.to);
  svg.replaceChildren();
  releases(svg, changes, view);
  const edge = (words) => (words.length * LETTER) / 2 / state.box.width; // nothing is written over it
  ticks(view.from, view.to, 12).filter(({ time, words }) => Math.abs((time - view.from) / (view.to - view.from) - 0.5) <= 0.5 - edge(words)).forEach(({ time, words }, number) => svg.append(element("text", { "aria-hidden": "true", class: number % 2 ? "ax opt" : "ax", x: share(time, view), y: "72%" }, words)));
  labels(svg, changes.filter((each) => each.from <= view.to && (each.to ?? view.to) >= view.from), view);
}

// The names of releases, then those of other changes where there is room; the newest of each kind first.
function labels(svg, changes, view) {
  const wide = state.box.width;
  const taken = [];
  for (const change of [...changes].sort((one, other) => other.release - one.release || other.number - one.number)) {
    const words = change.release && change.state !== "succeeded" ? `${change.label} ${change.state}` : change.label.slice(0, 24);
    const from = Math.max(change.from, view.from);
    const along = ((change.release ? (from + Math.min(change.to ?? view.to, view.to)) / 2 : from) - view.from) / (view.to - view.from);
    const half = (words.length * LETTER) / wide / 2;
    const middle = Math.min(1 - half, Math.max(half, along));
    if (taken.some((other) => Math.abs(other.middle - middle) < other.half + half)) continue;
    taken.push({ middle, half });
    const link = element("a", { href: change.url });
    const failed = ["failed", "unknown", "cancelled"].includes(change.state);
    link.append(element("text", { class: failed ? "band-t failed" : "band-t", x: `${(100 * middle).toFixed(3)}%`, y: "28%" }, words), element("title", {}, `${change.title}: ${change.state}`));
    svg.append(link);
  }
}

const summary = ({ widget, lines }) => lines.map((line) => {
  const last = newest(line);
  return `${line.title}: ${last < 0 ? "no data" : `${told(line.values[last], line.unit)} at ${atMinute(line.start + last * line.step)}`}`;
}).join("; ").slice(0, 600) || widget.key;

// The last whole period; where the running one is all there is, that one.
function numbers(place, lines) {
  let when = "";
  for (const box of place.querySelectorAll("[data-number]")) {
    const line = lines.find((each) => each.key === box.dataset.number);
    const end = state.figures.to;
    const last = line ? newest(line) : -1;
    const whole = line && last > 0 && line.start + (last + 1) * line.step > end && line.values[last - 1] !== null ? last - 1 : last;
    const value = whole < 0 ? null : line.values[whole];
    const [figure, unit] = parts(value, line?.unit ?? "");
    const shown = box.querySelector("[data-value]");
    shown.replaceChildren(value === null ? "unknown" : figure);
    if (value !== null && unit) shown.append(Object.assign(document.createElement("small"), { textContent: ` ${unit}` }));
    box.querySelector("[data-beside]").textContent = line?.said ? ` · ${line.said}` : whole >= 0 && whole !== last ? ` · so far ${told(line.values[last], line.unit)}` : "";
    if (whole >= 0) when = `${atMinute(line.start + whole * line.step)} – ${atMinute(Math.min(line.start + (whole + 1) * line.step, end))}`;
    fill(box, place.dataset.numbers, value, lines);
  }
  const told_when = root.querySelector(`[data-when="${place.dataset.numbers}"]`);
  if (told_when) told_when.textContent = when;
}

function fill(box, key, value, lines) {
  const bar = box.querySelector("[data-fill]");
  if (!bar) return;
  const widget = widgets.find((each) => each.key === key);
  const low = widget.left.low ?? 0;
  const high = widget.left.high ?? Math.max(...lines.map((line) => line.values[newest(line)] ?? 0), 1e-9);
  bar.setAttribute("width", `${value === null ? 0 : Math.min(100, Math.max(0, 100 * (value - low) / (high - low)))}%`);
}

// -- The values at the cursor, or the newest

// Built when figures come; the cursor changes only what its values are.
function legend(chart) {
  const { row, widget, lines } = chart;
  const list = document.createElement("dl");
  chart.values = lines.map((line, place) => {
    const term = document.createElement("dt");
    if (!widget.bands) term.append(swatch(widget, line, place));
    term.append(Object.assign(document.createElement("span"), { textContent: line.label, title: line.title }));
    const value = document.createElement("dd");
    if (line.said) value.title = line.said;
    list.append(term, value);
    return value;
  });
  chart.last = Math.max(...lines.map((line) => (newest(line) < 0 ? 0 : line.start + newest(line) * line.step)), 0);
  chart.aged = Object.assign(document.createElement("span"), { className: "qq" }); // its words are tick's
  row.querySelector("[data-values]").replaceChildren(list, ...lines.filter((line) => line.said).slice(0, 1).map((line) => Object.assign(document.createElement("p"), { textContent: line.said })), chart.aged);
}

function reading(widget, line, time) {
  if (line.said) return "unknown";
  const value = time === null ? line.values[newest(line)] ?? null : valueAt(line, time);
  if (value === null) return "no data";
  return widget.bands ? `${health(value)[1]} ${value}` : told(value, line.unit);
}

function at(time) {
  const head = root.querySelector("[data-at]");
  if (head) head.textContent = time === null ? "newest" : `at ${atMinute(time)}`;
  for (const { widget, lines, values } of charts) {
    lines.forEach((line, place) => {
      const words = reading(widget, line, time);
      if (values[place].textContent !== words) values[place].textContent = words;
    });
  }
  clearTimeout(state.telling);
  if (time !== null && root.contains(document.activeElement)) state.telling = setTimeout(() => tell(time), 500);
}

function tell(time) {
  const chart = charts.find(({ row }) => row.contains(document.activeElement));
  if (chart) announce(`${atMinute(time)}: ${chart.lines.map((line) => `${line.title} ${told(valueAt(line, time), line.unit)}`).join(", ")}`);
}

function age(light, words) {
  const place = root.querySelector("[data-age]");
  const said = document.createElement("span");
  said.className = `st st-${light}`;
  const glyph = element("svg", { class: `g g-${light}`, "aria-hidden": "true" });
  glyph.append(element("use", { href: `#g-${light}` }));
  said.append(glyph, words);
  place.replaceChildren(said);
}

function tick() {
  if (!state.figures) return;
  const seconds = now() / 1000 - state.figures.made;
  const settled = state.asked.includes("-");
  for (const { aged, last } of charts) aged.textContent = last ? `newest ${duration(now() / 1000 - last)} old` : "";
  const unread = root.querySelector("[data-troubles] .banner");
  age(unread ? "unknown" : seconds > OLD && !settled ? "warn" : "ok", `read ${duration(seconds)} ago`);
}

function troubles(said) {
  const place = root.querySelector("[data-troubles]");
  if (!said.length) return place.replaceChildren();
  const banner = document.createElement("div");
  banner.className = "banner unknown";
  const glyph = element("svg", { class: "g g-unknown", "aria-hidden": "true" });
  glyph.append(element("use", { href: "#g-unknown" }));
  banner.append(glyph, Object.assign(document.createElement("h2"), { textContent: "CloudWatch cannot be read: what is shown is the last that it said" }), ...said.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
  place.replaceChildren(banner);
}

// -- Spans

function zoom(from, to) {
  if (to - from < 120) return;
  state.view = { from: Math.floor(from), to: Math.ceil(to) };
  back.hidden = false;
  const begun = performance.now();
  draw();
  root.dataset.redraw = (performance.now() - begun).toFixed(1);
  const finer = state.figures.lines.some((line) => line.step > 60) && (to - from) * 2 < state.whole.to - state.whole.from;
  const key = `${Math.floor(from / 60) * 60}-${Math.ceil(to / 60) * 60}`;
  history.replaceState(null, "", `?span=${key}`);
  if (finer) load(key).catch(failed);
  announce(`Zoomed to ${atMinute(from)} – ${atMinute(to)}.`);
}

function whole() {
  if (back.hidden) return;
  back.hidden = true;
  history.replaceState(null, "", `?span=${span}`);
  if (state.asked === span) {
    state.view = state.whole;
    draw();
  } else load(span).catch(failed);
}

async function load(of) {
  if (of !== state.asked) state.tag = "";
  state.asked = of;
  const [figures] = await Promise.all([readFigures(of), readHappened(of).catch(() => {})]);
  if (of !== state.asked) return;
  const following = !state.view || back.hidden || state.asked !== span;
  if (figures) take(figures);
  if (following && state.whole) state.view = state.whole;
  if (state.figures) draw();
  tick();
}

function failed(error) {
  age("unknown", `the console does not answer: ${error.message}`);
}

const axisPlot = root.querySelector("[data-axis]");
// Known before it is needed: asking for it while drawing would lay the page out in between.
if (axisPlot) {
  const resized = new ResizeObserver(() => {
    const { left, width } = axisPlot.getBoundingClientRect();
    state.box = { left, width: width || 1 }; // none, as long as the page is not laid out
    if (state.figures) axis(state.view, state.changes);
  });
  [document.body, axisPlot.parentElement].forEach((each) => resized.observe(each));
}
back.addEventListener("click", whole);
if (charts.length) state.cursor = cursor(root, { view: () => state.view ?? { from: 0, to: 1 }, box: () => state.box, step: () => charts[0]?.lines[0]?.step ?? 60, at: (time) => state.figures && at(time), zoom: (from, to) => state.figures && zoom(from, to), back: whole });
load(span).catch(failed);
setInterval(tick, 1000);
setInterval(() => { if (!document.hidden) load(state.asked).catch(failed); }, FRESH_EACH);
socket(() => root.dataset.socket, { told: rung });
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(state.asked).catch(failed); });

const wall = document.querySelector("[data-wall-switch]");
const hang = (on) => document.documentElement.classList.toggle("wall", on);
wall?.addEventListener("click", () => {
  const on = !document.documentElement.classList.contains("wall");
  hang(on);
  if (on) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
});
document.addEventListener("fullscreenchange", () => hang(Boolean(document.fullscreenElement)));
if ("wall" in root.dataset) hang(true);
