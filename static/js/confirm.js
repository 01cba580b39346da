// The name is typed before the button can be pressed, and a button is pressed once. The server asks for both again.

function judge(form) {
  const input = form.querySelector("[data-confirm]");
  const button = form.querySelector("[data-go]");
  if (!input || !button) return;
  const wanted = input.dataset.confirm;
  const typed = input.value.trim();
  const why = form.querySelector("[data-confirm-why]");
  const left = form.querySelector("[data-confirm-left]");
  why.hidden = typed === wanted;
  left.textContent = wanted.startsWith(typed) ? (typed ? `“${wanted.slice(typed.length)}” is missing.` : "nothing typed yet.") : `“${typed}” is something else.`;
  button.disabled = "blocked" in button.dataset || typed !== wanted;
}

function judgeAll() {
  for (const form of document.querySelectorAll("[data-confirm-form]")) judge(form);
}

export function confirmByTyping() {
  judgeAll();
  document.addEventListener("input", judgeAll);
  document.addEventListener("htmx:after:swap", judgeAll);
  window.addEventListener("pageshow", judgeAll);
}

export function pressOnce() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-once]")) return;
    const button = event.target.querySelector("button:not([type=button])");
    button.setAttribute("aria-busy", "true");
    setTimeout(() => { button.disabled = true; });
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("[aria-busy]")) {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
    judgeAll();
  });
}
