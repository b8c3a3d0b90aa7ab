// Saves a plot of the page as SVG or PNG, without the server: the plot's own camera draws it anew, as on paper.

function save({ chart, name, paper, tallest, scale }, format) {
  const plot = document.querySelector(`.st-key-${CSS.escape(chart.replace(/[^\w-]/g, "-"))} .js-plotly-plot`);
  const camera = plot?.querySelector('.modebar-btn[data-title^="Download plot"]');
  if (!camera) return;
  const size = { width: paper.width, height: Math.min(plot.clientHeight, tallest) };
  const { layout, _context: context } = plot;
  const options = context.toImageButtonOptions;
  context.toImageButtonOptions = { ...size, format, scale: scale[format], filename: name };
  plot.layout = { ...layout, ...paper, ...size, font: { ...layout.font, ...paper.font } };
  camera.click(); // takes a copy of both before it returns
  plot.layout = layout;
  context.toImageButtonOptions = options;
}

export default function ({ data, parentElement }) {
  const row = document.createElement("div");
  row.className = "plot-pictures";
  for (const format of Object.keys(data.scale)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = format.toUpperCase();
    button.title = `Save this plot as ${format.toUpperCase()}, as wide as the text of a paper`;
    button.onclick = () => save(data, format);
    row.append(button);
  }
  parentElement.replaceChildren(row);
}
