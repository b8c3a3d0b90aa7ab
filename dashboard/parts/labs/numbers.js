// A sentence with numbers that can be dragged. A number keeps its element while the page answers, so that a drag goes on
// through any number of answers. What is moved goes to Python as the trigger `moved`: the name and the new place.

const PIXELS = 7; // of movement for one step
const PAUSE = 120; // milliseconds between two answers that are asked for while dragging

function written(text) {
  const made = document.createDocumentFragment();
  text.split(/(\*\*[^*]+\*\*|\*[^*]+\*)/).forEach((part) => {
    const bold = part.startsWith("**"), slanted = !bold && part.length > 2 && part.startsWith("*");
    if (!bold && !slanted) { made.append(part); return; }
    const element = document.createElement(bold ? "strong" : "em");
    element.textContent = part.replaceAll("*", "");
    made.append(element);
  });
  return made;
}

function number(name, send) {
  const made = document.createElement("span");
  made.className = "dragged-number";
  made.tabIndex = 0;
  made.setAttribute("role", "slider");
  const state = { made, values: [], place: 0, dragging: false, sent: 0, waiting: 0 };
  state.show = () => {
    made.textContent = state.values[state.place];
    made.setAttribute("aria-valuenow", state.place);
    made.setAttribute("aria-valuemax", state.values.length - 1);
    made.setAttribute("aria-valuetext", state.values[state.place]);
  };
  const ask = () => {
    state.sent = performance.now();
    state.waiting = 0;
    send(name, state.place);
  };
  state.to = (place, now) => {
    place = Math.max(0, Math.min(state.values.length - 1, place));
    if (place === state.place) return;
    state.place = place;
    state.show();
    if (now) { clearTimeout(state.waiting); ask(); return; }
    if (!state.waiting) state.waiting = setTimeout(ask, Math.max(0, PAUSE - (performance.now() - state.sent)));
  };
  made.onpointerdown = (event) => {
    event.preventDefault();
    made.focus();
    const from = event.clientX, start = state.place;
    state.dragging = true;
    document.body.classList.add("dragging-number");
    const move = (moved) => state.to(start + Math.round((moved.clientX - from) / PIXELS), false);
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
      document.body.classList.remove("dragging-number");
      state.dragging = false;
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  };
  made.onkeydown = (event) => {
    const last = state.values.length - 1;
    const places = {
      ArrowRight: state.place + 1, ArrowUp: state.place + 1, ArrowLeft: state.place - 1, ArrowDown: state.place - 1,
      PageUp: state.place + 10, PageDown: state.place - 10, Home: 0, End: last,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    state.to(places[event.key], true);
  };
  return state;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let sentence = parentElement.querySelector(".dragged-sentence");
  if (!sentence) {
    sentence = document.createElement("p");
    sentence.className = "dragged-sentence";
    sentence.numbers = {};
    parentElement.append(sentence);
  }
  sentence.send = (name, place) => setTriggerValue("moved", { name, place });
  const focused = document.activeElement;
  const parts = data.pieces.map((piece) => {
    if (piece.text !== undefined) return written(piece.text);
    const known = sentence.numbers;
    known[piece.name] ??= number(piece.name, (name, place) => sentence.send(name, place));
    const state = known[piece.name];
    state.values = piece.values;
    if (!state.dragging && !state.waiting) state.place = piece.place;
    state.place = Math.min(state.place, state.values.length - 1);
    state.made.setAttribute("aria-label", piece.label);
    state.made.title = `${piece.label}: drag, or press the arrow keys`;
    state.show();
    return state.made;
  });
  sentence.replaceChildren(...parts);
  if (focused && focused !== document.activeElement && sentence.contains(focused)) focused.focus({ preventScroll: true });
}
