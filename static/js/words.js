// The same rule book as opsconsole/templatetags/words.py: what ticks here must read as it was written there.
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const zone = document.body.dataset.zone || "UTC";
const format = (options) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, ...options });
const local = format({ timeZone: zone });
const named = format({ timeZone: zone, timeZoneName: "short" });
const utc = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "UTC" });

// The server's clock, not this computer's.
const skew = document.body.dataset.now ? Date.parse(document.body.dataset.now) - Date.now() : 0;
export const now = () => Date.now() + skew;

export function duration(seconds) {
  const left = Math.max(Math.floor(seconds), 0);
  for (let unit = 0; unit < UNITS.length - 1; unit += 1) {
    const [large, one] = UNITS[unit];
    const [small, two] = UNITS[unit + 1];
    if (left >= large) return `${Math.floor(left / large)} ${one} ${String(Math.floor((left % large) / small)).padStart(2, "0")} ${two}`;
  }
  return `${left} s`;
}

export const thin = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
export const clock = (time) => local.format(time);
export const clockZone = (time) => named.format(time);
export const utcMinute = (time) => `${utc.format(time)} UTC`;

const announcer = document.querySelector("[data-announce]");
// For those who do not see the page: one sentence, when it matters.
export function announce(sentence) {
  if (announcer) announcer.textContent = sentence;
}
