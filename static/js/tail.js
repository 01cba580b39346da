// Logs of several hosts, side by side: lines are added as they come; a reader who scrolled up is left where they are.
import { socket } from "./socket.js";

const KEPT = 5000; // lines of each host

function add(pane, lines) {
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
  const before = pane.dataset.fresh ? pane.textContent.split("\n") : [];
  pane.dataset.fresh = "yes"; // what the page was made with comes again with the first lines
  pane.textContent = [...before, ...lines].slice(-KEPT).join("\n");
  if (atEnd || before.length === 0) pane.scrollTop = pane.scrollHeight;
}

function follow(whole) {
  const pane = (host) => whole.querySelector(`[data-tail-host="${CSS.escape(host)}"]`);
  const state = (host, words) => {
    for (const each of whole.querySelectorAll("[data-tail-state]")) {
      if (!host || each.dataset.tailState === host) each.textContent = words;
    }
  };
  socket(() => whole.dataset.tail, {
    opened: () => {
      for (const each of whole.querySelectorAll("[data-tail-host]")) delete each.dataset.fresh;
      state("", "following");
    },
    closed: () => { state("", "not following: connecting again"); },
    told: (frame) => {
      if (frame.kind === "lines" && pane(frame.host)) {
        add(pane(frame.host), frame.lines);
        state(frame.host, "following");
      } else if (frame.kind === "problem") {
        state(frame.host, frame.said || "following");
      }
    },
  });
}

export function followTails() {
  for (const whole of document.querySelectorAll("[data-tail]")) follow(whole);
}
