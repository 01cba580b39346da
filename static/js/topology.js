/* Whoever points at a part of the drawing, or has the focus there, sees the whole way that it is on; the rest steps back. */

for (const drawing of document.querySelectorAll(".topology")) {
  const lines = [...drawing.querySelectorAll(".line")].map((line) => ({
    line,
    from: line.dataset.from.split(" "),
    to: [line.dataset.to],
  }));

  const walk = (start, here, there) => {
    const seen = new Set([start]);
    const waiting = [start];
    while (waiting.length) {
      const at = waiting.pop();
      for (const each of lines.filter((one) => one[here].includes(at))) {
        each.line.classList.add("on");
        for (const next of each[there].filter((one) => !seen.has(one))) {
          seen.add(next);
          waiting.push(next);
        }
      }
    }
    return seen;
  };

  const follow = (event) => {
    drawing.querySelectorAll(".on").forEach((each) => each.classList.remove("on"));
    const chain = [];
    for (let part = event.target.closest("[data-node]"); part; part = part.parentElement.closest("[data-node]")) {
      if (lines.some((each) => [...each.from, ...each.to].includes(part.dataset.node))) chain.push(part.dataset.node);
    }
    const nodes = new Set(chain.slice(0, 1).flatMap((start) => [...walk(start, "from", "to"), ...walk(start, "to", "from")]));
    if (nodes.size) nodes.add(event.target.closest("[data-node]").dataset.node);
    drawing.classList.toggle("followed", nodes.size > 0);
    for (const each of drawing.querySelectorAll("[data-node]")) each.classList.toggle("on", nodes.has(each.dataset.node));
  };

  for (const kind of ["pointerover", "focusin"]) drawing.addEventListener(kind, follow);
  for (const kind of ["pointerleave", "focusout"]) drawing.addEventListener(kind, () => drawing.classList.remove("followed"));
}
