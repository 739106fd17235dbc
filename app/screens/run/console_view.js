/* Console output: numbered lines, what is searched for marked, the end in view as long as nobody scrolled away. */

const CLOSE = 24; // pixels from the end that still count as the end
const views = new WeakMap();

const STYLE = `
.gtrack-console { height: var(--height); overflow: auto; margin: 0; padding: 0.5rem 0; outline-offset: -2px;
  background: var(--st-secondary-background-color); border-radius: var(--st-base-radius);
  font: 0.8rem/1.45 var(--st-code-font, monospace); tab-size: 4; color: var(--st-text-color); }
.gtrack-console div { display: flex; padding: 0 0.75rem 0 0; }
.gtrack-console div.hit { background: color-mix(in srgb, var(--st-primary-color) 10%, transparent); }
.gtrack-console span { flex: none; width: 4.5em; padding-right: 1em; text-align: right; user-select: none;
  color: color-mix(in srgb, var(--st-text-color) 65%, transparent); }
.gtrack-console code { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 0; padding: 0; background: none;
  font: inherit; color: inherit; }
.gtrack-console mark { background: #ffd54a; color: #1c2430; border-radius: 2px; }
`;

export default function (component) {
  const { data, parentElement: place } = component;
  const view = views.get(place) ?? build(place);
  view.root.style.setProperty("--height", `${data.height}px`);
  const atEnd = view.root.scrollHeight - view.root.scrollTop - view.root.clientHeight < CLOSE;
  const fresh = view.search !== data.search;
  view.search = data.search;
  fill(view, data, fresh);
  if (data.follow ? atEnd || view.first : view.first) view.root.scrollTop = view.root.scrollHeight;
  view.first = false;
  return () => {
    views.delete(place);
    view.style.remove();
    view.root.remove();
  };
}

function build(place) {
  const style = document.createElement("style");
  style.textContent = STYLE;
  const root = document.createElement("div");
  root.className = "gtrack-console";
  root.tabIndex = 0;
  root.setAttribute("role", "log");
  root.setAttribute("aria-label", "Console output");
  root.setAttribute("aria-live", "off");
  place.append(style, root);
  const view = { style, root, first: true, search: null };
  views.set(place, view);
  return view;
}

/* Lines that are there stay: only what is new is added, so that a selection survives. */
function fill(view, { lines, search }, fresh) {
  const { root } = view;
  const wanted = search.toLowerCase();
  while (root.firstChild && (fresh || !lines.length || Number(root.firstChild.dataset.number) < lines[0][0])) {
    root.firstChild.remove();
  }
  let at = 0;
  for (const [number, text] of lines) {
    const row = root.children[at];
    if (row && Number(row.dataset.number) === number && row.dataset.text === text) {
      at += 1;
      continue;
    }
    const made = rowOf(number, text, wanted);
    if (row) row.replaceWith(made);
    else root.append(made);
    at += 1;
  }
  while (root.children.length > at) root.lastChild.remove();
}

function rowOf(number, text, wanted) {
  const row = document.createElement("div");
  row.dataset.number = number;
  row.dataset.text = text;
  const mark = document.createElement("span");
  mark.textContent = number;
  const body = document.createElement("code");
  const low = text.toLowerCase();
  let from = 0;
  // A text that grows in lower case has other places than its original: it is shown unmarked.
  if (wanted && low.length === text.length) {
    for (let hit = low.indexOf(wanted); hit >= 0; hit = low.indexOf(wanted, from)) {
      body.append(text.slice(from, hit));
      const found = document.createElement("mark");
      found.textContent = text.slice(hit, hit + wanted.length);
      body.append(found);
      from = hit + wanted.length;
      row.className = "hit";
    }
  }
  body.append(text.slice(from));
  row.append(mark, body);
  return row;
}
