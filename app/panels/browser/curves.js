/* A figure's curves as numbers: what is at an x, and what a y axis has to show. */

const TEXT = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'", "#x27": "'" };

/** Return the curves of a figure that stand along its x axis and have something to say. */
export function curvesOf(figure) {
  return figure.traces.flatMap((trace, index) => {
    const silent = trace.hoverinfo === "skip" || trace.hoverinfo === "none" || trace.visible === false;
    const line = /^scatter(gl)?$/.test(trace.type ?? "scatter") && /lines|^$/.test(trace.mode ?? "");
    if (silent || !line || !trace.y || (trace.yaxis ?? "y") !== "y" || (trace.xaxis ?? "x") !== "x") return [];
    const y = numbersOf(trace.y);
    const x = trace.x ? numbersOf(trace.x) : Float64Array.from(y, (_, at) => at);
    if (!x || !y || !y.length) return [];
    return [{ index, x, y, sorted: isSorted(x), run: trace.meta?.run ?? trace.meta?.runs?.[0] ?? null, name: plain(trace.name), trace }];
  });
}

/** Return an array as numbers, dates as milliseconds; null where it holds categories. */
function numbersOf(array) {
  if (ArrayBuffer.isView(array)) return array;
  if (!Array.isArray(array)) return null;
  const found = Float64Array.from(array, (value) => {
    if (typeof value === "number") return value;
    if (typeof value !== "string" || !/^\d{4}-\d\d/.test(value)) return NaN;
    return Date.parse(/[zZ]$|[+-]\d\d:?\d\d$/.test(value) ? value : `${value.replace(" ", "T")}${value.length > 10 ? "Z" : ""}`);
  });
  return array.length && found.every(Number.isNaN) ? null : found;
}

function isSorted(x) {
  for (let at = 1; at < x.length; at++) if (!(x[at] >= x[at - 1])) return false;
  return true;
}

/** plotly.js reads names as a little HTML, so that they come escaped; here they are text. */
export function plain(name) {
  return String(name ?? "").replace(/<[^>]*>/g, "").replace(/&(#39|#x27|lt|gt|amp|quot);/g, (_, code) => TEXT[code]);
}

/** Return the index of a curve's point nearest to x. */
export function nearest({ x, sorted }, wanted) {
  if (!sorted) {
    let best = 0;
    for (let at = 1; at < x.length; at++) if (Math.abs(x[at] - wanted) < Math.abs(x[best] - wanted)) best = at;
    return best;
  }
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - x[low - 1] <= x[low] - wanted ? low - 1 : low;
}

/**
 * Return the range of y that shows all that is between two values of x, as plotly.js writes it; null if nothing is.
 * A curve that only passes through counts as well: the points next to the range belong to it.
 */
export function fitted(figure, [from, to]) {
  const log = figure.layout.yaxis?.type === "log";
  let low = Infinity;
  let high = -Infinity;
  for (const trace of figure.traces) {
    if (!/^scatter(gl)?$/.test(trace.type ?? "scatter") || (trace.yaxis ?? "y") !== "y" || trace.visible === false) continue;
    const y = trace.y && numbersOf(trace.y);
    const x = y && trace.x && numbersOf(trace.x);
    if (!x) continue;
    for (let at = 0; at < y.length; at++) {
      const value = log ? Math.log10(y[at]) : y[at];
      if (!Number.isFinite(value) || Math.max(x[at], x[at + 1] ?? x[at]) < from || Math.min(x[at], x[at - 1] ?? x[at]) > to) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return null;
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
  return [low - pad, high + pad];
}

/** Return a number as a person reads it. */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e6 ? String(Number(value.toPrecision(5))) : String(Number(value.toPrecision(4)).toExponential());
}
