// One chart as SVG: lines, stacked areas or bands of states between two times. What it draws is rebuilt at each zoom; nothing is kept in pixels.
import { roundUp, ticks, told } from "./scale.js";

const SVG = "http://www.w3.org/2000/svg";
const HEALTH = [[0, "Ok", "ok"], [1, "Info", "info"], [5, "Unknown", "unknown"], [10, "No data", "unknown"], [15, "Warning", "warn"], [20, "Degraded", "bad"], [25, "Severe", "bad"]];
const PIECE = 48; // points of a line in one path
const GAP = 3; // steps without a value, in all lines, before it is called one

export function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}

export const share = (time, view) => `${(100 * (time - view.from) / (view.to - view.from)).toFixed(3)}%`;
const within = (time, view) => time >= view.from && time <= view.to;

// The first and the last place of a line that the view needs, one beyond each end.
function places(line, view) {
  const first = Math.max(0, Math.floor((view.from - line.start) / line.step) - 1);
  const last = Math.min(line.values.length - 1, Math.ceil((view.to - line.start) / line.step) + 1);
  return [first, last];
}

export function valueAt(line, time) {
  const place = Math.floor((time - line.start) / line.step);
  return place < 0 || place >= line.values.length ? null : line.values[place];
}

export function newest(line) {
  for (let place = line.values.length - 1; place >= 0; place -= 1) if (line.values[place] !== null) return place;
  return -1;
}

function highest(lines, view, stacked) {
  let most = 0;
  let sums = null;
  for (const line of lines) {
    const [first, last] = places(line, view);
    if (stacked) sums ??= new Map();
    for (let place = first; place <= last; place += 1) {
      const value = line.values[place];
      if (value === null) continue;
      const time = line.start + place * line.step;
      const whole = stacked ? (sums.get(time) || 0) + value : value;
      if (stacked) sums.set(time, whole);
      if (whole > most) most = whole;
    }
  }
  return most;
}

function lowest(lines, view) {
  let least = 0;
  for (const line of lines) {
    const [first, last] = places(line, view);
    for (let place = first; place <= last; place += 1) if (line.values[place] < least) least = line.values[place];
  }
  return least;
}

function scale(axis, lines, view, stacked, marks) {
  const least = lowest(lines, view);
  const low = axis.low ?? (least < 0 ? -roundUp(-least) : 0);
  const top = Math.max(highest(lines, view, stacked), ...marks.map((mark) => Math.max(mark.value ?? 0, mark.until ?? 0) * 1.05));
  return { low, high: axis.high ?? Math.max(roundUp(top * 1.02), low + 1e-9) };
}

const height = (value, axis) => 100 - 100 * (value - axis.low) / (axis.high - axis.low);

// Made once for each line, in its own seconds and values: a zoom only changes the box through which it is seen. In pieces, so that of what
// is painted anew only that is painted which can be seen there. A gap begins a new piece, a point between two gaps is a dot.
const kept = new WeakMap();

function boxOf(line) {
  let box = kept.get(line);
  if (box) return box;
  box = element("svg", BOX);
  let pieces = [];
  let open = false;
  const end = () => { if (pieces.length) box.append(element("path", { class: "ln", d: pieces.join("") })); pieces = []; };
  for (let place = 0; place < line.values.length; place += 1) {
    const value = line.values[place];
    if (value === null) {
      open = false;
      continue;
    }
    if (place % PIECE === 0) {
      if (open) pieces.push("L", place * line.step, " ", -value);
      end();
      open = false;
    }
    pieces.push(open ? "L" : "M", place * line.step, " ", -value);
    if (!open && (place === line.values.length - 1 || line.values[place + 1] === null)) pieces.push("h", line.step / 100);
    open = true;
  }
  end();
  kept.set(line, box);
  return box;
}

