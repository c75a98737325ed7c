// Draws the page's figures with Plotly, in the colours of the reader's scheme, and the day that is picked.
(() => {
  "use strict";
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d"],
    showSendToCloud: false, // Plotly would offer to upload the chart
    plotlyServerURL: "",
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const picker = document.getElementById("day-picked");

  const styles = () => {
    const mark = (fill, symbol) => ({ marker: { color: colour(fill), size: 9, symbol, line: { color: colour("--ground"), width: 1 } } });
    return {
      realised: { marker: { color: colour("--ink"), size: 9, symbol: "diamond", line: { color: colour("--ground"), width: 1.5 } } },
      worth: { line: { color: colour("--ink"), width: 1.6 } },
      explained: { line: { color: colour("--minus-fill"), width: 1.6 } },
      quiet: { line: { color: colour("--bar"), width: 1.3 } },
      bid: { line: { color: colour("--plus-fill"), width: 1.4 } },
      ask: { line: { color: colour("--minus-fill"), width: 1.4 } },
      hard: { line: { color: colour("--red-fill"), width: 1.4, dash: "dash" } },
      bought: mark("--plus-fill", "triangle-up"),
      sold: mark("--minus-fill", "triangle-down"),
    };
  };

  const styled = (trace, style) => {
    const own = style[trace.meta];
    if (!own) return trace;
    const out = { ...trace };
    for (const key of Object.keys(own)) out[key] = { ...trace[key], ...own[key] };
    return out;
  };

  const plotOf = ({ plot, day }) => {
    if (!day) return plots[plot];
    const picked = plots.days[picker.value];
    return day === "exposure" ? plots.exposure[picked.seed] : picked[day];
  };

  const draw = () => {
    const style = styles();
    const rule = colour("--rule");
    const axis = { gridcolor: rule, linecolor: rule, zerolinecolor: colour("--muted"), automargin: true };
    for (const place of document.querySelectorAll(".plot")) {
      const plot = plotOf(place.dataset);
      const layout = {
        ...plot.layout,
        font: { family: "system-ui, sans-serif", size: 12, color: colour("--muted") },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--ink") },
        margin: { l: 72, r: 12, t: 56, b: 40 },
        hoverlabel: { bgcolor: colour("--raised"), bordercolor: rule, font: { color: colour("--ink") } },
        xaxis: { ...axis, ...plot.layout.xaxis },
        yaxis: { ...axis, tickformat: ",~s", ...plot.layout.yaxis },
      };
      for (const name of Object.keys(plot.layout)) {
        if (/^yaxis\d+$/.test(name)) layout[name] = { ...axis, tickformat: ",~s", ...plot.layout[name] };
      }
      Plotly.react(place, plot.data.map((trace) => styled(trace, style)), layout, config);
    }
  };
  dark.addEventListener("change", draw);
  if (picker) picker.addEventListener("change", draw);
  draw();
})();
