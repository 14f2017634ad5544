// Elements and texts that the views share.

export const base = document.documentElement.dataset.base;

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export async function get(path) {
  const response = await fetch(base + path);
  return response.ok ? response.json() : null;
}

export function time(nanoseconds) {
  const ms = nanoseconds / 1e6;
  if (ms === 0) return "0";
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} µs`;
}

export function status(value) {
  const name = value === null ? "none" : `s${String(value)[0]}`;
  return h("span", { class: `status ${name}` }, value === null ? "–" : String(value));
}

export function panel(title, ...children) {
  return h("section", { class: "panel" }, h("h3", {}, title), ...children);
}

export function place(file, line) {
  return file === null ? "" : `${file.split("/").slice(-2).join("/")}:${line}`;
}