function areas(lines, view, axis) {
  const base = new Map();
  return lines.map((line) => {
    const [first, last] = places(line, view);
    const across = 1000 / (view.to - view.from);
    const upper = [];
    const lower = [];
    for (let place = first; place <= last; place += 1) {
      const value = line.values[place];
      if (value === null) continue;
      const time = line.start + place * line.step;
      const x = ((time - view.from) * across).toFixed(1);
      const below = base.get(time) || 0;
      upper.push(`${x} ${height(below + value, axis).toFixed(1)}`);
      lower.push(`${x} ${height(below, axis).toFixed(1)}`);
      base.set(time, below + value);
    }
    return upper.length ? `M${upper.join("L")}L${lower.reverse().join("L")}Z` : "";
  });
}

const areaClass = (line, place) => (/5xx/i.test(line.label) ? "ar3" : /4xx/i.test(line.label) ? "ar2" : /3xx/i.test(line.label) ? "ar1" : ["ar1", "ar2", "ar4", "ar5"][place % 4]);
export const lineClass = (place) => `l${place % 8 + 1}`;
export const swatch = (widget, line, place) => {
  const svg = element("svg", { class: "key", "aria-hidden": "true" });
  svg.append(widget.stacked ? element("rect", { class: areaClass(line, place), width: "100%", height: "100%" }) : element("line", { class: `ln ${lineClass(place)}`, x1: 0, x2: 18, y1: 4, y2: 4 }));
  return svg;
};

// Where no line has a value for so long that it is no accident of one point: [from, to].
export function gaps(lines, view) {
  if (!lines.length) return [];
  const step = Math.max(...lines.map((line) => line.step));
  const end = Math.max(...lines.map((line) => line.start + newest(line) * line.step));
  const first = Math.max(view.from, Math.min(...lines.map((line) => line.start)));
  const found = [];
  let begun = null;
  const missing = (time) => lines.every((line) => valueAt(line, time) === null);
  for (let time = Math.ceil(first / step) * step; time <= Math.min(end, view.to); time += step) {
    if (missing(time)) begun ??= time;
    else {
      if (begun !== null && time - begun >= GAP * step) found.push([begun, time]);
      begun = null;
    }
  }
  return found;
}

export function releases(svg, changes, view) {
  for (const change of changes) {
    const to = change.to ?? view.to;
    if (to < view.from || change.from > view.to) continue;
    if (change.release) svg.append(element("rect", { class: "bandbox", x: share(Math.max(change.from, view.from), view), width: `${(100 * (Math.min(to, view.to) - Math.max(change.from, view.from)) / (view.to - view.from)).toFixed(3)}%`, height: "100%" }));
    for (const time of change.release ? [change.from, change.to] : [change.from]) {
      if (time !== null && within(time, view)) svg.append(element("line", { class: "band-e", x1: share(time, view), x2: share(time, view), y1: 0, y2: "100%" }));
    }
  }
}

export function grid(svg, view, most) {
  for (const { time } of ticks(view.from, view.to, most)) svg.append(element("line", { class: "grid", x1: share(time, view), x2: share(time, view), y1: 0, y2: "100%" }));
}

const BOX = { preserveAspectRatio: "none", width: "100%", height: "84%", y: "8%", overflow: "visible" };
const inBox = (percent) => `${(8 + 0.84 * percent).toFixed(2)}%`;

// Below the lines, the lines, above them: a zoom builds the first and the last anew and leaves the lines where they are.
function floors(svg) {
  if (svg.children.length !== 3) svg.replaceChildren(element("g"), element("g"), element("g"));
  return svg.children;
}

export function drawChart(svg, widget, lines, changes, view) {
  const [below, between, above] = floors(svg);
  const [under, boxes, over] = [document.createDocumentFragment(), [], document.createDocumentFragment()];
  releases(under, changes, view);
  grid(under, view, 12);
  for (const [from, to] of gaps(lines, view)) {
    under.append(element("rect", { class: "f-unk", x: share(from, view), width: `${(100 * (to - from) / (view.to - view.from)).toFixed(3)}%`, height: "100%" }));
    under.append(element("text", { class: "pt", x: share(to, view), dx: 5, y: "22%" }, "no data"));
  }
  if (widget.bands) bands(over, lines.filter((line) => line.health), view);
  else curves({ under, boxes, over }, widget, lines, view);
  for (const mark of widget.marks) if (mark.time !== null && within(mark.time, view)) over.append(element("line", { class: "band-e", x1: share(mark.time, view), x2: share(mark.time, view), y1: 0, y2: "100%" }), element("text", { class: "band-t", x: share(mark.time, view), y: "12%" }, mark.label));
  if (!lines.some((line) => newest(line) >= 0)) over.append(element("text", { class: "pt", x: "50%", y: "50%", "text-anchor": "middle" }, "no data in this span"));
  below.replaceChildren(under);
  if (boxes.length !== between.children.length || boxes.some((box, place) => box !== between.children[place])) between.replaceChildren(...boxes);
  above.replaceChildren(over);
}

