"use strict";
(() => {
  const buttons = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];
  const config = { responsive: true, displaylogo: false, showTips: false, modeBarButtons: [buttons] };
  const plots = [...document.querySelectorAll(".plot")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // Plotly takes colours as values, so the page's variables are read when a figure is drawn.
  function themed(layout, printing) {
    const css = getComputedStyle(document.documentElement);
    const ink = printing ? "#000000" : css.getPropertyValue("--ink").trim();
    const line = printing ? "#bbbbbb" : css.getPropertyValue("--line").trim();
    const themed = { ...layout, font: { color: ink, family: "system-ui, DejaVu Sans, sans-serif", size: 12 } };
    themed.modebar = { bgcolor: "rgba(0,0,0,0)", color: ink, activecolor: ink };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) {
        themed[key] = { ...layout[key], gridcolor: line, zerolinecolor: ink, linecolor: line };
      }
    }
    return themed;
  }

  function read(plot) {
    return JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  }

  function draw(plot, printing = false) {
    const figure = read(plot);
    plot.dataset.state = "drawing";
    return Plotly.react(plot, figure.data, themed(figure.layout, printing), config).then(() => {
      plot.dataset.state = "drawn";
    });
  }

  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        observer.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "600px 0px" });

  for (const plot of plots) {
    plot.style.minHeight = `${read(plot).layout.height}px`;
    observer.observe(plot);
  }
  const drawn = () => plots.filter((plot) => plot.dataset.state);
  dark.addEventListener("change", () => drawn().forEach((plot) => draw(plot)));
  window.addEventListener("beforeprint", () => plots.forEach((plot) => draw(plot, true)));
  window.addEventListener("afterprint", () => plots.forEach((plot) => draw(plot)));
  if (location.hash === "#all") plots.forEach((plot) => draw(plot));
})();
