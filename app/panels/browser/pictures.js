/* A panel as a file: with its title, on the page's background. */

/** Save a panel's plot, at twice the screen's resolution where that means something. */
export async function saveAs(panel, format) {
  if (!panel.drawn) panel.draw();
  const { grid: { Plotly, theme }, plot, figure } = panel;
  const title = { text: escaped(figure.title), x: 0.02, xanchor: "left", font: { size: 14 } };
  const layout = { ...plot.layout, title, paper_bgcolor: theme.background, width: undefined, height: undefined };
  layout.margin = { ...layout.margin, t: 44 };
  const picture = { data: plot.data, layout, config: { displayModeBar: false } };
  const size = { width: plot.clientWidth, height: plot.clientHeight + 36 };
  const url = await Plotly.toImage(picture, { format, ...size, scale: format === "png" ? 2 : 1 });
  const link = document.createElement("a");
  link.href = url;
  link.download = `${fileName(figure.title)}.${format}`;
  link.click();
}

function escaped(text) {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return cut.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function fileName(title) {
  return title.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 60) || "figure";
}
