/* The legend of all charts of a page: which line is which run, and which are drawn. */

import { element } from "./dom.js";

const STROKES = { dash: "6 3", dot: "2 2.5", dashdot: "6 2.5 2 2.5", longdash: "9 3" };
const SVG = "http://www.w3.org/2000/svg";
const legends = new WeakMap();

/**
 * Draw, or draw again.
 * @returns {Promise<() => void>} what to call when it leaves the page
 */
export async function mountLegend(component) {
  await styled();
  const place = component.parentElement;
  const legend = legends.get(place) ?? new Legend(place);
  legends.set(place, legend);
  const turn = legend.update(component);
  return () => {
    if (legend.turn !== turn) return;
    legends.delete(place);
    legend.close();
  };
}

class Legend {
  constructor(place) {
    this.turn = 0;
    this.items = [];
    this.list = element("ul", "gtrack-legend");
    this.list.addEventListener("pointerleave", () => emphasise(null));
    this.label = element("li", "gtrack-label");
    this.all = element("button", "", "Show all");
    this.all.type = "button";
    this.all.addEventListener("click", () => this.send({ kind: "all", ids: [] }));
    const last = element("li", "gtrack-all");
    last.append(this.all);
    this.list.append(this.label, last);
    place.append(this.list);
  }

  update({ data, setTriggerValue }) {
    this.turn += 1;
    this.send = (event) => setTriggerValue("event", event);
    const entries = data?.entries ?? [];
    this.label.textContent = data?.label ?? "";
    this.list.setAttribute("aria-label", `Legend: ${data?.label ?? ""}`);
    while (this.items.length > entries.length) this.items.pop().remove();
    while (this.items.length < entries.length) this.items.push(this.add());
    entries.forEach((entry, at) => show(this.items[at], entry));
    this.list.lastChild.hidden = !entries.some((entry) => entry.hidden);
    return this.turn;
  }

  add() {
    const item = element("li");
    item.toggle = element("button");
    item.toggle.type = "button";
    item.swatch = swatch();
    item.toggle.append(item.swatch);
    item.name = element("a");
    item.append(item.toggle, item.name);
    item.toggle.addEventListener("click", (event) => {
      const only = event.altKey || event.shiftKey || event.metaKey;
      this.send({ kind: only ? "only" : "toggle", ids: item.entry.ids });
    });
    item.name.addEventListener("click", (event) => {
      if (!item.entry.run || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.send({ kind: "open", ids: [item.entry.run] });
    });
    const mark = () => emphasise(item.entry.hidden ? null : item.entry.ids);
    item.addEventListener("pointerenter", mark);
    item.addEventListener("focusin", mark);
    item.addEventListener("focusout", () => emphasise(null));
    this.list.insertBefore(item, this.list.lastChild);
    return item;
  }

  close() {
    emphasise(null);
    this.list.remove();
  }
}

let style = null;

/** Wait for the style sheet that stands beside this module, whose address is versioned like it. */
function styled() {
  style ??= new Promise((resolve, reject) => {
    const link = element("link");
    link.rel = "stylesheet";
    link.href = new URL("./legend.css", import.meta.url).href;
    link.onload = resolve;
    link.onerror = () => {
      style = null;
      reject(new Error("no style sheet"));
    };
    document.head.append(link);
  });
  return style;
}

function show(item, entry) {
  item.entry = entry;
  item.className = [entry.hidden && "hidden", entry.strong && "strong"].filter(Boolean).join(" ");
  item.name.textContent = entry.name;
  item.title = entry.live ? `${entry.name} (running)` : entry.name;
  if (entry.run) item.name.setAttribute("href", `run?id=${encodeURIComponent(entry.run)}`);
  else item.name.removeAttribute("href");
  item.classList.toggle("live", Boolean(entry.live));
  item.toggle.title = `${entry.hidden ? "Show" : "Hide"} (with Alt or Shift: only this one)`;
  item.toggle.setAttribute("aria-label", `Draw ${entry.name}`);
  item.toggle.setAttribute("aria-pressed", String(!entry.hidden));
  const line = item.swatch.firstChild;
  line.setAttribute("stroke", entry.colour);
  line.setAttribute("stroke-dasharray", STROKES[entry.dash] ?? "none");
}

function swatch() {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 20 12");
  made.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M1 6h18");
  made.append(line);
  return made;
}

/** Let the panels fade all curves but those of some runs; null for none. */
function emphasise(runs) {
  window.dispatchEvent(new CustomEvent("gtrack-emphasise", { detail: runs }));
}
