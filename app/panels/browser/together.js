/* What the grids of a page share: curves of one axis zoom and hover together, whichever grid they are in. */

const grids = new Set();

/** The ranges of x that are zoomed to, in the data's unit, by {@link Panel#axisKey}. */
export const ranges = new Map();

/** What the page said last of an axis; and what it was told since that it has not said yet. */
const said = new Map();
const told = new Map();
const MOST = 20;

/** Remember what the page is told of an axis. */
export function tell(key, range) {
  told.set(key, [...(told.get(key) ?? []), range].slice(-MOST));
}

/**
 * Take the ranges that the page says, by axis, and return the keys of the axes that move by that.
 * What it only says after us does not move: whoever goes on zooming would be thrown back.
 */
export function hear(page, stated) {
  const own = `${page} axis `;
  const now = new Map(Object.entries(stated).map(([axis, range]) => [own + axis, range]));
  const known = [...ranges.keys(), ...said.keys()].filter((key) => key.startsWith(own));
  const moved = [];
  for (const key of new Set([...now.keys(), ...known])) {
    const range = now.get(key) ?? null;
    const before = said.get(key) ?? null;
    said.set(key, range);
    const waiting = told.get(key) ?? [];
    const echo = waiting.findIndex((each) => near(each, range));
    if (near(ranges.get(key) ?? null, range)) told.delete(key);
    else if (echo >= 0) told.set(key, waiting.slice(echo + 1));
    else if (!near(before, range)) {
      told.delete(key);
      if (range) ranges.set(key, range);
      else ranges.delete(key);
      moved.push(key);
    }
  }
  return moved;
}

/** Return whether two ranges look the same: the page rounds them. */
function near(one, other) {
  if (!one || !other) return one === other;
  const span = Math.abs(other[1] - other[0]);
  return one.every((end, at) => Math.abs(end - other[at]) <= Math.min(span, Math.abs(end) + Math.abs(other[at])) / 1000);
}

export function join(grid) {
  grids.add(grid);
}

export function part(grid) {
  grids.delete(grid);
}

/** Yield the panels of all grids. */
export function* everyPanel() {
  for (const grid of grids) yield* grid.panels.values();
}
