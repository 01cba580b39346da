// One command, one copy button: exactly what is run.
import { announce } from "./words.js";

export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // plain http on another machine has no clipboard
  area.value = text;
  area.className = "vh";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function copyButtons() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await copy(button.parentElement.querySelector("[data-copy-text]").textContent);
    announce("Copied.");
    button.dataset.copied = "";
    setTimeout(() => delete button.dataset.copied, 1500);
  });
}
