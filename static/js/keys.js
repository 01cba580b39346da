// A key or passkey that was not shown, or that the browser does not take: said on the page, where nothing else would happen.
const WORDS = {
  NotAllowedError: "No key was shown in time, or it did not recognise you. Nothing has happened; try again.",
  InvalidStateError: "This key is yours here already.",
  SecurityError: "This browser uses keys on the console's own address alone, over https.",
};

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("key-refused");
  place.textContent = WORDS[event.detail.exception.name] ?? "That key could not be used. Try again, or another way.";
  place.hidden = false;
});
