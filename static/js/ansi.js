// The colours of a line of output, read as runs/ansi.py reads them: SGR as classes, every other escape dropped, text never markup.
const SEQUENCE = /\x1b\[([0-9;]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?/g;
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;
const COLOURS = { 30: "dim", 31: "red", 32: "green", 33: "yellow", 34: "blue", 35: "mag", 36: "cyan", 37: "", 90: "dim", 91: "red", 92: "green", 93: "yellow", 94: "blue", 95: "mag", 96: "cyan", 97: "" };
const STYLES = { 1: "bold", 2: "dim", 7: "inv" };
const STYLES_OFF = { 22: ["bold", "dim"], 27: ["inv"] };

function apply(parameters, style) {
  const codes = (parameters || "0").split(";").map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) {
      style.colour = "";
      style.set.clear();
    } else if (code === 38 || code === 48) {
      at += 1;
      at += codes[at] === 5 ? 1 : codes[at] === 2 ? 3 : 0;
    } else if (code === 39) style.colour = "";
    else if (code in COLOURS) style.colour = COLOURS[code];
    else if (code in STYLES) style.set.add(STYLES[code]);
    else if (code in STYLES_OFF) STYLES_OFF[code].forEach((name) => style.set.delete(name));
  }
}

export function pieces(line) {
  const text = line.replace(/\r+$/, "");
  const shown = text.slice(text.lastIndexOf("\r") + 1);
  const style = { colour: "", set: new Set() };
  const found = [];
  const keep = (raw) => {
    const kept = raw.replace(CONTROL, "");
    const classes = [...style.set].sort().concat(style.colour || []).map((name) => `a-${name}`).join(" ");
    if (kept) found.push([kept, classes]);
  };
  let position = 0;
  for (const match of shown.matchAll(SEQUENCE)) {
    keep(shown.slice(position, match.index));
    position = match.index + match[0].length;
    if (match[1] !== undefined) apply(match[1], style);
  }
  keep(shown.slice(position));
  return found;
}

const SPECIAL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
export const plain = (line) => (SPECIAL.test(line) ? pieces(line).map(([text]) => text).join("") : line);
