// Counts on what the server wrote: ages, times passed, the clock in the bar.
import { silence } from "./heard.js";
import { clockZone, duration, now, utcMinute } from "./words.js";

function tell(element, at) {
  const since = (at - Date.parse(element.dateTime)) / 1000;
  switch (element.dataset.tick) {
    case "since": return duration(since - silence() / 1000); // what nobody has heard of is not counted on
    case "ago": return `${duration(since)} ago`;
    case "clock": return clockZone(at);
    default: return utcMinute(at);
  }
}

function tick() {
  const at = now();
  for (const element of document.querySelectorAll("[data-tick]")) {
    const words = tell(element, at);
    if (element.textContent !== words) element.textContent = words;
  }
}

export function startClocks() {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:after:swap", tick);
}
