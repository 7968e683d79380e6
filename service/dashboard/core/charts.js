// Charts by Plotly, which the service gives from where it is installed; it is loaded when the first chart is drawn.

import { themeColour } from "./theme.js";
import { scaled } from "./type.js";

const SCRIPT = "/static/lib/plotly.min.js";
const QUIET = { displayModeBar: false, displaylogo: false, responsive: true };
const MARGIN = { l: 48, r: 8, t: 8, b: 36 };
let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      loading = null;
      reject(new Error("The library of the charts could not be loaded; load the page again."));
    };
    document.head.append(script);
  });
  return loading;
}

function axis(given) {
  return {
    gridcolor: themeColour("grid"), linecolor: themeColour("line"), zerolinecolor: themeColour("line"), tickcolor: themeColour("line"),
    automargin: true, fixedrange: true, ...given, title: { text: given?.title ?? "", font: { size: scaled(12) }, standoff: scaled(6) },
  };
}

/** Draw a chart, or change the one that is there. Axes are given as Plotly has them, but for the title, a text. */
export async function chart(element, traces, { xaxis, yaxis, margin = MARGIN, ...layout } = {}, options = {}) {
  const library = await plotly();
  await library.react(element, traces, {
    margin: Object.fromEntries(Object.entries(margin).map(([side, px]) => [side, scaled(px)])), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: themeColour("plot"), showlegend: false,
    font: { family: "system-ui, sans-serif", size: scaled(11), color: themeColour("ink") }, hoverlabel: { font: { size: scaled(12) } },
    xaxis: axis(xaxis), yaxis: axis(yaxis), ...layout,
  }, { ...QUIET, ...options });
  return library;
}

/** Take a chart away, with what it holds of the graphics card. */
export async function endChart(element) {
  if (loading && element.classList.contains("js-plotly-plot")) (await loading).purge(element);
}
