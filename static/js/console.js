// What every page does besides what the server sent. Each module looks for its own data- hooks and does nothing where there are none.
import { startClocks } from "./clock.js";
import { confirmByTyping, pressOnce } from "./confirm.js";
import { copyButtons } from "./copy.js";
import { watchSilence } from "./heard.js";
import { watch } from "./live.js";
import { LogView } from "./log.js";
import { followTails } from "./tail.js";
import { themeSwitch } from "./theme.js";

document.documentElement.dataset.scripted = "";
themeSwitch();
startClocks();
copyButtons();
confirmByTyping();
pressOnce();
followTails();
watchSilence();

const panel = document.querySelector("[data-log]");
const log = panel ? new LogView(panel) : null;
const living = document.querySelector("[data-live]");
if (living) watch(living, log);
