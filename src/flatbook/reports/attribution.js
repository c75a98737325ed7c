// Draws the page's figures with Plotly, in the colours of the reader's scheme.
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

  const styles = () => ({
    realised: { line: { color: colour("--ink"), width: 2.5 }, marker: { color: colour("--ink"), size: 9, symbol: "diamond", line: { color: colour("--ground"), width: 1.5 } } },
    explained: { line: { color: colour("--minus-fill"), width: 2, dash: "dot" }, marker: { color: colour("--minus-fill"), size: 5 } },
    waterfall: {
      increasing: { marker: { color: colour("--plus-fill") } },
      decreasing: { marker: { color: colour("--minus-fill") } },
      totals: { marker: { color: colour("--ink") } },
      connector: { line: { color: colour("--bar"), width: 1 } },
    },
  });

  const draw = () => {
    const style = styles();
    const rule = colour("--rule");
    const axis = { gridcolor: rule, linecolor: rule, zerolinecolor: colour("--muted"), automargin: true };
    for (const place of document.querySelectorAll(".plot")) {
      const plot = plots[place.dataset.plot];
      const data = plot.data.map((trace) => ({ ...trace, ...style[trace.meta] }));
      Plotly.react(place, data, {
        ...plot.layout,
        font: { family: "system-ui, sans-serif", size: 12, color: colour("--muted") },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--ink") },
        margin: { l: 72, r: 12, t: 56, b: 40 },
        hoverlabel: { bgcolor: colour("--raised"), bordercolor: rule, font: { color: colour("--ink") } },
        xaxis: { ...axis, ...plot.layout.xaxis },
        yaxis: { ...axis, tickformat: ",~s", ...plot.layout.yaxis },
      }, config);
    }
  };
  dark.addEventListener("change", draw);
  draw();
})();
