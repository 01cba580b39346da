// Shows /sim/state every two seconds, and sends what the buttons say. All texts are set as text, never as markup.

const byId = (id) => document.getElementById(id);
const said = byId("said");

function say(text, bad = false) {
  said.textContent = text;
  said.classList.toggle("bad", bad);
}

async function call(method, path, body) {
  const options = { method, headers: { "Content-Type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function cell(text, kind = "", small = "") {
  const td = document.createElement("td");
  td.textContent = text;
  if (kind) td.className = kind;
  if (small) td.append(Object.assign(document.createElement("small"), { textContent: small }));
  return td;
}

function rows(table, lists) {
  table.tBodies[0].replaceChildren(...lists.map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  }));
}

const status = (code) => cell(String(code), code < 400 ? "ok" : "bad");

function hostRow(host) {
  const missing = Object.entries(host.mounts).filter(([, there]) => !there).map(([point]) => point);
  return [
    cell(host.name, "", host.environment),
    cell(host.private_ip, "", host.instance_id),
    cell(host.label || "none", "", host.unpacked ? "another one is unpacked" : ""),
    host.maintenance ? cell("flag is there", "warn") : cell("no flag", "quiet"),
    status(host.home),
    status(host.health_check),
    host.database_fits ? cell("fits the code", "quiet") : cell("differs from the code", "bad"),
    host.statics ? cell(host.statics, "quiet") : cell("no version", "bad"),
    missing.length ? cell(`${4 - missing.length} of 4`, "bad", missing.join(", ")) : cell("4 of 4", "quiet"),
  ];
}

function visits(visitors) {
  byId("visits").replaceChildren(...visitors.recent.map((code) => {
    const li = Object.assign(document.createElement("li"), { textContent: code, title: code });
    if (code >= 500) li.className = "bad";
    else if (code >= 400) li.className = "warn";
    return li;
  }));
  const counts = (by) => Object.entries(by).map(([code, n]) => `${n} × ${code}`).join(", ") || "none";
  byId("counts").textContent = `Last minute: ${counts(visitors.last_minute)}. Since the start: ${counts(visitors.by_status)}.`;
}

function show(state) {
  rows(byId("hosts"), state.hosts.map(hostRow));
  visits(state.visitors);
  const options = (fault) => Object.entries(fault.options).map(([name, value]) => `${name} ${value}`).join(", ");
  byId("faults").hidden = state.faults.length === 0;
  rows(byId("faults"), state.faults.map((fault) => [
    cell(fault.kind), cell(fault.host || "any"), cell(fault.times < 0 ? "until cleared" : String(fault.times)), cell(options(fault)),
  ]));
  rows(byId("messages"), state.messages.map((each) => [cell(each.at.slice(11, 19), "quiet"), cell(each.kind), cell(each.to, "quiet"), cell(each.title, "", each.text.slice(0, 300))]));
  rows(byId("repositories"), Object.entries(state.repositories).flatMap(([name, heads]) =>
    Object.entries(heads).map(([branch, head]) => [cell(name), cell(branch), cell(head.commit.slice(0, 7)), cell(head.subject)])));
  const speed = byId("speed-value");
  if (document.activeElement !== speed) speed.value = state.speed;
}

async function refresh() {
  try {
    show(await call("GET", "/sim/state"));
    if (said.dataset.away) { delete said.dataset.away; say(""); }
  } catch {
    said.dataset.away = "yes";
    say("The sandbox does not answer.", true);
  }
}

async function press(work) {
  try {
    say(await work());
  } catch (error) {
    say(error.message, true);
  }
  refresh();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { fault, action, options, clear } = button.dataset;
  if (fault) press(async () => { await call("POST", "/sim/faults", JSON.parse(fault)); return `${button.textContent}: it waits to strike.`; });
  else if (action) press(async () => (await call("POST", `/sim/actions/${action}`, JSON.parse(options))).done);
  else if (clear !== undefined) press(async () => { await call("DELETE", "/sim/faults"); return "All faults are cleared."; });
});

byId("speed").addEventListener("submit", (event) => {
  event.preventDefault();
  press(async () => `Speed is ${(await call("POST", "/sim/speed", { speed: Number(byId("speed-value").value) })).speed}.`);
});

(async function follow() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((wake) => setTimeout(wake, 2000));
  }
})();
