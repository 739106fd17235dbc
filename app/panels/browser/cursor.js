/* The line that follows the pointer, in all panels of an axis at once, with what the curves come to there. */

import { nearest, short } from "./curves.js";
import { element } from "./dom.js";
import { everyPanel } from "./together.js";

const NEAR = 28; // pixels between the pointer and the curve that is meant
const ROW = 17;
const STAYS = 60; // milliseconds
const ELSEWHERE = 6;
const LETTER = 6.6; // pixels that a letter takes, about, and the rest of a row
const FIXED = 84;

export class Cursor {
  /** @param {{panels: Map<string, object>}} grid */
  constructor(grid) {
    this.grid = grid;
    this.at = null;
    this.frame = 0;
    this.fading = 0;
    this.emphasised = null;
  }

  /** Follow the pointer within a panel; draw once a frame, however often it moves. */
  move(panel, clientX, clientY) {
    this.at = { panel, clientX, clientY };
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Take the line away, everywhere. */
  leave() {
    this.at = null;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Draw the same x again, after a panel's curves have changed. */
  again() {
    if (!this.at) return;
    this.emphasised = null;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Let the others fade once the pointer stays with a run: where curves are many, it passes many on its way. */
  emphasise(run) {
    if (run === this.emphasised) return;
    this.emphasised = run;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => {
      for (const panel of everyPanel()) if (panel.drawn) panel.emphasise(run);
    }, run === null ? 0 : STAYS);
  }

  draw() {
    this.frame = 0;
    const meant = this.at && pointed(this.at);
    this.meant = meant;
    this.emphasise(meant?.run ?? null);
    for (const panel of everyPanel()) {
      if (!panel.drawn) continue;
      const shares = meant && panel.visible && panel.curves.length
        && (panel === meant.panel || (panel.figure.axis !== null && panel.figure.axis === meant.panel.figure.axis));
      if (shares) show(panel, meant);
      else panel.overlay.hidden = true;
    }
  }
}

/** Return what the pointer means: the panel, the x of the nearest point, and the run of the curve it is close to. */
function pointed({ panel, clientX, clientY }) {
  const axes = panel.axes();
  if (!axes || !panel.curves.length) return null;
  const box = panel.plot.getBoundingClientRect();
  const left = clientX - box.left - axes.x._offset;
  const top = clientY - box.top - axes.y._offset;
  if (left < 0 || left > axes.x._length || top < 0 || top > axes.y._length) return null;
  const raw = axes.x.p2c(left);
  let best = null;
  for (const curve of panel.curves) {
    if (panel.hidden(curve)) continue;
    const point = nearest(curve, raw);
    const across = Math.abs(axes.x.c2p(curve.x[point]) - left);
    const down = Math.abs(axes.y.c2p(curve.y[point]) - top);
    if (!Number.isFinite(down)) continue;
    const far = Math.max(0, across - NEAR) * 100 + down;
    if (!best || far < best.far) best = { far, down, across, curve, x: curve.x[point] };
  }
  if (!best) return null;
  const close = best.down < NEAR && best.across < NEAR;
  return { panel, x: best.x, run: close ? best.curve.run : null, curve: close ? best.curve : null, left };
}

function show(panel, { panel: source, x, run }) {
  const axes = panel.axes();
  const { overlay } = panel;
  const place = axes ? axes.x.c2p(x) : NaN;
  if (!(place >= 0 && place <= axes.x._length)) {
    overlay.hidden = true;
    return;
  }
  const rows = readings(panel, axes, x, place);
  if (!rows.length) {
    overlay.hidden = true;
    return;
  }
  overlay.hidden = false;
  overlay.line.style.transform = `translateX(${axes.x._offset + place}px)`;
  overlay.line.style.top = `${axes.y._offset}px`;
  overlay.line.style.height = `${axes.y._length}px`;
  dots(overlay, rows, axes, place, run);
  const room = Math.max(2, Math.floor((axes.y._length - 2 * ROW) / ROW));
  const limit = panel === source || panel.expanded ? room : Math.min(room, ELSEWHERE);
  const right = place > axes.x._length / 2;
  const width = Math.max(90, (right ? place : axes.x._length - place) - 8);
  const letters = Math.min(32, Math.max(8, Math.floor((width - FIXED) / LETTER)));
  fill(overlay.readout, heading(axes.x, x), rows, { limit, letters, run });
  overlay.readout.style.left = right ? "auto" : `${axes.x._offset + place + 12}px`;
  overlay.readout.style.right = right ? `${panel.plot._fullLayout.width - axes.x._offset - place + 12}px` : "auto";
  overlay.readout.style.top = `${axes.y._offset + 2}px`;
  overlay.readout.style.maxWidth = `${width}px`;
}

/** Return what each curve comes to at x, the largest first; a curve that has ended says nothing. */
function readings(panel, axes, x, place) {
  const found = [];
  for (const curve of panel.curves) {
    if (panel.hidden(curve)) continue;
    const point = nearest(curve, x);
    const outside = x < curve.x[0] || x > curve.x[curve.x.length - 1];
    if (!Number.isFinite(curve.y[point])) continue;
    if (outside && Math.abs(axes.x.c2p(curve.x[point]) - place) > 6) continue;
    found.push({ curve, value: curve.y[point], top: axes.y.c2p(curve.y[point]), colour: panel.colourOf(curve) });
  }
  return found.sort((one, other) => other.value - one.value);
}

function dots(overlay, rows, axes, place, run) {
  while (overlay.dots.children.length < rows.length) overlay.dots.append(element("i"));
  [...overlay.dots.children].forEach((dot, at) => {
    const row = rows[at];
    dot.hidden = !row || !(row.top >= 0 && row.top <= axes.y._length) || (run !== null && row.curve.run !== run);
    if (dot.hidden) return;
    dot.style.background = row.colour;
    dot.style.transform = `translate(${axes.x._offset + place}px, ${axes.y._offset + row.top}px)`;
  });
}

/** Write the rows into the box, around the run that is meant where not all have room. */
function fill(readout, title, rows, { limit, letters, run }) {
  const meant = Math.max(0, rows.findIndex((row) => run !== null && row.curve.run === run));
  const count = rows.length > limit ? limit - 1 : rows.length;
  const first = Math.min(Math.max(0, meant - (count >> 1)), rows.length - count);
  const shown = rows.slice(first, first + count);
  readout.heading.textContent = title;
  while (readout.rows.children.length < shown.length) {
    const row = element("div");
    row.append(element("i"), element("span"), element("b"));
    readout.rows.append(row);
  }
  [...readout.rows.children].forEach((node, at) => {
    const row = shown[at];
    node.hidden = !row;
    if (!row) return;
    const [swatch, name, value] = node.children;
    swatch.style.background = row.colour;
    name.textContent = inTheMiddle(row.curve.name, letters);
    value.textContent = short(row.value);
    node.className = run !== null && row.curve.run === run ? "meant" : "";
  });
  readout.more.textContent = rows.length > count ? `and ${rows.length - count} more` : "";
}

/** Names of runs often differ at their end, so that a long one is cut in the middle. */
function inTheMiddle(name, letters) {
  const all = [...name.slice(0, 500)];
  const end = Math.floor((letters - 1) / 2);
  return all.length > letters ? [...all.slice(0, letters - 1 - end), "…", ...all.slice(all.length - end)].join("") : name;
}

function heading(axis, x) {
  if (axis.type === "date") return new Date(x).toISOString().replace("T", " ").replace(/\.?0*Z$/, "");
  const title = axis.title?.text ?? "";
  return title && title.length < 40 && !title.includes("<") ? `${title} ${short(x)}` : short(x);
}
