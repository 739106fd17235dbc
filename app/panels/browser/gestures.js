/* From plotly.js's events to what the page understands. */

/** Return the ends of an axis's range in the data's own unit, from what plotly.js calls its range. */
export function toData(axis, range) {
  const ends = range.map((end) => (axis.type === "log" ? 10 ** Number(end) : axis.type === "date" ? axis.r2l(end) : Number(end)));
  return ends.sort((one, other) => one - other);
}

/** Return a range of data as plotly.js writes it for an axis of this type; null where the axis cannot show it. */
export function toRange(type, range) {
  if (type !== "log") return range;
  const [low, high] = range;
  return high > 0 ? [Math.log10(low > 0 ? low : high / 1e6), Math.log10(high)] : null;
}

/** Return what an event of plotly.js says about an axis: a range, null for all of it, undefined for nothing. */
export function zoomed(event, axis) {
  if (event[`${axis}.autorange`]) return null;
  if (event[`${axis}.range`]) return [...event[`${axis}.range`]];
  const ends = [event[`${axis}.range[0]`], event[`${axis}.range[1]`]];
  return ends.every((end) => end !== undefined) ? ends : undefined;
}

/** Return the ranges that are brushed in parallel coordinates, by label, and the ids of what passes all of them. */
export function brushed(trace) {
  const ranges = {};
  let passing = trace.meta?.ids ? trace.meta.ids.map((_, at) => at) : [];
  for (const dimension of trace.dimensions ?? []) {
    if (!dimension.constraintrange || dimension.visible === false) continue;
    const spans = Array.isArray(dimension.constraintrange[0]) ? dimension.constraintrange : [dimension.constraintrange];
    ranges[String(dimension.label ?? "")] = spans.map(([low, high]) => [Number(low), Number(high)]);
    passing = passing.filter((at) => spans.some(([low, high]) => dimension.values[at] >= low && dimension.values[at] <= high));
  }
  return { ranges, ids: passing.map((at) => String(trace.meta.ids[at])) };
}

/** Return the ids of points: their customdata, or the runs of their traces. */
export function idsOf(points) {
  const ids = points.map((point) => {
    const own = Array.isArray(point.customdata) ? point.customdata[0] : point.customdata;
    return own ?? point.fullData?.meta?.run ?? point.data?.meta?.run;
  });
  return [...new Set(ids.filter((id) => typeof id === "string" || typeof id === "number").map(String))];
}

/** Return the runs that the legend hides. */
export function hiddenRuns(traces) {
  const runs = traces.filter((trace) => trace.visible === "legendonly").map((trace) => trace.meta?.run);
  return [...new Set(runs.filter((run) => typeof run === "string"))];
}
