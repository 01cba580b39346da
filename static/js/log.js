// The log: any number of lines in memory, only those in sight in the page. Lines have the database's numbers, so a gap is seen and read again.
import { pieces, plain } from "./ansi.js";
import { copy } from "./copy.js";
import { Heights } from "./heights.js";
import { announce, clock, duration, now, thin } from "./words.js";

const TAIL = 2000; // lines that are read before all older ones
const BEYOND = 12; // lines drawn above and below what is in sight
const ERROR = /\b(error|exception|fatal|failed|failure|denied|traceback|segmentation fault|no such file|not found)\b/i;

export class LogView {
  constructor(panel) {
    this.panel = panel;
    this.url = panel.dataset.log;
    this.view = panel.querySelector("[data-log-view]");
    this.lines = []; // {seq, time, host, text}
    this.shown = []; // indices into lines, or all of them where no host is chosen
    this.base = Math.max(Number(panel.dataset.head) - TAIL, 0);
    this.last = this.base;
    this.following = true;
    this.host = panel.querySelector("[data-host][aria-current]")?.dataset.host ?? "";
    this.query = "";
    this.hits = [];
    this.hit = -1;
    this.reading = null;
    this.drawn = new Map();
    this.newest = 0;
    this.olderLeft = this.base;
    this.#build();
    this.#controls();
    setInterval(() => this.#say(), 1000);
  }

  // -- lines come in

  // Reads what is stored above the last known number; called at the start, at every (re)connection, and where a gap is seen.
  join() {
    this.reading ??= this.#read().catch(() => {}).finally(() => { this.reading = null; });
    return this.reading;
  }

  async #read() {
    for (;;) {
      const page = await this.#page(this.last);
      this.#take(page.chunks, page.last);
      if (page.last >= page.head) break;
    }
    if (this.olderLeft) await this.#readOlder();
  }

  async #page(after) {
    const response = await fetch(`${this.url}?after=${after}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`the log answered ${response.status}`);
    return response.json();
  }

  async #readOlder() {
    const older = [];
    let after = 0;
    while (after < this.base) {
      const page = await this.#page(after);
      for (const chunk of page.chunks) this.#split(chunk, (line) => { if (line.seq > after && line.seq <= this.base) older.push(line); });
      if (page.last <= after) break;
      after = page.last;
      this.olderLeft = Math.max(this.base - after, 0);
      this.#say();
    }
    this.olderLeft = 0;
    const anchor = this.#anchor();
    this.lines = older.concat(this.lines);
    this.#filter();
    this.#restore(anchor);
  }

  receive(frame) {
    if (frame.first > this.last + 1) this.join();
    else this.#take(frame.chunks, frame.last);
  }

  #take(chunks, last) {
    const before = this.lines.length;
    for (const chunk of chunks) this.#split(chunk, (line) => {
      if (line.seq <= this.last) return;
      this.last = line.seq;
      this.lines.push(line);
      this.newest = line.time;
      this.#knowHost(line.host);
    });
    this.last = Math.max(this.last, last);
    if (this.lines.length === before) return;
    for (let index = before; index < this.lines.length; index += 1) this.#show(index);
    this.#draw();
    this.#say();
  }

  #split(chunk, each) {
    const time = Date.parse(chunk.time);
    chunk.text.split("\n").forEach((text, offset) => each({ seq: chunk.first + offset, time, host: chunk.host, text: text.replaceAll("\t", "    ") }));
  }

  #knowHost(host) {
    this.hosts ??= new Set([...this.panel.querySelectorAll("[data-host]")].map((link) => link.dataset.host));
    if (this.hosts.has(host)) return;
    this.hosts.add(host);
    const link = document.createElement("a");
    link.href = `?host=${encodeURIComponent(host)}#log`;
    link.dataset.host = host;
    link.textContent = host;
    this.panel.querySelector("[data-log-hosts]").append(link);
  }

  // -- what is shown: all lines, or those of one host

  #show(index) {
    const line = this.lines[index];
    if (this.host && line.host !== this.host) return;
    this.shown.push(index);
    this.heights.push(this.#rows(line));
    if (this.pattern && this.pattern.test(plain(line.text))) this.hits.push(this.shown.length - 1);
  }

