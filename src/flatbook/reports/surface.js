// Draws the page's figures with Plotly, in the colours of the reader's scheme, and switches between expiries.
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
  const axes = ["xaxis", "yaxis", "yaxis2", "yaxis3"];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const styles = () => ({
    quote: { line: { color: colour("--bar"), width: 1.5 }, marker: { color: colour("--bar"), size: 4 } },
    missed: { line: { color: colour("--minus-fill"), width: 2 }, marker: { color: colour("--minus-fill"), size: 6 } },
    offered: { marker: { color: colour("--bar"), size: 5, symbol: "triangle-down-open" } },
    fit: { line: { color: colour("--plus-fill"), width: 1.5 } },
    density: { line: { color: colour("--plus-fill"), width: 1.5 } },
    faint: { line: { color: colour("--bar"), width: 1, dash: "dot" } },
    through: { line: { color: colour("--bar"), width: 1 } },
    class0: { marker: { color: colour("--plus-fill"), size: 6 } },
    class1: { marker: { color: colour("--minus-fill"), size: 6 } },
    class2: { marker: { color: colour("--bar"), size: 6 } },
    class3: { marker: { color: colour("--ink"), size: 6 } },
  });

  const dressed = (plot) => {
    const style = styles();
    const rule = colour("--rule");
    const data = plot.data.map((trace) => {
      const mine = style[trace.meta];
      return { ...trace, line: { ...mine.line, ...trace.line }, marker: { ...mine.marker, ...trace.marker } };
    });
    const layout = {
      ...plot.layout,
      font: { family: "system-ui, sans-serif", size: 12, color: colour("--muted") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--ink") },
      margin: { l: 72, r: 12, t: 40, b: 48 },
      hoverlabel: { bgcolor: colour("--raised"), bordercolor: rule, font: { color: colour("--ink") } },
      shapes: (plot.layout.shapes || []).map((shape) =>
        shape.name === "band"
          ? { ...shape, fillcolor: colour("--raised") }
          : { ...shape, line: { color: colour("--muted"), width: 1, dash: "dot" } }),
    };
    for (const axis of axes) {
      layout[axis] = { gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true, ...plot.layout[axis] };
    }
    return [data, layout, config];
  };

  for (const section of document.querySelectorAll(".surface")) {
    const mine = plots[Number(section.dataset.surface)];
    const smile = section.querySelector(".plot.smile");
    const term = section.querySelector(".plot.term");
    if (!smile) continue;
    const select = section.querySelector("select");
    let at = Number(section.dataset.first);

    const show = (wanted) => {
      at = wanted;
      select.value = String(at);
      for (const one of section.querySelectorAll(".facts")) one.hidden = Number(one.dataset.at) !== at;
      for (const one of section.querySelectorAll(".wall a")) one.classList.toggle("picked", Number(one.dataset.at) === at);
      Plotly.react(smile, ...dressed(mine.smiles[at]));
    };
    const step = (by) => {
      const option = select.options[select.selectedIndex + by];
      if (option) show(Number(option.value));
    };

    select.addEventListener("change", () => show(Number(select.value)));
    for (const button of section.querySelectorAll("button")) {
      button.addEventListener("click", () => step(Number(button.dataset.step)));
    }
    section.addEventListener("click", (event) => {
      const one = event.target.closest(".wall a, tr[data-at]");
      if (one && mine.smiles[Number(one.dataset.at)]) {
        show(Number(one.dataset.at));
        section.querySelector(".pick").scrollIntoView({ block: "nearest" });
      }
    });
    document.addEventListener("keydown", (event) => {
      const box = smile.getBoundingClientRect();
      const seen = box.bottom > 0 && box.top < innerHeight;
      if (!seen || event.target.closest("select, input")) return;
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    });
    const draw = () => {
      Plotly.react(term, ...dressed(mine.term));
      show(at);
    };
    dark.addEventListener("change", draw);
    draw();
  }
})();