function curves({ under, boxes, over }, widget, lines, view) {
  for (const right of [false, true]) {
    const mine = lines.filter((line) => line.right === right);
    if (!mine.length) continue;
    const marks = widget.marks.filter((mark) => mark.right === right && mark.value !== null);
    const axis = scale(right ? widget.right : widget.left, mine, view, widget.stacked, marks);
    threshold(under, marks, axis);
    if (widget.stacked) {
      const box = element("svg", { ...BOX, viewBox: "0 0 1000 100" });
      areas(mine, view, axis).forEach((d, place) => box.append(element("path", { class: areaClass(mine[place], place), d })));
      boxes.push(box);
    }
    for (const line of widget.stacked ? [] : mine) {
      const box = boxOf(line);
      box.setAttribute("class", lineClass(lines.indexOf(line)));
      box.setAttribute("viewBox", `${view.from - line.start} ${-axis.high} ${view.to - view.from} ${axis.high - axis.low}`);
      boxes.push(box);
    }
    const unit = mine[0].unit;
    const at = right ? { class: "ax r", x: "99.6%" } : { class: "ax l", x: 4 };
    over.append(element("text", { ...at, y: "10%" }, told(axis.high, unit)), element("text", { ...at, y: "92%" }, told(axis.low, axis.low ? unit : "")));
  }
}

function threshold(made, marks, axis) {
  for (const mark of marks) {
    const y = Math.min(100, Math.max(0, height(mark.value, axis)));
    const other = mark.until !== null ? height(mark.until, axis) : mark.fill === "above" ? 0 : mark.fill === "below" ? 100 : null;
    if (other !== null) made.append(element("rect", { class: "thr-a", x: 0, width: "100%", y: inBox(Math.min(y, other)), height: `${(0.84 * Math.abs(y - other)).toFixed(2)}%` }));
    made.append(element("line", { class: "thr", x1: 0, x2: "100%", y1: inBox(y), y2: inBox(y) }));
    made.append(element("text", { class: "thr-t", x: "99.4%", y: `${Math.max(8, 8 + 0.84 * y - 4).toFixed(1)}%` }, mark.label || told(mark.value, "")));
  }
}

export const health = (value) => (value === null ? null : HEALTH.reduce((found, each) => (value >= each[0] ? each : found), HEALTH[0]));

function bands(made, lines, view) {
  const tall = 80 / lines.length;
  lines.forEach((line, number) => {
    const y = `${10 + number * tall}%`;
    let begun = null;
    const end = (time) => {
      if (!begun || !begun.state) return;
      const [from, to] = [Math.max(begun.time, view.from), Math.min(time, view.to)];
      if (to <= from) return;
      const wide = 100 * (to - from) / (view.to - view.from);
      made.append(element("rect", { class: `f-${begun.state[2]}-q`, x: share(from, view), width: `${wide.toFixed(3)}%`, y, height: `${tall * 0.8}%` }));
      if (wide > 7 && begun.state[0]) made.append(element("text", { class: "pt inv", x: share(from, view), dx: 8, y: `${10 + number * tall + tall * 0.42}%` }, `${begun.state[1]} ${begun.state[0]}`));
    };
    const [first, last] = places(line, view);
    for (let place = first; place <= last; place += 1) {
      const state = health(line.values[place]);
      const time = line.start + place * line.step;
      if (begun && begun.state?.[1] === state?.[1]) continue;
      end(time);
      begun = { state, time };
    }
    end(line.start + (last + 1) * line.step);
    made.append(element("text", { class: "pt", x: 4, y: `${10 + number * tall + tall * 0.42}%` }, line.label));
  });
}