  #rows(line) {
    return Math.max(1, Math.ceil(plain(line.text).length / this.columns));
  }

  #filter() {
    this.shown = [];
    this.hits = [];
    this.heights.clear();
    this.#forget();
    for (let index = 0; index < this.lines.length; index += 1) this.#show(index);
  }

  // -- drawing

  #build() {
    this.canvas = document.createElement("ol");
    this.canvas.className = "log windowed";
    this.view.replaceChildren(this.canvas);
    this.heights = new Heights();
    this.#measure();
    this.view.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => {
      const columns = this.columns;
      this.#measure();
      if (columns === this.columns) return this.#draw();
      const anchor = this.#anchor();
      this.#filter();
      this.#restore(anchor);
    }).observe(this.view);
  }

  #measure() {
    const probe = this.#row({ seq: 1, time: 0, host: "x", text: "x".repeat(100) });
    const inner = document.createElement("span");
    inner.textContent = "x".repeat(100);
    inner.className = "probe";
    const text = probe.querySelector(".tx");
    text.replaceChildren(inner);
    this.canvas.append(probe);
    const letter = inner.getBoundingClientRect().width / 100;
    this.columns = Math.max(Math.floor(text.clientWidth / (letter || 7)), 16);
    this.height = parseFloat(getComputedStyle(probe).lineHeight) || 20;
    probe.remove();
  }

  #row(line) {
    const row = document.createElement("li");
    const cell = (name, text) => {
      const span = document.createElement("span");
      span.className = name;
      span.textContent = text;
      row.append(span);
      return span;
    };
    cell("no", line.seq);
    cell("at", clock(line.time));
    cell("src", line.host);
    const text = cell("tx", "");
    for (const [part, classes] of pieces(line.text)) text.append(...this.#marked(part, classes));
    return row;
  }

  #marked(part, classes) {
    const wrap = (nodes) => {
      if (!classes) return nodes;
      const span = document.createElement("span");
      span.className = classes;
      span.append(...nodes);
      return [span];
    };
    if (!this.pattern) return wrap([part]);
    const nodes = [];
    let position = 0;
    for (const match of part.matchAll(new RegExp(this.pattern, "gi"))) {
      const mark = document.createElement("mark");
      mark.textContent = match[0];
      nodes.push(part.slice(position, match.index), mark);
      position = match.index + match[0].length;
    }
    nodes.push(part.slice(position));
    return wrap(nodes);
  }

  #forget() {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
  }

  #draw() {
    this.seenHeight = this.view.clientHeight;
    this.canvas.style.height = `${this.heights.total * this.height}px`;
    if (this.following) this.view.scrollTop = this.view.scrollHeight;
    const top = this.view.scrollTop / this.height;
    const from = Math.max(this.heights.find(top) - BEYOND, 0);
    const to = Math.min(this.heights.find(top + this.view.clientHeight / this.height) + BEYOND, this.shown.length - 1);
    for (const [position, row] of this.drawn) {
      if (position < from || position > to) {
        row.remove();
        this.drawn.delete(position);
      }
    }
    let cursor = this.canvas.firstChild;
    for (let position = from; position <= to; position += 1) {
      const row = this.drawn.get(position) ?? this.#place(position);
      if (row === cursor) cursor = cursor.nextSibling;
      else this.canvas.insertBefore(row, cursor);
    }
  }

  #place(position) {
    const line = this.lines[this.shown[position]];
    const row = this.#row(line);
    row.style.top = `${this.heights.before(position) * this.height}px`;
    row.style.height = `${this.heights.of(position) * this.height}px`;
    if (ERROR.test(line.text)) row.classList.add("er");
    if (position === this.at) row.classList.add("at-hit");
    this.drawn.set(position, row);
    return row;
  }

  #scrolled() {
    if (this.following && this.view.clientHeight !== this.seenHeight) return this.#draw(); // the window moved, not the person
    const top = this.view.scrollTop;
    const atEnd = top + this.view.clientHeight >= this.view.scrollHeight - 4;
    if (atEnd) this.following = true;
    else if (top < (this.before ?? 0) - 1) this.following = false;
    this.before = top;
    this.#draw();
    this.#say();
  }

  #anchor() {
    const position = this.heights.find(this.view.scrollTop / this.height);
    return { seq: this.lines[this.shown[position]]?.seq, within: this.view.scrollTop - this.heights.before(position) * this.height };
  }

  #restore(anchor) {
    if (!this.following && anchor.seq !== undefined) {
      let position = this.shown.findIndex((index) => this.lines[index].seq >= anchor.seq);
      if (position < 0) position = this.shown.length - 1;
      this.canvas.style.height = `${this.heights.total * this.height}px`;
      this.view.scrollTop = this.heights.before(position) * this.height + anchor.within;
      this.before = this.view.scrollTop;
    }
    this.#draw();
    this.#say();
  }

  goTo(position) {
    this.following = false;
    this.at = position;
    this.view.scrollTop = Math.max(this.heights.before(position) * this.height - this.view.clientHeight / 3, 0);
    this.before = this.view.scrollTop;
    this.#forget();
    this.#draw();
    this.#say();
  }

  // -- controls

  #controls() {
    const find = (hook) => this.panel.querySelector(hook);
    this.state = find("[data-log-state]");
    this.hitsText = find("[data-log-hits]");
    this.followButton = find("[data-log-follow]");
    this.followButton.addEventListener("click", () => {
      this.following = true;
      this.#draw();
      this.#say();
    });
    find("[data-log-hosts]").addEventListener("click", (event) => {
      const link = event.target.closest("[data-host]");
      if (!link) return;
      event.preventDefault();
      this.choose(link.dataset.host);
    });
    const form = find("[data-log-search]");
    const input = form.querySelector("input");
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.search(input.value), 120);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") {
        input.value = "";
        this.search("");
        this.view.focus();
      } else return;
      event.preventDefault();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    find("[data-log-error]").addEventListener("click", () => this.firstError());
    find("[data-log-copy]").addEventListener("click", async () => {
      await copy(this.shown.map((index) => plain(this.lines[index].text)).join("\n"));
      announce(`Copied ${this.shown.length} lines.`);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, textarea, select")) return;
      event.preventDefault();
      input.focus();
    });
    if (input.value) this.search(input.value);
  }

  choose(host) {
    const anchor = this.#anchor();
    this.host = host;
    for (const link of this.panel.querySelectorAll("[data-host]")) {
      if (link.dataset.host === host) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.#filter();
    this.hit = -1;
    this.at = undefined;
    this.#tellHits();
    this.#restore(anchor);
  }

  search(words) {
    const text = words.trim();
    this.pattern = text ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i") : null;
    this.hits = [];
    this.hit = -1;
    this.at = undefined;
    if (this.pattern) this.shown.forEach((index, position) => { if (this.pattern.test(plain(this.lines[index].text))) this.hits.push(position); });
    this.#forget();
    if (this.hits.length) this.step(1);
    else this.#draw();
    this.#tellHits();
  }

  #tellHits() {
    const at = this.hit < 0 ? "" : `${thin(this.hit + 1)} of `;
    this.hitsText.textContent = !this.pattern ? "" : this.hits.length ? `${at}${thin(this.hits.length)}` : "none";
  }

  step(by) {
    if (!this.hits.length) return;
    this.hit = (this.hit + by + this.hits.length) % this.hits.length;
    this.#tellHits();
    this.goTo(this.hits[this.hit]);
  }

  firstError() {
    const position = this.shown.findIndex((index) => ERROR.test(plain(this.lines[index].text)));
    if (position >= 0) this.goTo(position);
    announce(position >= 0 ? `Line ${this.lines[this.shown[position]].seq}: ${plain(this.lines[this.shown[position]].text)}` : "No line speaks of an error.");
    if (position < 0) this.told = "No line speaks of an error.";
    this.#say();
  }

  #say() {
    const parts = [];
    if (this.told) parts.push(this.told);
    if (this.olderLeft) parts.push(`Reading ${thin(this.olderLeft)} older lines.`);
    if (this.last) parts.push(this.following ? "Following." : "Not following.");
    if (this.last && this.newest) parts.push(`Line ${thin(this.last)}, ${duration((now() - this.newest) / 1000)} ago.`);
    if (this.host) parts.push(`${thin(this.shown.length)} of ${this.host}.`);
    if (!this.last) parts.push("No line yet. What hosts and AWS say appears here as it comes.");
    else if (this.following) parts.push("Scroll up to stop following.");
    const words = parts.join(" ");
    if (this.state.textContent !== words) this.state.textContent = words;
    this.followButton.hidden = this.following;
    this.told = "";
  }
}
