/* What the grids of a page share: curves of one axis zoom and hover together, whichever grid they are in. */

const grids = new Set();

/** The ranges of x that are zoomed to, in the data's unit, by {@link Panel#axisKey}. */
export const ranges = new Map();

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
