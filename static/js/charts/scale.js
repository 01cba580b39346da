// Times and numbers of a chart: where the marks of its axes stand, and how a value reads. Times are seconds since 1970.
import { thin } from "../words.js";

const zone = document.body.dataset.zone || "UTC";
const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour12: false, ...options });
const minute = part({ hour: "2-digit", minute: "2-digit" });
const minuteZone = part({ hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
const day = part({ day: "numeric", month: "short" });
const weekday = part({ weekday: "short", day: "numeric", month: "short", timeZoneName: "short" });
const whole = part({ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
const STEPS = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600];

export const atMinute = (time) => minuteZone.format(time * 1000);

export function days(from, to) {
  const [first, last] = [weekday.formatToParts(from * 1000), weekday.formatToParts(to * 1000)].map((parts) => parts.map((each) => each.value).join(""));
  const bare = (words) => words.replace(/,? [^ ]+$/, "");
  return bare(first) === bare(last) ? last : `${bare(first)} – ${last}`;
}

function offset(time) {
  const parts = Object.fromEntries(whole.formatToParts(time * 1000).map((each) => [each.type, Number(each.value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour % 24, parts.minute, parts.second) / 1000 - time;
}

// At most `most` marks, on round times of the estate's zone. Every chart asks for the same ones: the last are kept.
let last = { key: "", found: [] };

export function ticks(from, to, most) {
  const key = `${from} ${to} ${most}`;
  if (last.key !== key) last = { key, found: marks(from, to, most) };
  return last.found;
}

function marks(from, to, most) {
  const step = STEPS.find((each) => (to - from) / each <= most) || STEPS[STEPS.length - 1];
  const shift = offset(Math.floor(from));
  const found = [];
  for (let time = Math.ceil((from + shift) / step) * step - shift; time <= to; time += step) {
    const midnight = (time + shift) % 86400 === 0;
    found.push({ time, words: step >= 86400 || midnight ? day.format(time * 1000) : minute.format(time * 1000) });
  }
  return found;
}

// The round number at or above which an axis ends.
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((each) => each * power).find((each) => each >= value * 0.9999);
}

const BYTES = ["B", "kB", "MB", "GB", "TB"];

// [figure, unit]: 84 720, 0.47 s, 9.8 GB.
export function parts(value, unit) {
  if (value === null || value === undefined) return ["–", ""];
  if (unit === "B") {
    let left = value;
    let place = 0;
    while (Math.abs(left) >= 1000 && place < BYTES.length - 1) {
      left /= 1000;
      place += 1;
    }
    return [digits(left), BYTES[place]];
  }
  return [digits(value), unit];
}

function digits(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return (value < 0 ? "−" : "") + thin(Math.round(size));
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export function told(value, unit) {
  const [figure, of] = parts(value, unit);
  return of ? `${figure}\u202f${of}` : figure;
}
