// One cursor through all charts, a span chosen by dragging, and the same by keys. Both lie on the charts as layers of their own: whatever
// they do, no chart is painted again.

const DRAGGED = 6; // pixels: less is a click

// `hooks`: view() → {from, to}, box() → {left, width} in pixels that all plots have in common, step() seconds of a key, at(time or null), zoom(from, to), back().
export function cursor(root, hooks) {
  let time = null;
  let begun = null;

  const plots = () => root.querySelectorAll("[data-plot], [data-lane]");
  const along = (at) => { const { from, to } = hooks.view(); return (100 * (at - from)) / (to - from); }; // percent of a plot's width

  function layer(plot, name) {
    return plot.querySelector(`:scope > .${name}`) ?? plot.appendChild(Object.assign(document.createElement("i"), { className: name, hidden: true }));
  }

  function clear(name) {
    for (const each of root.querySelectorAll(`i.${name}`)) each.hidden = true;
  }

  function show(next) {
    time = next;
    const place = time === null ? -1 : along(time);
    if (place < 0 || place > 100) clear("cross");
    else {
      for (const plot of plots()) {
        const cross = layer(plot, "cross");
        cross.style.transform = `translateX(${place.toFixed(3)}cqw)`;
        cross.hidden = false;
      }
    }
    hooks.at(time);
  }

  function timeAt(x) {
    const [{ from, to }, { left, width }] = [hooks.view(), hooks.box()];
    return from + (to - from) * Math.min(1, Math.max(0, (x - left) / width));
  }

  function mark(from, to) {
    const [start, end] = [along(Math.min(from, to)), along(Math.max(from, to))];
    for (const plot of plots()) {
      const drag = layer(plot, "drag");
      drag.style.transform = `translateX(${start.toFixed(3)}cqw) scaleX(${((end - start) / 100).toFixed(5)})`;
      drag.hidden = false;
    }
  }

  // However many moves there are between two frames, the last one is shown.
  let moved = null;
  root.addEventListener("pointermove", (event) => {
    const plot = event.target.closest?.("[data-plot]");
    if (!plot) return;
    if (moved === null) requestAnimationFrame(follow);
    moved = event.clientX;
  });
  function follow() {
    if (moved === null) return;
    const x = moved;
    moved = null;
    const at = timeAt(x);
    show(at);
    if (begun && Math.abs(x - begun.x) > DRAGGED) mark(begun.time, at);
  }
  root.addEventListener("pointerdown", (event) => {
    const plot = event.target.closest?.("[data-plot]");
    if (!plot || event.button !== 0) return;
    begun = { x: event.clientX, time: timeAt(event.clientX) };
    if (event.pointerType === "mouse") plot.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointerup", (event) => {
    if (!begun) return;
    const { x, time: from } = begun;
    begun = null;
    clear("drag");
    if (Math.abs(event.clientX - x) <= DRAGGED) return;
    const to = timeAt(event.clientX);
    hooks.zoom(Math.min(from, to), Math.max(from, to));
  });
  root.addEventListener("pointercancel", () => { begun = null; clear("drag"); });
  root.addEventListener("pointerleave", () => { moved = null; show(null); });
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
