/** @import {StylesheetJson} from "cytoscape"; */

/**
 * How Cytoscape draws the graph, in the colours of the page. Nodes only hold the edges apart: what
 * is seen of them are the cards.
 * @param {CSSStyleDeclaration} css  of the page's root
 * @returns {StylesheetJson}
 */
export function edgeStyle(css) {
  const colour = (/** @type {string} */ name) => css.getPropertyValue(name).trim();
  /** @type {StylesheetJson} */
  const style = [
    {
      selector: "node",
      style: { shape: "round-rectangle", "background-opacity": 0, "border-width": 0, events: "no" },
    },
    {
      selector: "node[width]",
      style: { width: "data(width)", height: "data(height)" },
    },
    {
      selector: "edge",
      style: {
        width: 2,
        "curve-style": "bezier",
        "line-color": colour("--edge"),
        "target-arrow-color": colour("--edge"),
        "target-arrow-shape": "triangle",
        "arrow-scale": 1.1,
        "target-distance-from-node": 5,
        "source-distance-from-node": 3,
        "control-point-step-size": 44,
        events: "no",
      },
    },
    {
      selector: "edge.turned",
      style: {
        "curve-style": "round-segments",
        "edge-distances": "node-position",
        "segment-weights": "data(weights)",
        "segment-distances": "data(distances)",
        "segment-radii": [12],
      },
    },
    ...["done", "error"].map((state) => ({
      selector: `edge[state = "${state}"]`,
      style: { "line-color": colour("--edge-passed"), "target-arrow-color": colour("--edge-passed") },
    })),
    {
      selector: 'edge[state = "working"]',
      style: {
        width: 3,
        "line-style": "dashed",
        "line-dash-pattern": [8, 6],
        "line-color": colour("--state-work"),
        "target-arrow-color": colour("--state-work"),
      },
    },
  ];
  return style;
}
