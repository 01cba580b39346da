// One cursor through all charts, a span chosen by dragging, and the same by keys.
import { element, share } from "./draw.js";

const DRAGGED = 6; // pixels: less is a click

// `hooks`: view() → {from, to}, step() seconds of a key, at(time or null), zoom(from, to), back().
export function cursor(root, hooks) {
  let time = null;
  let begun = null;

  const plots = () => root.querySelectorAll("[data-plot] > svg, [data-lane] > svg");
  const clear = (name) => root.querySelectorAll(`.${name}`).forEach((each) => each.remove());

  function show(next) {
    time = next;
    clear("cross");
    if (time !== null) for (const svg of plots()) svg.append(element("line", { class: "cross", x1: share(time, hooks.view()), x2: share(time, hooks.view()), y1: 0, y2: "100%" }));
    hooks.at(time);
  }

  function timeAt(plot, x) {
    const box = plot.getBoundingClientRect();
    const { from, to } = hooks.view();
    return from + (to - from) * Math.min(1, Math.max(0, (x - box.left) / box.width));
  }

  function mark(from, to) {
    clear("drag");
    const view = hooks.view();
    const [start, end] = [Math.min(from, to), Math.max(from, to)];
    for (const svg of plots()) svg.append(element("rect", { class: "drag", x: share(start, view), width: `${100 * (end - start) / (view.to - view.from)}%`, height: "100%" }));
  }

  root.addEventListener("pointermove", (event) => {
    const plot = event.target.closest?.("[data-plot]");
    if (!plot) return;
    const at = timeAt(plot, event.clientX);
    show(at);
    if (begun && Math.abs(event.clientX - begun.x) > DRAGGED) mark(begun.time, at);
  });
  root.addEventListener("pointerdown", (event) => {
    const plot = event.target.closest?.("[data-plot]");
    if (!plot || event.button !== 0) return;
    begun = { x: event.clientX, time: timeAt(plot, event.clientX), plot };
    if (event.pointerType === "mouse") plot.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointerup", (event) => {
    if (!begun) return;
    const { x, time: from, plot } = begun;
    begun = null;
    clear("drag");
    if (Math.abs(event.clientX - x) <= DRAGGED) return;
    const to = timeAt(plot, event.clientX);
    hooks.zoom(Math.min(from, to), Math.max(from, to));
  });
  root.addEventListener("pointercancel", () => { begun = null; clear("drag"); });
  root.addEventListener("pointerleave", () => show(null));
  root.addEventListener("dblclick", () => hooks.back());
  root.addEventListener("keydown", (event) => {
    if (!event.target.closest?.("[data-plot]")) return;
    const { from, to } = hooks.view();
    const here = time ?? to;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (by) show(Math.min(to, Math.max(from, here + by * hooks.step())));
    else if (event.key === "Home") show(from);
    else if (event.key === "End") show(to);
    else if (event.key === "+" || event.key === "=") hooks.zoom(here - (here - from) / 2, here + (to - here) / 2);
    else if (event.key === "-" || event.key === "Escape") hooks.back();
    else return;
    event.preventDefault();
  });

  return { redraw: () => show(time) };
}
