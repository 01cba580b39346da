// What is heard from the console, and whether what stands here can still be believed: every page reads its bar and its alerts each ten seconds,
// whatever else it reads.
import { announce, duration } from "./words.js";

const LONGEST = 20_000; // ms; one reading may be slow
const TURN = 12_000; // a page that nobody saw asks seldom: it has so long when it is looked at again
let heard = Date.now();

// For how many ms nothing has been heard, where the page says so.
export function silence() {
  return document.body.classList.contains("unheard") ? Date.now() - heard : 0;
}

export function watchSilence() {
  document.addEventListener("htmx:before:swap", (event) => {
    const answer = event.detail.ctx.response?.raw;
    if (answer && !answer.ok) event.preventDefault(); // neither its text nor its title takes the place of what stands here
  });
  const notice = document.querySelector("[data-unheard]");
  if (!notice) return;
  const since = notice.querySelector("[data-since]");

  function tell() {
    if (document.hidden) return;
    const silent = Date.now() - heard;
    if (silent > LONGEST) since.textContent = duration(silent / 1000);
    if (silent > LONGEST === notice.hidden) {
      notice.hidden = !notice.hidden;
      document.body.classList.toggle("unheard", !notice.hidden);
      announce(notice.hidden ? "The console is heard again." : "Nothing is heard from the console.");
    }
  }

  document.addEventListener("htmx:after:swap", () => {
    heard = Date.now();
    tell();
  });
  document.addEventListener("visibilitychange", () => { heard = Math.max(heard, Date.now() - LONGEST + TURN); });
  setInterval(tell, 1000);
}
