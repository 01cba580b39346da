// Logs of several hosts, side by side: lines are added as they come; a reader who scrolled up is left where they are.

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
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${whole.dataset.tail}`);
  socket.addEventListener("message", (event) => {
    const frame = JSON.parse(event.data);
    if (frame.kind === "lines" && pane(frame.host)) {
      add(pane(frame.host), frame.lines);
      state(frame.host, "following");
    } else if (frame.kind === "problem") {
      state(frame.host, frame.said || "following");
    }
  });
  socket.addEventListener("close", () => {
    state("", "not following: reload the page");
  });
}

export function followTails() {
  for (const whole of document.querySelectorAll("[data-tail]")) follow(whole);
}
