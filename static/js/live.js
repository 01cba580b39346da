// One run, live. The socket only rings: lines with numbers, and "the state has changed". Whatever is missed is read from the database.
import { announce } from "./words.js";

const AT_MOST_EACH = 1000; // ms between two reads of the state
const ANYWAY_EACH = 4000; // hosts move without the run's state changing
const LONGEST_PAUSE = 5000;

export function watchRun(root, log) {
  let last = 0;
  let waiting = 0;
  let step = "";

  async function read() {
    waiting = 0;
    last = Date.now();
    await window.htmx.ajax("GET", root.dataset.live, { target: root, swap: "innerMorph" });
    tell();
  }

  function refresh() {
    if (!waiting) waiting = setTimeout(read, Math.max(0, last + AT_MOST_EACH - Date.now()));
  }

  function tell() {
    const head = root.querySelector("[data-title]");
    if (!head) return;
    document.title = head.dataset.title;
    if (head.dataset.told !== step) announce(head.dataset.told);
    step = head.dataset.told;
    if (over()) document.getElementById("stop")?.remove();
  }

  const over = () => Boolean(root.querySelector("[data-over]"));

  const address = new URL(root.dataset.socket, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  let pause = 250;
  let open = false;

  function connect() {
    const socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      open = true;
      pause = 250;
      log?.join();
      refresh();
    });
    socket.addEventListener("message", (event) => {
      const frame = JSON.parse(event.data);
      if (frame.kind === "lines") log?.receive(frame);
      else if (frame.kind === "state") refresh();
      else log?.join();
    });
    socket.addEventListener("close", () => {
      open = false;
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      setTimeout(connect, pause * (0.75 + Math.random() / 2));
    });
  }

  setInterval(() => {
    if (document.hidden) return;
    if (!open) log?.join();
    if (!over()) refresh();
  }, ANYWAY_EACH);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { log?.join(); refresh(); } });
  log?.join();
  tell();
  connect();
}
