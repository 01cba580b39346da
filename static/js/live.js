// A page that is about something living. The socket only rings: lines with numbers, and "the state has changed"; what is shown is read again from
// the server, as the same fragment that the page was made of. Whatever is missed on the way is read from the database.
import { socket } from "./socket.js";
import { announce } from "./words.js";

const AT_MOST_EACH = 1000; // ms between two reads of the state
const ANYWAY_EACH = 4000; // hosts move without a doorbell

export function watch(root, log) {
  let last = Date.now();
  let waiting = 0;
  let told = "";
  let open = false;

  async function read() {
    waiting = 0;
    last = Date.now();
    await window.htmx.ajax("GET", root.dataset.live, { target: root, swap: "innerMorph" });
    document.getElementById("bar")?.dispatchEvent(new Event("refresh"));
    tell();
  }

  function refresh() {
    if (!waiting) waiting = setTimeout(read, Math.max(0, last + AT_MOST_EACH - Date.now()));
  }

  function tell() {
    const head = root.querySelector("[data-title]");
    if (!head) return;
    document.title = head.dataset.title;
    if (told && head.dataset.told !== told) announce(head.dataset.told);
    told = head.dataset.told;
    if (over()) document.getElementById("stop")?.remove();
  }

  const over = () => Boolean(root.querySelector("[data-over]"));

  function anyway() {
    if (document.hidden) return;
    if (!open) log?.join();
    if (!over()) refresh();
  }

  setInterval(anyway, ANYWAY_EACH);
  document.addEventListener("visibilitychange", anyway);
  tell();
  log?.join();
  socket(() => (log ? `${root.dataset.socket}?after=${log.last}` : root.dataset.socket), {
    opened: () => {
      open = true;
      refresh();
    },
    closed: () => { open = false; },
    told: (frame) => {
      if (frame.kind === "lines") log?.receive(frame);
      else refresh();
    },
  });
}
