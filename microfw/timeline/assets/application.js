// The application: its routes, the graph of one of them, scope "app", what is under way.

import { h, panel } from "./html.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 190, HEIGHT = 44, GAP = 26, LEVEL = 84;

let selected = 0;

export function showApplication(element, application) {
  if (application === null) return;
  const { routes, app_scope, under_way } = application;
  const rows = routes.map((route, number) => h("tr", {
    "aria-selected": String(number === selected), tabindex: "0",
    onclick: () => choose(number), onkeydown: (event) => event.key === "Enter" && choose(number),
  }, h("td", {}, h("code", {}, route.methods.join(" "))), h("td", {}, h("code", {}, route.path)),
  h("td", {}, route.nodes.at(-1).name)));
  const choose = (number) => { selected = number; showApplication(element, application); };
  const route = routes[selected];
  element.replaceChildren(h("div", { class: "grid" },
    h("div", {},
      panel("Routes", h("table", { class: "routes" }, ...rows)),
      panel('Scope "app"', held(app_scope)), panel("Under way", underWay(under_way))),
    route ? panel(`Dependencies of ${route.methods.join(" ")} ${route.path}`, graph(route.nodes)) : h("div")));
}

function held(items) {
  if (!items.length) return h("p", {}, "Nothing.");
  return h("table", {}, ...items.map((each) => h("tr", {}, h("td", {}, h("code", {}, each.name)),
    h("td", {}, each.is_open ? "open" : "not open"), h("td", {}, each.where))));
}

function underWay(items) {
  if (!items.length) return h("p", {}, "Nothing.");
  return h("table", {}, ...items.map((each) => h("tr", {}, h("td", {}, h("code", {}, `${each.method} ${each.path}`)),
    h("td", {}, each.now), h("td", { class: "number" }, `${Math.max(0, Date.now() / 1000 - each.began).toFixed(0)} s`))));
}

function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function graph(nodes) {
  const levels = levelsOf(nodes);
  const rows = [];
  levels.forEach((level, number) => (rows[level] ??= []).push(number));
  const width = Math.max(...rows.map((row) => row.length)) * (WIDTH + GAP) + GAP;
  const places = [];
  rows.forEach((row, level) => row.forEach((number, at) => {
    const left = (width - row.length * (WIDTH + GAP) + GAP) / 2;
    places[number] = [left + at * (WIDTH + GAP), level * LEVEL + 10];
  }));
  const edges = nodes.flatMap((node, number) => node.uses.map((used) => edge(places[number], places[used])));
  return s("svg", { class: "graph", viewBox: `0 0 ${width} ${rows.length * LEVEL - 20}`, width, role: "img" },
    ...edges, ...nodes.map((node, number) => box(node, ...places[number])));
}

// How far below the endpoint each function is, at most.
function levelsOf(nodes) {
  const levels = nodes.map(() => 0);
  for (let number = nodes.length - 1; number >= 0; number -= 1) {
    if (number < nodes.length - 1 && levels[number] === 0) levels[number] = 1; // declared beside it
    for (const used of nodes[number].uses) levels[used] = Math.max(levels[used], levels[number] + 1);
  }
  return levels;
}

function edge([x1, y1], [x2, y2]) {
  const [fromX, fromY, toX, toY] = [x1 + WIDTH / 2, y1 + HEIGHT, x2 + WIDTH / 2, y2];
  const middle = (fromY + toY) / 2;
  return s("path", { d: `M ${fromX} ${fromY} C ${fromX} ${middle}, ${toX} ${middle}, ${toX} ${toY}` });
}

function box(node, x, y) {
  const said = [node.scope && `scope ${node.scope}`, node.runs === "thread" && "thread"].filter(Boolean).join(" · ");
  const name = node.name.length > 24 ? `${node.name.slice(0, 23)}…` : node.name;
  const middle = x + WIDTH / 2;
  return s("g", { class: node.scope ?? "none" },
    s("title", {}, `${node.name} ${node.where}`),
    s("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 8 }),
    s("text", { x: middle, y: y + (said ? 19 : 27) }, name),
    s("text", { x: middle, y: y + 34, class: "sub" }, said));
}
