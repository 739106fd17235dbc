/* The page's colours and fonts, as plotly.js wants them told. */

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#999999"];
const CURRENT = /^currentcolor$/i;
const LONG = 5000;

/** Read the theme that Streamlit has put into CSS variables around an element. */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(`--st-${name}`).trim() || otherwise;
  const text = read("text-color", style.color);
  return {
    text,
    muted: faint(text, 0.72),
    grid: faint(text, 0.1),
    line: faint(text, 0.3),
    background: read("background-color", "#ffffff"),
    border: read("border-color", faint(text, 0.2)),
    font: read("font", "sans-serif"),
  };
}

/** Return a colour with another opacity, in a form that plotly.js reads. */
function faint(colour, alpha) {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `rgba(${red},${green},${blue},${alpha})`;
}

/** Return the template that gives every figure the theme's look wherever its layout says nothing. */
export function templateOf(theme) {
  const axis = {
    automargin: true,
    zeroline: false,
    gridcolor: theme.grid,
    linecolor: theme.line,
    tickcolor: theme.line,
    tickfont: { size: 11, color: theme.muted },
    title: { font: { size: 11, color: theme.muted }, standoff: 6 },
  };
  const bar = { outlinewidth: 0, thickness: 10, tickfont: { size: 11, color: theme.muted }, ticklen: 3 };
  const small = { size: 11, color: theme.muted };
  return {
    layout: {
      font: { family: theme.font, size: 12, color: theme.text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      colorway: COLOURS.map((colour) => colour),
      margin: { l: 48, r: 14, t: 8, b: 36 },
      showlegend: false,
      legend: { font: { size: 11, color: theme.muted }, orientation: "h", bgcolor: "rgba(0,0,0,0)", y: -0.2 },
      hoverlabel: {
        bgcolor: theme.background, bordercolor: theme.border, align: "left", namelength: 40,
        font: { family: theme.font, size: 12, color: theme.text },
      },
      hoverdistance: 30,
      xaxis: { ...axis, showgrid: false, showline: true, ticks: "outside", ticklen: 3, autotickangles: [0, 30, 60] },
      yaxis: { ...axis, showline: false, ticks: "" },
      coloraxis: { colorbar: bar },
      activeselection: { fillcolor: theme.text, opacity: 0.08 },
      newselection: { line: { color: theme.muted, width: 1, dash: "dot" } },
    },
    data: {
      bar: [{ marker: { line: { width: 0 }, colorbar: bar } }],
      histogram: [{ marker: { line: { width: 0 }, colorbar: bar } }],
      scatter: [{ marker: { colorbar: bar } }],
      scattergl: [{ marker: { colorbar: bar } }],
      splom: [{ marker: { colorbar: bar } }],
      heatmap: [{ colorbar: bar }],
      parcoords: [{
        line: { colorbar: bar }, labelfont: { size: 12, color: theme.text }, tickfont: small, rangefont: small,
        unselected: { line: { color: theme.muted, opacity: 0.12 } },
      }],
    },
  };
}

/** Return a copy in which the colour of text has its value; long arrays are kept as they are. */
export function coloured(value, theme) {
  if (typeof value === "string") return CURRENT.test(value) ? theme.text : value;
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value;
  if (Array.isArray(value)) {
    return value.length > LONG || typeof value[0] === "number" ? value : value.map((item) => coloured(item, theme));
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, coloured(item, theme)]));
}
