// A socket that comes again by itself. It only rings: whatever is missed on the way is read from the server.
const SHORTEST = 250; // ms before it is tried again, twice as long each time
const LONGEST = 5000;
const SILENCE = 40_000; // the server says something each 15 s: who is cut off from it hears nothing, not even an end

// `address()` is asked at each connection; `hooks`: opened(), closed(), told(frame).
export function socket(address, hooks) {
  let pause = SHORTEST;

  function connect() {
    const place = new URL(address(), location.href);
    place.protocol = place.protocol.replace("http", "ws");
    const made = new WebSocket(place);
    let alarm = setTimeout(over, SILENCE);
    let ended = false;

    function over() {
      if (ended) return;
      ended = true;
      clearTimeout(alarm);
      made.close();
      hooks.closed?.();
      pause = Math.min(pause * 2, LONGEST);
      setTimeout(connect, pause * (0.75 + Math.random() / 2));
    }

    made.addEventListener("open", () => {
      if (ended) return;
      pause = SHORTEST;
      hooks.opened?.();
    });
    made.addEventListener("message", (event) => {
      if (ended) return;
      clearTimeout(alarm);
      alarm = setTimeout(over, SILENCE);
      hooks.told(JSON.parse(event.data));
    });
    made.addEventListener("close", over);
  }

  connect();
}
